package listener_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"

	"github.com/moor-net/moor/listener"
)

// An echo server whose idle connections have neither a goroutine nor a buffer.
func ExampleEventServer() {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &listener.EventServer{Events: listener.Events{
		OnReadable: func(c *listener.EventConn) error {
			p, _ := c.Next(-1) // all that has come; good until we return
			_, err := c.Write(p)
			return err
		},
		OnClose: func(c *listener.EventConn, cause error) {
			fmt.Println("closed:", cause)
		},
	}}
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()

	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(c, "hello")
	answer := make([]byte, 5)
	io.ReadFull(c, answer)
	fmt.Printf("%s\n", answer)

	server.Shutdown(context.Background())
	fmt.Println(errors.Is(<-served, listener.ErrServerClosed))
	// Output:
	// hello
	// closed: listener: the server was shut down
	// true
}
