//go:build linux && moor_poll && (amd64 || arm64)

package netpoll_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// Every system call of the selector fails once: the error comes out, and
// nothing is left behind.

func TestNewFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		inject(t, fault{unix.SYS_PIPE2, unix.EMFILE, -1, -1})
		left := opened(t, func() {
			p, err := netpoll.New()
			if p != nil {
				t.Error("a Poll although it failed")
			}
			mustMatch(t, "New", err, unix.EMFILE)
		})
		if len(left) != 0 {
			t.Errorf("descriptors %v are left open", left)
		}
	})
}

func TestAttachFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		p := newPoller(t)
		a, b := connectTCP(t)
		r, _ := pipe(t)
		p.register(b.source(), 1, R, netpoll.Level)
		inject(t,
			fault{unix.SYS_FSTAT, unix.ENOMEM, a.fd, -1},
			fault{unix.SYS_FCNTL, unix.ENOMEM, r.fd, unix.F_GETFL})
		for _, s := range []*socket{a, r} {
			mustMatch(t, "Register", p.Register(s.source(), 2, R, 0), unix.ENOMEM)
			mustMatch(t, "Reregister", p.Reregister(s.source(), 2, R, 0), netpoll.ErrNotRegistered)
		}
		a.write([]byte("x")) // the others go on
		p.expect(1, R)
	})
}

func TestUpdateFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		p := newPoller(t)
		a, _ := connectTCP(t)
		p.register(a.source(), 1, W, netpoll.Level)
		inject(t, fault{unix.SYS_FSTAT, unix.ENOMEM, a.fd, -1})
		mustMatch(t, "Reregister", p.Reregister(a.source(), 2, W, 0), unix.ENOMEM)
		p.silent("a source that can't be looked at counts as closed")
		mustMatch(t, "Deregister", p.Deregister(a.source()), netpoll.ErrNotRegistered)
	})
}

func TestWaitFails(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"zero": 0, "some": time.Second, "never": -1} {
		t.Run(name, func(t *testing.T) {
			inChild(t, func(t *testing.T) {
				p := newPoller(t)
				a, _ := connectTCP(t)
				p.register(a.source(), 1, W, netpoll.Level)
				events := netpoll.NewEvents(4)
				if n, err := p.Poll.Poll(events, timeout); n != 1 || err != nil {
					t.Fatalf("Poll: %d, %v", n, err)
				}
				inject(t, fault{unix.SYS_PPOLL, unix.ENOMEM, -1, -1})
				n, err := p.Poll.Poll(events, timeout)
				mustMatch(t, "Poll", err, unix.ENOMEM)
				if n != 0 || events.Len() != 0 {
					t.Errorf("%d events and an error", events.Len())
				}
				if err := p.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

// A change or a wake-up that can't reach the sleeper says so.
func TestWakingFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		// The Poll stays open: the next one with its descriptors' numbers
		// could not write either.
		p := &poller{t: t}
		list := opened(t, func() {
			var err error
			if p.Poll, err = netpoll.New(); err != nil {
				t.Fatal(err)
			}
		})
		a, _ := connectTCP(t)
		var errno unix.Errno = unix.EIO
		for fd := range list { // one of them is the writing end
			inject(t, fault{unix.SYS_WRITE, errno, fd, -1})
		}
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				p.wait(20 * time.Millisecond)
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		for deadline := time.Now().Add(patience); ; {
			err := p.Wake()
			if err == nil { // it was awake
				err = p.Register(a.source(), 1, R, netpoll.Edge)
			}
			if err != nil {
				mustMatch(t, "waking", err, errno)
				break
			}
			p.Deregister(a.source())
			if time.Now().After(deadline) {
				t.Fatal("waking never fails")
			}
		}
		close(stop)
		<-done
	})
}
