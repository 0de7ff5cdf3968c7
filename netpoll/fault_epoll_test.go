//go:build linux && !moor_poll && (amd64 || arm64)

package netpoll_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// Every system call of the selector fails once: the error comes out, and
// nothing is left behind.

func TestNewFails(t *testing.T) {
	for name, f := range map[string]fault{
		"epoll_create1":  {unix.SYS_EPOLL_CREATE1, unix.EMFILE, -1, -1},
		"timerfd_create": {unix.SYS_TIMERFD_CREATE, unix.ENFILE, -1, -1},
		"eventfd2":       {unix.SYS_EVENTFD2, unix.EMFILE, -1, -1},
		"fcntl":          {unix.SYS_FCNTL, unix.ENOLCK, -1, unix.F_SETFL},
		"epoll_ctl":      {unix.SYS_EPOLL_CTL, unix.ENOSPC, -1, unix.EPOLL_CTL_ADD},
	} {
		t.Run(name, func(t *testing.T) {
			inChild(t, func(t *testing.T) {
				newPoller(t) // Go's own poller is there from now on
				inject(t, f)
				left := opened(t, func() {
					p, err := netpoll.New()
					if p != nil {
						t.Error("a Poll although it failed")
					}
					mustMatch(t, "New", err, f.errno)
				})
				if len(left) != 0 {
					t.Errorf("descriptors %v are left open", left)
				}
			})
		})
	}
}

// When Go's own poller does not take the epoll descriptor, waiting for it would
// spin: New says so instead.
func TestNewFailsWithoutGosPoller(t *testing.T) {
	inChild(t, func(t *testing.T) {
		r, w := pipe(t) // makes Go start its poller
		f := r.file()
		defer f.Close()
		f.SetDeadline(time.Time{})
		_ = w
		inject(t, fault{unix.SYS_EPOLL_CTL, unix.EPERM, find(t, descriptors(t), "[eventpoll]"), unix.EPOLL_CTL_ADD})
		left := opened(t, func() {
			if _, err := netpoll.New(); err == nil {
				t.Error("New reports success")
			}
		})
		if len(left) != 0 {
			t.Errorf("descriptors %v are left open", left)
		}
	})
}

// newPollerFD returns a poller and its epoll and timer descriptors.
func newPollerFD(t *testing.T) (p *poller, epfd, timerfd int) {
	newPoller(t) // Go's own poller is there from now on
	list := opened(t, func() { p = newPoller(t) })
	return p, find(t, list, "[eventpoll]"), find(t, list, "[timerfd]")
}

func TestAttachFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		p, epfd, _ := newPollerFD(t)
		a, b := connectTCP(t)
		p.register(b.source(), 1, R, netpoll.Level)
		inject(t, fault{unix.SYS_EPOLL_CTL, unix.ENOSPC, epfd, unix.EPOLL_CTL_ADD})
		for range 3 {
			mustMatch(t, "Register", p.Register(a.source(), 2, W, 0), unix.ENOSPC)
			_, err := p.Attach(uintptr(a.fd), 2, W, 0)
			mustMatch(t, "Attach", err, unix.ENOSPC)
		}
		mustMatch(t, "Reregister", p.Reregister(a.source(), 2, W, 0), netpoll.ErrNotRegistered)
		mustMatch(t, "Deregister", p.Deregister(a.source()), netpoll.ErrNotRegistered)
		p.silent("nothing came of it")
		a.write([]byte("x")) // the others go on
		p.expect(1, R)
	})
}

func TestUpdateFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		p, epfd, _ := newPollerFD(t)
		a, _ := connectTCP(t)
		p.register(a.source(), 1, R, netpoll.Level)
		inject(t, fault{unix.SYS_EPOLL_CTL, unix.ENOMEM, epfd, unix.EPOLL_CTL_MOD})
		mustMatch(t, "Reregister", p.Reregister(a.source(), 2, W, 0), unix.ENOMEM)
		mustMatch(t, "Register", p.Register(a.source(), 3, W, 0), netpoll.ErrAlreadyRegistered)
		p.deregister(a.source())
		p.register(a.source(), 4, W, netpoll.Level)
		p.expect(4, W)
	})
}

func TestDetachFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		p, epfd, _ := newPollerFD(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, W, netpoll.Level)
		inject(t, fault{unix.SYS_EPOLL_CTL, unix.ENOMEM, epfd, unix.EPOLL_CTL_DEL})
		mustMatch(t, "Deregister", p.Deregister(a.source()), unix.ENOMEM)
		mustMatch(t, "second Deregister", p.Deregister(a.source()), netpoll.ErrNotRegistered)
		p.silent("its events are dropped all the same")
		p.register(b.source(), 2, W, netpoll.Level)
		p.expect(2, W)
		p.register(a.source(), 3, W, netpoll.Edge) // takes over what was left
		p.gather(map[netpoll.Token]netpoll.Ready{2: W, 3: W})
	})
}

func TestWaitFails(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"zero": 0, "some": time.Second, "never": -1} {
		t.Run(name, func(t *testing.T) {
			inChild(t, func(t *testing.T) {
				p, epfd, _ := newPollerFD(t)
				a, _ := connectTCP(t)
				p.register(a.source(), 1, W, netpoll.Level)
				events := netpoll.NewEvents(4)
				if n, err := p.Poll.Poll(events, timeout); n != 1 || err != nil {
					t.Fatalf("Poll: %d, %v", n, err)
				}
				inject(t, fault{unix.SYS_EPOLL_PWAIT, unix.EINVAL, epfd, -1})
				n, err := p.Poll.Poll(events, timeout)
				mustMatch(t, "Poll", err, unix.EINVAL)
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

func TestSettingTheTimerFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		p, _, timerfd := newPollerFD(t)
		a, _ := connectTCP(t)
		p.register(a.source(), 1, R, netpoll.Level)
		inject(t, fault{unix.SYS_TIMERFD_SETTIME, unix.EINVAL, timerfd, -1})
		_, err := p.Poll.Poll(netpoll.NewEvents(4), time.Second)
		mustMatch(t, "Poll", err, unix.EINVAL)
		p.silent("what needs no timer still works")
	})
}

// Starting anew fails: Poll goes on with what it has, the leftover is still not
// delivered, and nothing is left open.
func TestStartingAnewFails(t *testing.T) {
	for name, f := range map[string]fault{
		"epoll_create1": {unix.SYS_EPOLL_CREATE1, unix.EMFILE, -1, -1},
		"epoll_ctl":     {unix.SYS_EPOLL_CTL, unix.ENOSPC, -1, unix.EPOLL_CTL_ADD},
	} {
		t.Run(name, func(t *testing.T) {
			inChild(t, func(t *testing.T) {
				p, _, _ := newPollerFD(t)
				a, b := connectTCP(t)
				c, d := connectTCP(t)
				p.register(c.source(), 2, R, netpoll.Level)
				b.write([]byte("x"))
				slot, err := p.Attach(uintptr(a.fd), 1, R, netpoll.Level)
				if err != nil {
					t.Fatal(err)
				}
				a.dup()
				p.Forget(slot)
				a.close()
				inject(t, f)
				left := opened(t, func() {
					start := time.Now()
					if got := p.wait(20 * time.Millisecond); got != nil {
						t.Errorf("events %v", got)
					}
					if took := time.Since(start); took < 20*time.Millisecond {
						t.Errorf("returned after %v, early", took)
					}
				})
				if len(left) != 0 {
					t.Errorf("descriptors %v are left open", left)
				}
				d.write([]byte("y"))
				p.expect(2, R)
				p.expect(2, R)
				if err := p.Wake(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// find returns the lowest descriptor in list whose name contains what: of epoll
// sets that is the inner one, which is made first.
func find(t *testing.T, list map[int]string, what string) int {
	t.Helper()
	lowest := -1
	for fd, name := range list {
		if strings.Contains(name, what) && (lowest < 0 || fd < lowest) {
			lowest = fd
		}
	}
	if lowest < 0 {
		t.Fatalf("no %s among %v", what, list)
	}
	return lowest
}
