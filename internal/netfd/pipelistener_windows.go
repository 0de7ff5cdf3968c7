package netfd

import (
	"net"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/runtime"
)

// PipeOptions say how a named pipe is made.
type PipeOptions struct {
	SecurityDescriptor string // in SDDL; empty is the system's default
	Messages           bool
	In, Out            int // bytes of the buffers
}

// A PipeListener accepts the clients of a named pipe.
//
// There is always an instance that a client can connect to, also while nobody
// accepts; a client that has done so waits like one in the backlog of a socket.
// The next instance is made before Accept returns, so the name never goes away.
type PipeListener struct {
	rt        *runtime.Runtime
	addr      PipeAddr
	opts      PipeOptions
	security  *windows.SecurityAttributes
	accepting sync.Mutex // held by the one Accept that waits for a client

	mu       sync.Mutex
	instance *Pipe // nil when closed
	deadline time.Time
}

// ListenPipe makes a named pipe. The name must be free.
func ListenPipe(rt *runtime.Runtime, addr PipeAddr, opts PipeOptions) (*PipeListener, error) {
	l := &PipeListener{rt: rt, addr: addr, opts: opts}
	if opts.SecurityDescriptor != "" {
		sd, err := windows.SecurityDescriptorFromString(opts.SecurityDescriptor)
		if err != nil {
			return nil, call("ConvertStringSecurityDescriptorToSecurityDescriptor", err)
		}
		l.security = &windows.SecurityAttributes{SecurityDescriptor: sd}
		l.security.Length = uint32(unsafe.Sizeof(*l.security))
	}
	var err error
	l.instance, err = l.create(windows.FILE_FLAG_FIRST_PIPE_INSTANCE)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// create makes an instance.
func (l *PipeListener) create(flags uint32) (*Pipe, error) {
	name, err := windows.UTF16PtrFromString(string(l.addr))
	if err != nil {
		return nil, err
	}
	mode := uint32(windows.PIPE_TYPE_BYTE | windows.PIPE_REJECT_REMOTE_CLIENTS)
	if l.opts.Messages {
		mode |= windows.PIPE_TYPE_MESSAGE | windows.PIPE_READMODE_MESSAGE
	}
	h, err := windows.CreateNamedPipe(name, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED|flags, mode,
		windows.PIPE_UNLIMITED_INSTANCES, uint32(l.opts.Out), uint32(l.opts.In), 0, l.security)
	if err != nil {
		return nil, call("CreateNamedPipe", err)
	}
	return newPipe(l.rt, h, l.addr, l.opts.Messages, runtime.Listener)
}

// Addr returns the pipe's name.
func (l *PipeListener) Addr() PipeAddr { return l.addr }

// Accept waits for a client.
func (l *PipeListener) Accept() (*Pipe, error) {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	l.mu.Lock()
	p := l.instance
	l.mu.Unlock()
	if p == nil {
		return nil, net.ErrClosed
	}
	if err := p.ConnectPipe(); err != nil {
		return nil, err
	}
	// If this fails the client stays where it is, for the next Accept.
	next, err := l.create(0)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	if l.instance == nil {
		l.mu.Unlock()
		next.Close()
		return nil, net.ErrClosed
	}
	l.instance = next
	next.SetReadDeadline(l.deadline)
	l.mu.Unlock()
	p.SetKind(runtime.Stream)
	if err := p.SetReadDeadline(time.Time{}); err != nil {
		return nil, err // the Runtime was shut down
	}
	return p, nil
}

// SetDeadline sets the deadline of Accept.
func (l *PipeListener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.instance == nil {
		return net.ErrClosed
	}
	l.deadline = t
	return l.instance.SetReadDeadline(t)
}

// Close ends a waiting Accept and removes the name; connections stay.
func (l *PipeListener) Close() error {
	l.mu.Lock()
	p := l.instance
	l.instance = nil
	l.mu.Unlock()
	if p == nil {
		return net.ErrClosed
	}
	return p.Close()
}
