package listener_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"

	"github.com/moor-net/moor/listener"
)

// Ordinary blocking code, run by the event loops.
func ExampleServer() {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &listener.Server{Handler: func(c net.Conn) {
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			fmt.Fprintf(c, "hello, %s\n", lines.Text())
		}
	}}
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()

	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(c, "moor\n")
	answer, _ := bufio.NewReader(c).ReadString('\n')
	fmt.Print(answer)
	c.Close() // the handler's Scan ends, and so does the handler

	server.Shutdown(context.Background())
	fmt.Println(errors.Is(<-served, listener.ErrServerClosed))
	// Output:
	// hello, moor
	// true
}
