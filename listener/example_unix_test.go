//go:build unix

package listener_test

import (
	"context"
	"fmt"

	"github.com/moor-net/moor/listener"
)

// Options of package net's ListenConfig, and some of its own.
func ExampleListenConfig() {
	lc := listener.ListenConfig{ReusePort: true, Backlog: 128}
	first, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer first.Close()
	second, err := lc.Listen(context.Background(), "tcp", first.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer second.Close()
	fmt.Println(first.Addr().String() == second.Addr().String())
	// Output: true
}
