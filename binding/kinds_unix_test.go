//go:build unix

package binding_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

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
