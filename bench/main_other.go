//go:build !linux

// Command bench compares network libraries with each other on one machine.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: measures with epoll, CPU clocks of other processes and /proc/stat: Linux only")
	os.Exit(1)
}
