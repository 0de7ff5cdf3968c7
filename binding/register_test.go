package binding_test

import (
	"errors"
	"os"
	"testing"
	"unsafe"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

func TestBindingIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(binding.Binding{}); size > bindingSize {
		t.Errorf("a Binding takes %d bytes, want at most %d", size, bindingSize)
	}
}

func TestFailedRegisterLeavesTheBindingBlank(t *testing.T) {
	p, other, o := newPoll(t), newPoll(t), newObject(t)
	file, err := os.CreateTemp(t.TempDir(), "regular")
	must(t, "CreateTemp", err)
	defer file.Close()
	regular := binding.BorrowRawHandle(binding.RawHandle(file.Fd()))
	mustMatch(t, "registering a regular file", o.RegisterHandle(regular, p, 1, netpoll.Readable, 0), errNotPollable)
	must(t, "Register with another Poll", other.Register(o, 1, netpoll.Readable, 0))
}

func TestRegisteringAllocatesNothing(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	var err error
	allocs := testing.AllocsPerRun(100, func() {
		err = errors.Join(err,
			p.Register(o, 1, netpoll.Readable, netpoll.Edge),
			p.Reregister(o, 2, netpoll.Readable, netpoll.Edge),
			p.Deregister(o))
	})
	must(t, "registering", err)
	if allocs > perRegistration {
		t.Errorf("%v allocations a round, want at most %d", allocs, perRegistration)
	}
}
