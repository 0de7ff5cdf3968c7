package listener

import (
	"fmt"
	"log"
	"net"
	"runtime/debug"
)

// A PanicError is why a connection was closed whose callback or handler
// panicked.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // of the goroutine that panicked
}

// Error returns the value as text, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("listener: panic: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func newPanicError(value any) *PanicError { return &PanicError{value, debug.Stack()} }

// log reports e as net/http does.
func (e *PanicError) log(l *log.Logger, peer net.Addr) {
	if l == nil {
		l = log.Default()
	}
	l.Printf("listener: panic serving %v: %v\n%s", peer, e.Value, e.Stack)
}
