package listener

import (
	"net"
	"runtime"
	"syscall"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// PipeConfig says how a named pipe is made. The zero PipeConfig is the default.
type PipeConfig struct {
	// SecurityDescriptor says who may connect, in the security descriptor
	// definition language (SDDL). By default the system's rules for named pipes
	// hold: full access for the user, the system and administrators, and reading
	// for everybody, who can so take an instance.
	SecurityDescriptor string
	// MessageMode makes a pipe of messages: see conn.PipeConn.
	MessageMode bool
	// InputBufferSize and OutputBufferSize are the sizes of the server's buffers
	// in bytes, 64 KiB when zero. A Write waits for a reader when it does not fit.
	InputBufferSize, OutputBufferSize int
	// Runtime is where the listener and its connections belong;
	// runtime.Default's when nil.
	Runtime *moorrt.Runtime
}

const pipeBuffer = 64 << 10

// PipeListener listens for connections over a named pipe. Any number of
// goroutines may call any method at the same time.
//
// One client may connect before Accept is called; others that dial meanwhile
// wait. Clients on other machines are refused.
type PipeListener struct {
	pipe *netfd.PipeListener
}

// ListenPipe makes a named pipe, such as \\.\pipe\name, and listens on it. A nil
// config is the zero one. When there is a pipe of that name the error matches
// fs.ErrPermission.
func ListenPipe(path string, config *PipeConfig) (*PipeListener, error) {
	var c PipeConfig
	if config != nil {
		c = *config
	}
	fail := func(err error) (*PipeListener, error) {
		return nil, &net.OpError{Op: "listen", Net: "pipe", Addr: conn.PipeAddr(path), Err: err}
	}
	lc := ListenConfig{Runtime: c.Runtime}
	rt, err := lc.runtime()
	if err != nil {
		return fail(err)
	}
	for _, size := range []*int{&c.InputBufferSize, &c.OutputBufferSize} {
		if *size == 0 {
			*size = pipeBuffer
		}
	}
	p, err := netfd.ListenPipe(rt, conn.PipeAddr(path), netfd.PipeOptions{
		SecurityDescriptor: c.SecurityDescriptor, Messages: c.MessageMode,
		In: c.InputBufferSize, Out: c.OutputBufferSize})
	if err != nil {
		return fail(err)
	}
	l := &PipeListener{p}
	// The loop refers to the pipe's instance alone.
	runtime.SetFinalizer(l, func(l *PipeListener) { l.pipe.Close() })
	return l, nil
}

func (l *PipeListener) ok() bool { return l != nil && l.pipe != nil }

// do gives the error of an operation its form.
func (l *PipeListener) do(op string, err error) error {
	runtime.KeepAlive(l)
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: "pipe", Addr: l.pipe.Addr(), Err: err}
}

// Accept implements net.Listener: it waits for a client, whose connection is a
// *conn.PipeConn.
func (l *PipeListener) Accept() (net.Conn, error) {
	c, err := l.AcceptPipe()
	if err != nil {
		return nil, err // not c, which would be a nil pointer in an interface
	}
	return c, nil
}

// AcceptPipe is Accept with the connection's own type.
func (l *PipeListener) AcceptPipe() (*conn.PipeConn, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	p, err := l.pipe.Accept()
	if err != nil {
		return nil, l.do("accept", err)
	}
	runtime.KeepAlive(l)
	return conn.NewPipeConn(p), nil
}

// Close implements net.Listener. It ends every blocked Accept, whose error
// matches net.ErrClosed, as does a second Close's. Connections are not affected,
// except that of a client that nobody has accepted.
func (l *PipeListener) Close() error {
	if !l.ok() {
		return syscall.EINVAL
	}
	runtime.SetFinalizer(l, nil)
	return l.do("close", l.pipe.Close())
}

// Addr implements net.Listener: the pipe's name, a conn.PipeAddr.
func (l *PipeListener) Addr() net.Addr {
	if !l.ok() {
		return nil
	}
	return l.pipe.Addr()
}

// SetDeadline sets the deadline of Accept; the zero time is none. It applies to
// calls that are blocked already, which return an error that is a timeout.
func (l *PipeListener) SetDeadline(t time.Time) error {
	if !l.ok() {
		return syscall.EINVAL
	}
	return l.do("set", l.pipe.SetDeadline(t))
}
