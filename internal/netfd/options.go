package netfd

import (
	"context"
	"syscall"

	"github.com/moor-net/moor/runtime"
)

// Control is what Dialer.ControlContext and ListenConfig.Control come down to:
// it sees a socket after it was made and before it is bound.
type Control func(ctx context.Context, network, address string, c syscall.RawConn) error

// ListenOptions are a listener's. Those that do not concern its network have
// no effect.
type ListenOptions struct {
	Control   Control
	MPTCP     bool
	Backlog   int // the system's maximum when zero
	ReusePort bool
	KeepAlive KeepAlive // for the connections
	// Loop is where the listener and its connections belong; any when nil.
	Loop *runtime.Loop
}
