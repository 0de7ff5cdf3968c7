package listener_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// A connection with so much pending output that it is not read ends all the
// same, however that comes.
func TestConnectionThatIsNotReadEnds(t *testing.T) {
	var op *net.OpError
	for name, end := range map[string]struct {
		by   func(rt *moorrt.Runtime, s *listener.EventServer, c *listener.EventConn, peer *net.TCPConn)
		with func(error) bool
	}{
		"reset": {func(_ *moorrt.Runtime, _ *listener.EventServer, _ *listener.EventConn, peer *net.TCPConn) {
			peer.SetLinger(0)
			peer.Close()
		}, func(err error) bool { return errors.As(err, &op) && op.Op == "write" }},
		"server's Close": {func(_ *moorrt.Runtime, s *listener.EventServer, _ *listener.EventConn, _ *net.TCPConn) {
			s.Close()
		}, func(err error) bool { return err == listener.ErrServerClosed }},
		"Runtime's Shutdown": {func(rt *moorrt.Runtime, _ *listener.EventServer, _ *listener.EventConn, _ *net.TCPConn) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			rt.Shutdown(ctx)
		}, func(err error) bool { return err == net.ErrClosed }},
		"CloseWith, and then the peer's reset": {func(_ *moorrt.Runtime, _ *listener.EventServer, c *listener.EventConn, peer *net.TCPConn) {
			c.CloseWith(io.ErrShortBuffer)
			peer.SetLinger(0)
			peer.Close()
		}, func(err error) bool { return err == io.ErrShortBuffer }},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *listener.EventServer) {
				rt, err := moorrt.New(moorrt.Config{Loops: 1})
				if err != nil {
					t.Fatal(err)
				}
				ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				full := make(chan *listener.EventConn, 1)
				s.WriteLimit = 64 << 20
				s.OnOpen = func(c *listener.EventConn) error {
					_, err := c.Write(make([]byte, 32<<20))
					return err
				}
				s.OnHighWater = func(c *listener.EventConn) { full <- c }
				ends := causes(s)
				served := make(chan error, 1)
				go func() { served <- s.Serve(ln) }()
				peer := dialTo(t, ln.Addr().String())
				end.by(rt, s, await(t, full, "OnHighWater"), peer)
				if err := await(t, ends, "OnClose"); !end.with(err) {
					t.Errorf("cause %v", err)
				}
				ln.Close()
				await(t, served, "end of Serve")
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if st := s.Stats(); st.Conns != 0 || st.Pending != 0 || st.Slow != 0 || len(ends) != 0 {
					t.Errorf("left over: %+v, %d more ends", st, len(ends))
				}
				rt.Shutdown(context.Background())
			})
		})
	}
}
