package binding_test

import (
	"syscall"
	"testing"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/netpoll"
)

// Whatever the object: once it has been registered, a second Poll is refused to
// it and to its duplicate, before and after they are deregistered.
func TestSecondPollIsRefusedToEveryKindOfSocket(t *testing.T) {
	socket := func(kind int) int {
		s, err := sys.Socket(syscall.AF_INET, kind, 0)
		must(t, "socket", err)
		return s
	}
	loopback := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	listener := socket(syscall.SOCK_STREAM)
	must(t, "bind", sys.Bind(listener, loopback))
	must(t, "listen", sys.Listen(listener, 8))
	address, err := sys.Getsockname(listener)
	must(t, "getsockname", err)
	stream := socket(syscall.SOCK_STREAM)
	if err := sys.Connect(stream, address); err != nil && err != syscall.EINPROGRESS {
		t.Fatal(err)
	}
	datagram := socket(syscall.SOCK_DGRAM)
	must(t, "bind", sys.Bind(datagram, loopback))
	for name, fd := range map[string]int{"listener": listener, "stream": stream, "datagram": datagram} {
		t.Run(name, func(t *testing.T) {
			p, other := newPoll(t), newPoll(t)
			o := &object{fd: binding.FromRawSocket(binding.RawSocket(fd))}
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
