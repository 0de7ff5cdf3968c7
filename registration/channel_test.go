package registration_test

import (
	"io"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// channel returns a Channel that is registered with p.
func (p *poller) channel(capacity int, interest netpoll.Ready, opts netpoll.PollOpt) *registration.Channel[int] {
	p.t.Helper()
	c := registration.NewChannel[int](capacity)
	must(p.t, p.Register(c, 123, interest, opts))
	return c
}

// receives demands the value v.
func receives(t testing.TB, c *registration.Channel[int], v int) {
	t.Helper()
	if got, err := c.Recv(); err != nil || got != v {
		t.Fatalf("Recv: %d, %v; want %d", got, err, v)
	}
}

func refuses(t testing.TB, c *registration.Channel[int], want error) {
	t.Helper()
	_, err := c.Recv()
	wantErr(t, "Recv", err, want)
}

func TestChannelEdge(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, edge)
	for v := range 3 {
		p.expect()
		must(t, c.Send(v))
		p.await(event{123, R})
		p.expect()
		receives(t, c, v)
		p.expect()
	}
	refuses(t, c, registration.ErrEmpty)
	must(t, c.CloseSend())
	p.await(event{123, R | netpoll.ReadClosed})
	p.expect()
	refuses(t, c, io.EOF)
}

// As data that arrives on a socket that was not drained.
func TestChannelEdgeFiresForEverySend(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, edge)
	for v := range 3 {
		must(t, c.Send(v))
		p.expect(event{123, R})
	}
	must(t, c.CloseSend())
	p.expect(event{123, R | netpoll.ReadClosed})
	for v := range 3 {
		receives(t, c, v)
	}
	refuses(t, c, io.EOF)
}

func TestChannelOneShotFiresOnEachReregisterWhileNotEmpty(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, edge|oneshot)
	p.expect()
	must(t, c.Send(1))
	p.expect(event{123, R})
	p.expect()
	receives(t, c, 1)
	p.expect()
	must(t, c.Send(2))
	p.expect()
	for range 3 {
		must(t, p.Reregister(c, 123, R, edge|oneshot))
		p.expect(event{123, R})
		p.expect()
	}
	receives(t, c, 2)
	must(t, p.Reregister(c, 123, R, edge|oneshot))
	p.expect()
	must(t, c.CloseSend())
	p.expect(event{123, R | netpoll.ReadClosed})
	refuses(t, c, io.EOF)
}

func TestChannelLevel(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, level)
	p.expect()
	must(t, c.Send(1))
	for range 5 {
		p.expect(event{123, R})
	}
	receives(t, c, 1)
	p.expect()
	must(t, c.Send(2))
	must(t, c.CloseSend())
	p.expect(event{123, R | netpoll.ReadClosed})
	receives(t, c, 2)
	for range 2 { // stays, as the end of a stream does
		p.expect(event{123, R | netpoll.ReadClosed})
		refuses(t, c, io.EOF)
	}
}

func TestChannelIsNeverWritable(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, W, edge)
	must(t, c.Send(1))
	p.expect()
	receives(t, c, 1)
	p.expect()
}

func TestChannelClosedBeforePollGivesNoEvent(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, level)
	must(t, c.Send(1))
	must(t, c.Close())
	p.expect()
	wantErr(t, "Send", c.Send(2), os.ErrClosed)
	wantErr(t, "CloseSend", c.CloseSend(), os.ErrClosed)
	wantErr(t, "Close", c.Close(), os.ErrClosed)
	wantErr(t, "Register", p.Register(c, 1, R, edge), os.ErrClosed)
	refuses(t, c, os.ErrClosed)
}

func TestChannelRefusesToSendAfterCloseSend(t *testing.T) {
	c := registration.NewChannel[int](4)
	must(t, c.Send(1))
	must(t, c.CloseSend())
	wantErr(t, "Send", c.Send(2), os.ErrClosed)
	wantErr(t, "CloseSend", c.CloseSend(), os.ErrClosed)
	receives(t, c, 1)
	refuses(t, c, io.EOF)
}

func TestChannelSentToBeforeRegister(t *testing.T) {
	p := newPoller(t, 8)
	c := registration.NewChannel[int](4)
	must(t, c.Send(1))
	must(t, p.Register(c, 1, R, edge))
	p.expect(event{1, R})
}

func TestChannelOfAClosedPollRefusesToSend(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, edge)
	must(t, c.Send(1))
	must(t, p.Close())
	wantErr(t, "Send", c.Send(2), os.ErrClosed)
	receives(t, c, 1)
	refuses(t, c, registration.ErrEmpty)
}

func TestChannelIsBoundedAndKeepsTheOrder(t *testing.T) {
	for _, capacity := range []int{-1, 1, 7, 8, 9, 100} {
		c := registration.NewChannel[int](capacity)
		if c.Cap() != max(capacity, 1) {
			t.Fatalf("Cap = %d, asked for %d", c.Cap(), capacity)
		}
		sent, received := 0, 0
		for ; sent < c.Cap()/2; sent++ { // grows when it does not begin at zero
			must(t, c.Send(sent))
		}
		for ; received < sent/2; received++ {
			receives(t, c, received)
		}
		for round := range 50 {
			for c.Send(sent) == nil {
				sent++
			}
			wantErr(t, "Send", c.Send(-1), registration.ErrFull)
			if c.Len() != c.Cap() {
				t.Fatalf("full with %d of %d", c.Len(), c.Cap())
			}
			for range 1 + round%c.Cap() {
				receives(t, c, received)
				received++
			}
		}
		for ; received < sent; received++ {
			receives(t, c, received)
		}
		refuses(t, c, registration.ErrEmpty)
	}
}

func TestChannelSendAndRecvAllocateNothing(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, edge)
	must(t, c.Send(0))
	receives(t, c, 0)
	allocs := testing.AllocsPerRun(100, func() {
		c.Send(1)
		p.Poll.Poll(p.events, 0)
		c.Recv()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestChannelLetsGoOfReceivedValues(t *testing.T) {
	c := registration.NewChannel[*int](4)
	gone := make(chan struct{})
	func() {
		v := new(int)
		runtime.AddCleanup(v, func(c chan struct{}) { close(c) }, gone)
		must(t, c.Send(v))
		_, err := c.Recv()
		must(t, err)
	}()
	collected(t, gone)
	runtime.KeepAlive(c)
}

func TestChannelManySendersWhilePolling(t *testing.T) {
	const senders, values = 5, 20_000 / slow
	for _, opts := range []netpoll.PollOpt{edge, level, oneshot, edge | oneshot} {
		p := newPoller(t, 8)
		c := p.channel(64, R, opts)
		var all sync.WaitGroup
		for i := range senders {
			all.Go(func() {
				for v := 0; v < values; {
					if c.Send(i*values+v) == nil {
						v++
					} else {
						runtime.Gosched() // full: the receiver's turn
					}
				}
			})
		}
		go func() {
			all.Wait()
			c.CloseSend()
		}()
		var next [senders]int
		for total := 0; ; {
			if len(p.poll(limit)) == 0 {
				t.Fatalf("%v: no event after %d values", opts, total)
			}
			v, err := c.Recv()
			for ; err == nil; v, err = c.Recv() {
				if v%values != next[v/values] {
					t.Fatalf("sender %d: value %d came instead of %d", v/values, v%values, next[v/values])
				}
				next[v/values]++
				total++
			}
			if err == io.EOF {
				if total != senders*values {
					t.Fatalf("%v: %d values of %d", opts, total, senders*values)
				}
				break
			}
			wantErr(t, "Recv", err, registration.ErrEmpty)
			if opts&oneshot != 0 {
				must(t, p.Reregister(c, 123, R, opts))
			}
		}
		must(t, c.Close())
	}
}
