package netpoll_test

import (
	"errors"
	"os"
	"testing"

	"github.com/moor-net/moor/netpoll"
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
