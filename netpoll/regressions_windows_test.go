package netpoll_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// Each test here failed once.

// refused demands the error of a driver that takes no request.
func refused(t *testing.T, err error) {
	t.Helper()
	var call *os.SyscallError
	if !errors.As(err, &call) || call.Syscall != "NtDeviceIoControlFile" {
		t.Errorf("%v, want what the driver said", err)
	}
}

// A driver that refused a request, as it does for lack of memory, made its
// socket count as closed if the request was not the first: there was no event
// any more, and no error.
func TestRefusedRequestIsTold(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		p := newPoller(t)
		a, b := connectTCP(t)
		slot, err := p.AttachAsked(uintptr(a.fd), 1, R|W)
		if err != nil {
			t.Fatal(err)
		}
		works := netpoll.RefuseRequests(p.Poll)
		refused(t, p.Rearm(slot, R))
		works()
		p.silent("the request failed")
		if err := p.Rearm(slot, R); err != nil {
			t.Fatal(err)
		}
		b.write([]byte("x"))
		p.expect(1, R)
	})
	t.Run("after another request", func(t *testing.T) {
		p := newPoller(t)
		a, _ := connectTCP(t)
		slot, err := p.AttachAsked(uintptr(a.fd), 1, R|W)
		if err != nil {
			t.Fatal(err)
		}
		for _, ready := range []netpoll.Ready{R, W} { // the second cancels the first
			if err := p.Rearm(slot, ready); err != nil {
				t.Fatal(err)
			}
		}
		works := netpoll.RefuseRequests(p.Poll)
		p.expect(1, W|netpoll.Error)
		refused(t, p.Rearm(slot, W)) // who tries and finds nothing hears why
		works()
		p.silent("nobody has asked")
		if err := p.Rearm(slot, W); err != nil {
			t.Fatal(err)
		}
		p.expect(1, W)
	})
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge, netpoll.Level | netpoll.OneShot} {
		t.Run("after an event, "+opts.String(), func(t *testing.T) {
			p := newPoller(t)
			a, b := connectTCP(t)
			p.register(a.source(), 1, R, opts)
			b.write([]byte("x"))
			p.expect(1, R)
			a.readAll()
			works := netpoll.RefuseRequests(p.Poll)
			switch opts {
			case netpoll.Level:
				for range 3 {
					p.expect(1, R|netpoll.Error)
				}
			case netpoll.Edge: // asked again by itself
				p.expect(1, R|netpoll.Error)
			default:
				refused(t, p.Reregister(a.source(), 1, R, opts))
				p.silent("nothing was registered")
			}
			works()
			if opts&netpoll.OneShot != 0 {
				p.reregister(a.source(), 1, R, opts)
			}
			b.write([]byte("y"))
			for data := []byte(nil); len(data) == 0; {
				p.expect(1, R)
				data, _ = a.readAll()
			}
			p.deregister(a.source())
		})
	}
	t.Run("of a socket that was closed", func(t *testing.T) {
		p := newPoller(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, R, netpoll.Level)
		b.write([]byte("x"))
		p.expect(1, R)
		a.close()
		p.silent("it is closed")
	})
}

// numbered returns a datagram socket with the number fd, which was closed, or nil if
// something else has got it.
func numbered(t *testing.T, fd netpoll.FD) *socket {
	t.Helper()
	for range 64 {
		if s := bindUDP(t); s.source() == fd {
			return s
		}
	}
	return nil
}

// A socket that was closed without Deregister while no request was in progress for
// it kept its number: the next socket of that number could not be registered, or
// was told under the old token.
func TestClosedSocketHasNoClaimOnItsNumber(t *testing.T) {
	stages := map[string]func(p *poller, a, b *socket){
		"level, told": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, R|W, netpoll.Level)
			p.expect(1, W)
		},
		"edge, told": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, W, netpoll.Edge)
			p.expect(1, W)
		},
		"edge, told, and rearmed before": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, W, netpoll.Edge)
			p.expect(1, W)
			if err := a.source().Rearm(p.Poll, W); err != nil {
				p.t.Fatal(err)
			}
			p.expect(1, W)
		},
		"a spent one-shot": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, W, netpoll.Level|netpoll.OneShot)
			p.expect(1, W)
		},
		"no interest": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, 0, netpoll.Level)
		},
		"an event at the port": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, R|W, netpoll.Level)
		},
		"a request being cancelled": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, R, netpoll.Level)
			p.reregister(a.source(), 1, R|netpoll.Priority, netpoll.Level)
		},
		"refused another registration": func(p *poller, a, b *socket) {
			p.register(a.source(), 1, W, netpoll.Level|netpoll.OneShot)
			p.expect(1, W)
			mustMatch(p.t, "Register", p.Register(a.source(), 2, R, 0), netpoll.ErrAlreadyRegistered)
			p.silent("spent")
		},
	}
	for name, stage := range stages {
		t.Run(name, func(t *testing.T) {
			for _, polled := range []bool{false, true} {
				var p *poller
				var number netpoll.FD
				var again *socket
				for try := 0; again == nil; try++ {
					if try == 20 {
						t.Fatal("no socket has got the number of one that was closed")
					}
					var a, b *socket
					p = newPoller(t)
					a, b = connectTCP(t)
					number = a.source()
					stage(p, a, b)
					a.closeFor(b)
					again = numbered(t, number)
				}
				if polled {
					p.silent("the number was not registered again")
					mustMatch(t, "Reregister", p.Reregister(number, 2, W, 0), netpoll.ErrNotRegistered)
				}
				p.register(number, 3, W, netpoll.Level)
				p.expect(3, W)
				p.deregister(number)
				p.silent("deregistered")
				again.close()
			}
		})
	}
}

// An unknown operation's packet that came when user-space sources were ready was not
// reported.
func TestStrayPacketBesideUserEventsIsReported(t *testing.T) {
	p := newPoller(t)
	server, _ := openPipe(t)
	if err := p.AssociateHandle(server); err != nil {
		t.Fatal(err)
	}
	r, set := registration.New()
	p.register(r, 1, R, netpoll.Level)
	set.Set(R)
	var n uint32
	data := []byte("hello")
	var raw windows.Overlapped
	var pin runtime.Pinner
	pin.Pin(&raw)
	pin.Pin(&data[0])
	defer pin.Unpin()
	if err := windows.WriteFile(server, data, &n, &raw); err != nil && err != windows.ERROR_IO_PENDING {
		t.Fatal(err)
	}
	events := netpoll.NewEvents(4)
	for end := time.Now().Add(patience); ; {
		n, err := p.Poll.Poll(events, patience)
		if errors.Is(err, netpoll.ErrStrayPacket) {
			if n != 0 || events.Len() != 0 {
				t.Error("events and an error")
			}
			break
		}
		if err != nil || n != 1 {
			t.Fatalf("Poll: %d events, %v", n, err)
		}
		if time.Now().After(end) {
			t.Fatal("the packet is not reported")
		}
	}
	p.expect(1, R)
}

// When the Poll was closed during Start, Start itself called back what had ended. A
// program that holds a lock while it begins an operation, and takes it in Done, was
// stuck.
func TestStartCallsNobodyBack(t *testing.T) {
	p := newPoller(t)
	server, _ := openPipe(t)
	if err := p.AssociateHandle(server); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	var pin runtime.Pinner
	pin.Pin(&buf[0])
	defer pin.Unpin()
	var mu sync.Mutex
	done := make(chan struct{})
	o := new(netpoll.Overlapped)
	o.Cancel = func() { windows.CancelIoEx(server, o.Raw()) }
	o.Done = func(netpoll.Completion) {
		mu.Lock()
		defer mu.Unlock()
		close(done)
	}
	started := make(chan error, 1)
	go func() {
		mu.Lock()
		defer mu.Unlock()
		var n uint32
		started <- p.Start(o, func(raw *windows.Overlapped) error {
			err := windows.ReadFile(server, buf, &n, raw)
			p.Close()
			return err
		})
	}()
	select {
	case err := <-started:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("Start has not returned")
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the operation has not ended")
	}
}

// A wake-up that the system refused, as it does for lack of memory, was lost to
// everybody who had found that one was on its way already; and a Poll that was to
// be closed went on sleeping.
func TestRefusedWakesAreOwed(t *testing.T) {
	for name, test := range map[string]struct {
		wake func(p *netpoll.Poll, s *registration.SetReadiness) error
		n    int
		err  error
	}{
		"Wake":  {func(p *netpoll.Poll, _ *registration.SetReadiness) error { return errors.Join(p.Wake(), p.Wake()) }, 0, nil},
		"Set":   {func(_ *netpoll.Poll, s *registration.SetReadiness) error { return s.Set(R) }, 1, nil},
		"Close": {func(p *netpoll.Poll, _ *registration.SetReadiness) error { return p.Close() }, 0, os.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPoll(t)
			r, s := registration.New()
			if err := p.Register(r, 1, R, netpoll.Edge); err != nil {
				t.Fatal(err)
			}
			type result struct {
				n   int
				err error
			}
			polled := make(chan result, 1)
			go func() {
				n, err := p.Poll(netpoll.NewEvents(1), -1)
				polled <- result{n, err}
			}()
			awaitDequeue(t)
			works := netpoll.RefuseWakes(p)
			if err := test.wake(p, s); err != nil {
				t.Error(err)
			}
			select {
			case got := <-polled:
				t.Fatalf("Poll returned %d, %v although nothing could wake it", got.n, got.err)
			default:
			}
			works()
			select {
			case got := <-polled:
				if got.n != test.n || !errors.Is(got.err, test.err) {
					t.Errorf("Poll returned %d, %v; want %d, %v", got.n, got.err, test.n, test.err)
				}
			case <-time.After(time.Minute):
				t.Fatal("Poll goes on sleeping")
			}
		})
	}
}

// awaitDequeue waits until a goroutine waits at a port.
func awaitDequeue(t *testing.T) {
	t.Helper()
	all := make([]byte, 1<<20)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		for g := range strings.SplitSeq(string(all[:runtime.Stack(all, true)]), "\n\n") {
			state, _, _ := strings.Cut(g, "\n")
			if strings.Contains(g, "netpoll.port.dequeue(") && strings.Contains(state, "[syscall") {
				return
			}
		}
	}
	t.Fatal("nobody waits at a port")
}
