package binding_test

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// A connection is a TCP socket of this package and package net's other end.
type connection struct {
	binding.Binding
	socket *binding.OwnedSocket
	peer   *net.TCPConn
}

// newConnection returns a connection whose socket is registered under token 3,
// for reading.
func newConnection(t *testing.T, p *netpoll.Poll) *connection {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, "Listen", err)
	defer ln.Close()
	s := newSocket(t, windows.SOCK_STREAM)
	c := &connection{socket: binding.FromRawSocket(binding.RawSocket(s))}
	t.Cleanup(func() {
		c.Forget()
		c.socket.Close()
	})
	address := &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: ln.Addr().(*net.TCPAddr).Port}
	must(t, "connect", windows.Connect(s, address))
	peer, err := ln.Accept()
	must(t, "Accept", err)
	t.Cleanup(func() { peer.Close() })
	c.peer = peer.(*net.TCPConn)
	must(t, "RegisterSocket", c.RegisterSocket(c.socket.AsSocket(), p, 3, netpoll.Readable, netpoll.Edge))
	return c
}

func (c *connection) receive(o *binding.Overlapped, buf []byte) error {
	var n, flags uint32
	return c.BeginSocket(c.socket.AsSocket(), o, buf, func(s binding.RawSocket, raw *windows.Overlapped) error {
		return windows.WSARecv(windows.Handle(s), &windows.WSABuf{Len: uint32(len(buf)), Buf: &buf[0]}, 1, &n, &flags, raw, nil)
	})
}

func (c *connection) send(o *binding.Overlapped, buf []byte) error {
	var n uint32
	return c.BeginSocket(c.socket.AsSocket(), o, buf, func(s binding.RawSocket, raw *windows.Overlapped) error {
		return windows.WSASend(windows.Handle(s), &windows.WSABuf{Len: uint32(len(buf)), Buf: &buf[0]}, 1, &n, 0, raw, nil)
	})
}

// A socket has readiness and operations at the same time.
func TestSocketHasOperationsToo(t *testing.T) {
	p := newPoll(t)
	c := newConnection(t, p)
	o, list := recorded(0)
	buf := make([]byte, 16)
	must(t, "receive", c.receive(o, buf))
	c.peer.Write([]byte("hello"))
	if got := one(t, p, list); got != (outcome{5, nil}) || string(buf[:5]) != "hello" {
		t.Errorf("receive: %v, %q", got, buf)
	}
	p.Poll(netpoll.NewEvents(4), onItsWay) // there may be an event of the data that was taken
	must(t, "Rearm", c.Rearm(netpoll.Readable))
	c.peer.Write([]byte("again"))
	expectTokens(t, p, 3)
	must(t, "send", c.send(o, []byte("answer")))
	if got := one(t, p, list); got != (outcome{6, nil}) {
		t.Errorf("send: %v", got)
	}
	mustMatch(t, "as a handle", c.BeginHandle(binding.BorrowRawHandle(binding.RawHandle(c.socket.AsRawSocket())), o, nil, nil), netpoll.ErrNotRegistered)
	must(t, "Deregister", c.DeregisterSocket(c.socket.AsSocket(), p))
	mustMatch(t, "Release", c.Release(), errors.ErrUnsupported)
}

// Winsock's errors are not those that the status stands for elsewhere.
func TestSocketOperationTellsWinsocksError(t *testing.T) {
	p := newPoll(t)
	c := newConnection(t, p)
	o, list := recorded(0)
	must(t, "receive", c.receive(o, make([]byte, 16)))
	c.peer.SetLinger(0)
	c.peer.Close()
	if got := one(t, p, list); got != (outcome{0, windows.WSAECONNRESET}) {
		t.Errorf("%v, want WSAECONNRESET", got)
	}
}

// A send that the peer does not take ends when the socket is closed, and the
// buffer is not touched afterwards. (closesocket alone would leave it in progress
// under Wine until the peer reads.)
func TestClosingASocketEndsItsOperations(t *testing.T) {
	p := newPoll(t)
	c := newConnection(t, p)
	var lists []*[]outcome
	for range 16 {
		o, list := recorded(0)
		must(t, "send", c.send(o, make([]byte, 1<<20)))
		lists = append(lists, list)
	}
	o, list := recorded(0)
	must(t, "receive", c.receive(o, make([]byte, 16)))
	lists = append(lists, list)
	c.Forget()
	must(t, "Close", c.socket.Close())
	cancelled := 0
	for _, list := range lists {
		if one(t, p, list).err != nil {
			cancelled++
		}
	}
	if cancelled < 2 {
		t.Errorf("%d operations failed, want the receive and the last send at least", cancelled)
	}
}
