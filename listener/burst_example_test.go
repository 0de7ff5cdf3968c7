package listener_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"sync"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime/pool"
)

// A chat: what one client says, all others hear. The handler is plain blocking
// code; between two messages a connection has neither a goroutine nor a buffer.
func ExampleBurstServer() {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	workers, err := pool.New(pool.Config{Size: 100})
	if err != nil {
		log.Fatal(err)
	}
	var mu sync.Mutex
	members := make(map[net.Conn]bool)
	server := &listener.BurstServer{
		Pool: workers,
		OnOpen: func(c net.Conn) error {
			mu.Lock()
			members[c] = true
			mu.Unlock()
			_, err := io.WriteString(c, "welcome\n")
			return err
		},
		Handler: func(c net.Conn) error {
			// One message a byte at a time: a bufio.Reader could take a part
			// of the next one away.
			var message []byte
			for b := make([]byte, 1); len(message) == 0 || b[0] != '\n'; {
				if _, err := io.ReadFull(c, b); err != nil {
					return err
				}
				message = append(message, b[0])
			}
			mu.Lock()
			defer mu.Unlock()
			for member := range members {
				if member != c {
					member.Write(message)
				}
			}
			return nil
		},
		OnClose: func(c net.Conn, cause error) {
			mu.Lock()
			delete(members, c)
			mu.Unlock()
		},
	}
	go server.Serve(ln)

	var clients []*bufio.Reader
	var first net.Conn
	for range 3 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close()
		if first == nil {
			first = c
		}
		r := bufio.NewReader(c)
		r.ReadString('\n') // the welcome
		clients = append(clients, r)
	}
	io.WriteString(first, "hello, all\n")
	for _, r := range clients[1:] {
		message, _ := r.ReadString('\n')
		fmt.Print(message)
	}
	server.Shutdown(context.Background())
	workers.Shutdown(context.Background())
	// Output:
	// hello, all
	// hello, all
}
