package netpoll_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/netpoll"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := netpoll.VerifyPollBlocks(); err != nil {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// handles returns the number of handles that the process has open.
func handles(t testing.TB) int {
	t.Helper()
	var n uint32
	r, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount").
		Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n)))
	if r == 0 {
		t.Fatalf("GetProcessHandleCount: %v", err)
	}
	return int(n)
}

// settled demands that everything was given back, except for what a thread that
// Go's runtime has started meanwhile keeps for itself.
func settled(t *testing.T, handlesBefore, lentBefore int) {
	t.Helper()
	const perThread, threads = 4, 8
	if n := handles(t); n > handlesBefore+perThread*threads {
		t.Errorf("%d handles are open, %d were before", n, handlesBefore)
	}
	if n := netpoll.PollBlocksLent(); n != lentBefore {
		t.Errorf("the memory of %d requests is lent, of %d it was before", n, lentBefore)
	}
	if err := netpoll.VerifyPollBlocks(); err != nil {
		t.Error(err)
	}
}

// Every socket among very many is told of its own, and all that they took is
// given back whichever goes first, they or the Poll.
func TestThousandsOfSockets(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 1000
	}
	for _, pollFirst := range []bool{false, true} {
		lent, before := netpoll.PollBlocksLent(), handles(t)
		p := newPoller(t)
		socks := make([]*socket, n)
		for i := range socks {
			socks[i] = bindUDP(t)
			p.register(socks[i].source(), netpoll.Token(i), R, netpoll.Edge)
		}
		p.silent("nothing was sent")
		tx := bindUDP(t)
		want := map[netpoll.Token]netpoll.Ready{}
		for range 100 {
			i := rand.IntN(n)
			tx.sendTo([]byte{1}, socks[i].local())
			want[netpoll.Token(i)] = R
		}
		p.gather(want)
		if pollFirst {
			p.Close()
		}
		for _, s := range append(socks, tx) {
			s.close()
		}
		if !pollFirst {
			p.silent("all are closed")
			p.Close()
		}
		settled(t, before, lent)
	}
}

// Cancelling a request at the moment that it is answered: each has one packet,
// or the count of those in flight would not come back to zero.
func TestCancelMeetsTheEvent(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 200
	}
	lent, before := netpoll.PollBlocksLent(), handles(t)
	p := newPoller(t)
	rx, tx := bindUDP(t), bindUDP(t)
	to := rx.local()
	var sent sync.WaitGroup
	for i := range rounds {
		p.register(rx.source(), 1, R, netpoll.Level)
		sent.Add(1)
		go func() {
			tx.sendTo([]byte{1}, to)
			sent.Done()
		}()
		for range i % 32 {
			runtime.Gosched()
		}
		switch i % 3 {
		case 0:
			p.deregister(rx.source())
		case 1:
			p.reregister(rx.source(), 2, R|W, netpoll.Level)
			p.expect(2, W)
			p.deregister(rx.source())
		case 2:
			slot, err := p.Attach(uintptr(tx.fd), 3, R, netpoll.Edge)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Detach(slot); err != nil {
				t.Fatal(err)
			}
			p.deregister(rx.source())
		}
		sent.Wait()
		rx.readAll()
		p.silent("deregistered")
	}
	for {
		requests, gone := netpoll.Packets(p.Poll)
		if requests == 0 && gone == 0 {
			break
		}
		p.wait(patience / 1000)
	}
	p.Close()
	rx.close()
	tx.close()
	settled(t, before, lent)
}

// Whatever is closed first, while requests are in progress, half answered or
// being cancelled, everything is given back.
func TestCloseInEveryOrder(t *testing.T) {
	orders := [][3]string{
		{"poll", "socket", "peer"}, {"poll", "peer", "socket"}, {"socket", "poll", "peer"},
		{"socket", "peer", "poll"}, {"peer", "poll", "socket"}, {"peer", "socket", "poll"},
	}
	closeAll := func(order [3]string, stage func(p *poller, a, b *socket)) {
		p := newPoller(t)
		a, b := connectTCP(t)
		stage(p, a, b)
		for _, which := range order {
			switch which {
			case "poll":
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			case "socket":
				a.close()
			case "peer":
				b.close()
			}
		}
	}
	stages := map[string]func(p *poller, a, b *socket){
		"a request in progress": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, R, netpoll.Edge)
		},
		"an answer at the port": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, R|W, netpoll.Edge)
		},
		"a request being cancelled": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, R, netpoll.Level)
			p.reregister(a.source(), 1, R|netpoll.Priority, netpoll.Level)
		},
		"deregistered": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, R, netpoll.Level)
			p.deregister(a.source())
		},
		"told": func(p *poller, a, b *socket) {
			b.write([]byte("x"))
			p.register(a.source(), 1, R, netpoll.Level)
			p.expect(1, R)
		},
	}
	closeAll(orders[0], stages["told"]) // what is made once
	for name, stage := range stages {
		t.Run(name, func(t *testing.T) {
			lent, before := netpoll.PollBlocksLent(), handles(t)
			for range 10 {
				for _, order := range orders {
					closeAll(order, stage)
				}
			}
			settled(t, before, lent)
		})
	}
}

// Sockets that come and go while nobody polls leave nothing behind that grows.
func TestChurnWithoutPolling(t *testing.T) {
	p := newPoller(t)
	s := bindUDP(t)
	for range 1000 {
		p.register(s.source(), 1, R, netpoll.Level)
		p.deregister(s.source())
	}
	if _, gone := netpoll.Packets(p.Poll); gone > 200 {
		t.Errorf("%d sockets that are gone are kept", gone)
	}
	p.register(s.source(), 2, W, netpoll.Level)
	p.expect(2, W)
}

// A request that began in a thread that has ended goes on.
func TestRequestOutlivesItsThread(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends
		p.register(a.source(), 1, R, netpoll.Edge)
	}()
	<-done
	p.silent("nothing to read")
	b.write([]byte("x"))
	p.expect(1, R)
}

// A source that nobody has asked about costs no request.
func TestNothingIsToldUnasked(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	slot, err := p.AttachAsked(uintptr(a.fd), 1, R|W)
	if err != nil {
		t.Fatal(err)
	}
	b.write([]byte("x"))
	if requests, _ := netpoll.Packets(p.Poll); requests != 0 {
		t.Errorf("%d requests begun", requests)
	}
	p.silent("nobody has asked")
	if err := p.Rearm(slot, W); err != nil {
		t.Fatal(err)
	}
	if got := p.expect(1, W); got != W {
		t.Errorf("%v, want Writable alone", got)
	}
}
