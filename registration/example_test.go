package registration_test

import (
	"fmt"
	"io"
	"log"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// A worker tells a polling goroutine that its result is there.
func Example() {
	poll, err := netpoll.New()
	if err != nil {
		log.Fatal(err)
	}
	defer poll.Close()

	done, setDone := registration.New()
	defer done.Close()
	const token = 7
	if err := poll.Register(done, token, netpoll.Readable, netpoll.Edge); err != nil {
		log.Fatal(err)
	}

	var result int
	go func() {
		result = 6 * 7 // visible to whoever gets the event
		setDone.Set(netpoll.Readable)
	}()

	events := netpoll.NewEvents(16)
	for events.Len() == 0 { // Poll may return without events
		if _, err := poll.Poll(events, -1); err != nil {
			log.Fatal(err)
		}
	}
	for event := range events.All() {
		fmt.Println("token", event.Token(), event.Readiness(), "result", result)
	}
	// Output: token 7 Readable result 42
}

func ExampleTimer() {
	poll, err := netpoll.New()
	if err != nil {
		log.Fatal(err)
	}
	defer poll.Close()

	timer := registration.NewTimer()
	defer timer.Close()
	if err := poll.Register(timer, 1, netpoll.Readable, netpoll.Edge); err != nil {
		log.Fatal(err)
	}
	at := time.Now().Add(10 * time.Millisecond)
	if err := timer.Set(at); err != nil {
		log.Fatal(err)
	}

	events := netpoll.NewEvents(16)
	for events.Len() == 0 {
		if _, err := poll.Poll(events, -1); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("due:", !time.Now().Before(at))
	// Output: due: true
}

func ExampleChannel() {
	poll, err := netpoll.New()
	if err != nil {
		log.Fatal(err)
	}
	defer poll.Close()

	lines := registration.NewChannel[string](100)
	defer lines.Close()
	if err := poll.Register(lines, 1, netpoll.Readable, netpoll.Edge); err != nil {
		log.Fatal(err)
	}
	go func() {
		for _, line := range []string{"cast off", "set sail", "moor"} {
			if err := lines.Send(line); err != nil {
				log.Fatal(err)
			}
		}
		lines.CloseSend()
	}()

	events := netpoll.NewEvents(16)
	for {
		if _, err := poll.Poll(events, -1); err != nil {
			log.Fatal(err)
		}
		for range events.All() {
			for { // edge: until it would block
				line, err := lines.Recv()
				if err == registration.ErrEmpty {
					break
				}
				if err == io.EOF {
					return
				}
				fmt.Println(line)
			}
		}
	}
	// Output:
	// cast off
	// set sail
	// moor
}
