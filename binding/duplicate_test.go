//go:build unix

package binding_test

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

func TestDuplicateSharesTheBinding(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run("duplicated "+when+" Register", func(t *testing.T) {
			p, other, o := newPoll(t), newPoll(t), newObject(t)
			var d *object
			if when == "before" {
				d = o.duplicate(t)
			}
			must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
			if when == "after" {
				d = o.duplicate(t)
			}
			mustMatch(t, "another Poll and the duplicate", other.Register(d, 2, netpoll.Readable, 0), netpoll.ErrOtherPoll)
			mustMatch(t, "Deregister of the duplicate", p.Deregister(d), netpoll.ErrNotRegistered)
			must(t, "Register of the duplicate", p.Register(d, 2, netpoll.Readable, 0))
			o.ready(t)
			if got := tokens(t, p); len(got) != 2 {
				t.Errorf("tokens %v, want both", got)
			}
			must(t, "Deregister", p.Deregister(o))
			mustMatch(t, "Release while the duplicate is registered", o.Release(), netpoll.ErrAlreadyRegistered)
			if got := tokens(t, p); len(got) != 1 || got[0] != 2 {
				t.Errorf("tokens %v, want the duplicate's", got)
			}
			must(t, "Deregister of the duplicate", p.Deregister(d))
			must(t, "Release", o.Release())
			must(t, "another Poll and the duplicate after Release", other.Register(d, 2, netpoll.Readable, 0))
			mustMatch(t, "the first Poll after that", p.Register(o, 1, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		})
	}
}

// Whatever the object: once it has been registered, a second Poll is refused to
// it and to its duplicate, before and after they are deregistered.
func TestSecondPollIsRefusedToEveryKindOfSocket(t *testing.T) {
	socket := func(kind int) int {
		fd, err := unix.Socket(unix.AF_INET, kind, 0)
		must(t, "socket", err)
		unix.CloseOnExec(fd)
		must(t, "fcntl", unix.SetNonblock(fd, true))
		return fd
	}
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	listener := socket(unix.SOCK_STREAM)
	must(t, "bind", unix.Bind(listener, loopback))
	must(t, "listen", unix.Listen(listener, 8))
	address, err := unix.Getsockname(listener)
	must(t, "getsockname", err)
	stream := socket(unix.SOCK_STREAM)
	if err := unix.Connect(stream, address); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	datagram := socket(unix.SOCK_DGRAM)
	must(t, "bind", unix.Bind(datagram, loopback))
	for name, fd := range map[string]int{"listener": listener, "stream": stream, "datagram": datagram} {
		t.Run(name, func(t *testing.T) {
			p, other := newPoll(t), newPoll(t)
			o := &object{fd: binding.FromRawHandle(binding.RawHandle(fd))}
			defer o.Close()
			must(t, "Register", p.Register(o, 1, netpoll.Readable|netpoll.Writable, netpoll.Edge))
			d := o.duplicate(t)
			for _, src := range []*object{o, d} {
				mustMatch(t, "Register", other.Register(src, 2, netpoll.Readable, netpoll.Edge), netpoll.ErrOtherPoll)
				mustMatch(t, "Reregister", other.Reregister(src, 2, netpoll.Readable, netpoll.Edge), netpoll.ErrOtherPoll)
				mustMatch(t, "Deregister", other.Deregister(src), netpoll.ErrOtherPoll)
			}
			must(t, "Register of the duplicate", p.Register(d, 3, netpoll.Readable, netpoll.Edge))
			must(t, "Deregister of the duplicate", p.Deregister(d))
			must(t, "Deregister", p.Deregister(o))
			for _, src := range []*object{o, d} {
				mustMatch(t, "Register", other.Register(src, 2, netpoll.Readable, netpoll.Edge), netpoll.ErrOtherPoll)
			}
		})
	}
}

func TestSharingNeedsABlankBinding(t *testing.T) {
	p, o, d := newPoll(t), newObject(t), newObject(t)
	mustMatch(t, "sharing with itself", o.ShareWith(&o.Binding), netpoll.ErrAlreadyRegistered)
	must(t, "Register", p.Register(d, 1, netpoll.Readable, 0))
	mustMatch(t, "sharing with a registered one", o.ShareWith(&d.Binding), netpoll.ErrAlreadyRegistered)
	must(t, "Deregister", p.Deregister(d))
	mustMatch(t, "sharing with a deregistered one", o.ShareWith(&d.Binding), netpoll.ErrAlreadyRegistered)
	must(t, "Release", d.Release())
	must(t, "sharing with a released one", o.ShareWith(&d.Binding))
	mustMatch(t, "sharing twice", o.ShareWith(&d.Binding), netpoll.ErrAlreadyRegistered)
}

func TestConcurrentSharingAndUpdating(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 500 {
			mustMatch(t, "Register", p.Register(o, 1, netpoll.Readable, 0), nil)
			mustMatch(t, "Deregister", p.Deregister(o), nil)
		}
	})
	for range 2 {
		wg.Go(func() {
			for range 50 {
				fd, err := o.fd.TryClone()
				if err != nil {
					t.Error(err)
					return
				}
				d := &object{fd: fd}
				if err := o.ShareWith(&d.Binding); err != nil {
					t.Error(err)
				}
				if err := p.Register(d, 2, netpoll.Readable, 0); err != nil {
					t.Error(err)
				}
				if err := p.Deregister(d); err != nil {
					t.Error(err)
				}
				fd.Close()
			}
		})
	}
	wg.Wait()
	must(t, "Release", o.Release())
}
