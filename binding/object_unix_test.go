//go:build unix

package binding_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// onItsWay is how long an event may take: the kernel knows at once.
const onItsWay = 0

// updates is how often stress tests change a registration.
const updates = 500

// bindingSize is how large a Binding is, and perRegistration how many objects a
// registration takes.
const (
	bindingSize     = 24
	perRegistration = 0
)

// errNotPollable is what the system says of a file that it can't watch.
const errNotPollable = unix.EPERM

// A pipe's read end is the object of these tests.
type object struct {
	binding.Binding
	fd   *binding.OwnedHandle
	peer *binding.OwnedHandle // the write end
}

func newObject(t *testing.T) *object {
	t.Helper()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	o := &object{fd: binding.FromRawHandle(binding.RawHandle(p[0])), peer: binding.FromRawHandle(binding.RawHandle(p[1]))}
	t.Cleanup(func() {
		o.Close()
		o.peer.Close()
	})
	return o
}

func (o *object) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return o.RegisterHandle(o.fd.AsHandle(), p, token, interest, opts)
}

func (o *object) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return o.ReregisterHandle(o.fd.AsHandle(), p, token, interest, opts)
}

func (o *object) Deregister(p *netpoll.Poll) error {
	return o.DeregisterHandle(o.fd.AsHandle(), p)
}

func (o *object) Close() error {
	o.Forget()
	return o.fd.Close()
}

// ready makes the object readable.
func (o *object) ready(t *testing.T) {
	t.Helper()
	err := o.peer.Use(func(fd binding.RawHandle) {
		if _, err := unix.Write(int(fd), []byte("x")); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// drain reads until the object is not readable any more.
func (o *object) drain(t *testing.T) {
	t.Helper()
	var buf [16]byte
	must(t, "Use", o.fd.Use(func(fd binding.RawHandle) {
		unix.Read(int(fd), buf[:])
		if _, err := unix.Read(int(fd), buf[:]); err != unix.EAGAIN {
			t.Fatalf("read: %v, want to block", err)
		}
	}))
}

// duplicate returns a duplicate of the object that shares its binding.
func (o *object) duplicate(t *testing.T) *object {
	t.Helper()
	fd, err := o.fd.TryClone()
	if err != nil {
		t.Fatal(err)
	}
	d := &object{fd: fd, peer: o.peer}
	t.Cleanup(func() { d.Close() })
	if err := o.ShareWith(&d.Binding); err != nil {
		t.Fatal(err)
	}
	return d
}

func BenchmarkRegisterDeregister(b *testing.B) {
	p, err := netpoll.New()
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fd := binding.BorrowRawHandle(binding.RawHandle(r.Fd()))
	var bind binding.Binding
	b.ReportAllocs()
	for b.Loop() {
		if err := bind.RegisterHandle(fd, p, 1, netpoll.Readable, netpoll.Edge); err != nil {
			b.Fatal(err)
		}
		if err := bind.DeregisterHandle(fd, p); err != nil {
			b.Fatal(err)
		}
	}
}
