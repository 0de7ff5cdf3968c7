package server

import "net"

// std is Go's own net package.
func init() { register("std", goroutines(net.Listen)) }
