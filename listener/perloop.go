package listener

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/netfd"
)

// PerLoopListener is several listening sockets on one address, one for each
// loop: see ListenConfig.PerLoop. A goroutine for each takes a connection at a
// time for Accept. Any number of goroutines may call any method at the same
// time.
type PerLoopListener struct {
	sockets  []*TCPListener
	accepted chan acceptResult
	closed   chan struct{}
	once     sync.Once
}

type acceptResult struct {
	c   *conn.TCPConn
	err error
}

func (lc *ListenConfig) listenPerLoop(ctx context.Context, n netfd.Network, laddr *net.TCPAddr) (*PerLoopListener, error) {
	rt, err := lc.runtime()
	if err != nil {
		return nil, failed(n.String(), laddr, err)
	}
	l := &PerLoopListener{accepted: make(chan acceptResult), closed: make(chan struct{})}
	opts := lc.options()
	opts.ReusePort = true
	for i := range rt.Loops() {
		opts.Loop = rt.Loop(i)
		s, err := listenTCP(ctx, rt, n, laddr, opts)
		if err != nil {
			l.closeAll()
			return nil, err
		}
		l.sockets = append(l.sockets, s)
		if laddr.Port == 0 { // the others share the one that the system chose
			chosen := *laddr
			chosen.Port = s.Addr().(*net.TCPAddr).Port
			laddr = &chosen
		}
	}
	for _, s := range l.sockets {
		go l.accept(s)
	}
	return l, nil
}

// accept hands over what one socket accepts, until it is closed.
func (l *PerLoopListener) accept(s *TCPListener) {
	for {
		c, err := s.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			l.Close() // by Close, or because the Runtime was shut down
			return
		}
		select {
		case l.accepted <- acceptResult{c, err}:
		case <-l.closed:
			if err == nil {
				c.Close() // as the kernel does with those in its queue
			}
			return
		}
	}
}

// Accept implements net.Listener: it waits for a connection, which is a
// *conn.TCPConn on the loop of the socket that it came to.
func (l *PerLoopListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptTCP is Accept with the connection's own type.
func (l *PerLoopListener) AcceptTCP() (*conn.TCPConn, error) {
	select {
	case r := <-l.accepted:
		return r.c, r.err
	case <-l.closed:
		return nil, l.sockets[0].fail("accept", net.ErrClosed)
	}
}

// Close implements net.Listener. It closes all sockets and ends every blocked
// Accept, whose error matches net.ErrClosed, as does a second Close's.
func (l *PerLoopListener) Close() error {
	err := l.sockets[0].fail("close", net.ErrClosed)
	l.once.Do(func() {
		close(l.closed)
		err = l.closeAll()
	})
	return err
}

func (l *PerLoopListener) closeAll() error {
	var errs []error
	for _, s := range l.sockets {
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Addr implements net.Listener: the *net.TCPAddr that all sockets listen on.
func (l *PerLoopListener) Addr() net.Addr { return l.sockets[0].Addr() }
