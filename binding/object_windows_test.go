package binding_test

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// onItsWay is how long an event may take: what the driver finds out about a
// socket comes as a packet of its own.
const onItsWay = 50 * time.Millisecond

// updates is how often stress tests change a registration, which under Wine
// takes half a millisecond.
const updates = 50

// A Binding also remembers what RegisterHandle needs, and a socket's registration is
// an object of the Poll's.
const (
	bindingSize     = 40
	perRegistration = 1
)

// errNotPollable is what the system says of a file that is not overlapped.
const errNotPollable = windows.ERROR_INVALID_PARAMETER

var startWinsock = sync.OnceValue(func() error {
	var data windows.WSAData
	return windows.WSAStartup(0x202, &data)
})

// newSocket returns a socket on the loopback interface.
func newSocket(t testing.TB, kind int32) windows.Handle {
	t.Helper()
	must(t, "WSAStartup", startWinsock())
	s, err := windows.WSASocket(windows.AF_INET, kind, 0, nil, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	must(t, "WSASocket", err)
	must(t, "bind", windows.Bind(s, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	return s
}

// A socket that receives datagrams is the object of these tests.
type object struct {
	binding.Binding
	fd   *binding.OwnedSocket
	peer *binding.OwnedSocket
}

func newObject(t *testing.T) *object {
	t.Helper()
	receiver, sender := newSocket(t, windows.SOCK_DGRAM), newSocket(t, windows.SOCK_DGRAM)
	address, err := windows.Getsockname(receiver)
	must(t, "getsockname", err)
	must(t, "connect", windows.Connect(sender, address))
	o := &object{fd: binding.FromRawSocket(binding.RawSocket(receiver)), peer: binding.FromRawSocket(binding.RawSocket(sender))}
	t.Cleanup(func() {
		o.Close()
		o.peer.Close()
	})
	return o
}

func (o *object) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return o.RegisterSocket(o.fd.AsSocket(), p, token, interest, opts)
}

func (o *object) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return o.ReregisterSocket(o.fd.AsSocket(), p, token, interest, opts)
}

func (o *object) Deregister(p *netpoll.Poll) error {
	return o.DeregisterSocket(o.fd.AsSocket(), p)
}

func (o *object) Close() error {
	o.Forget()
	return o.fd.Close()
}

// ready makes the object readable.
func (o *object) ready(t *testing.T) {
	t.Helper()
	must(t, "Use", o.peer.Use(func(s binding.RawSocket) {
		data := []byte("x")
		var n uint32
		must(t, "WSASend", windows.WSASend(windows.Handle(s), &windows.WSABuf{Len: 1, Buf: &data[0]}, 1, &n, 0, nil, nil))
	}))
}

// drain reads the one datagram that there is.
func (o *object) drain(t *testing.T) {
	t.Helper()
	must(t, "Use", o.fd.Use(func(s binding.RawSocket) {
		var data [16]byte
		var n, flags uint32
		must(t, "WSARecv", windows.WSARecv(windows.Handle(s), &windows.WSABuf{Len: 16, Buf: &data[0]}, 1, &n, &flags, nil, nil))
	}))
}

// duplicate returns a duplicate of the object that shares its binding.
func (o *object) duplicate(t *testing.T) *object {
	t.Helper()
	fd, err := o.fd.TryClone()
	must(t, "TryClone", err)
	d := &object{fd: fd, peer: o.peer}
	t.Cleanup(func() { d.Close() })
	must(t, "ShareWith", o.ShareWith(&d.Binding))
	return d
}
