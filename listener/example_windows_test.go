package listener_test

import (
	"bufio"
	"fmt"
	"io"
	"log"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// A server on a named pipe, and a client of it.
func ExampleListenPipe() {
	ln, err := listener.ListenPipe(`\\.\pipe\moor-example`, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()

	c, err := conn.DialPipe(ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, "hello")
	line, err := bufio.NewReader(c).ReadString('\n')
	fmt.Printf("%q %v\n", line, err)
	// Output: "hello\n" <nil>
}
