package server

import "github.com/moor-net/moor/listener"

// moor is this library, with the same blocking code as std.
func init() { register("moor", goroutines(listener.Listen)) }
