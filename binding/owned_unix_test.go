//go:build unix

package binding_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/binding"
)

// isOpen reports whether fd is the number of an open descriptor.
func isOpen(fd binding.RawFD) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// newFD returns an owned descriptor with a number that nothing else in the
// process is likely to be given: tests look whether it is open.
func newFD(t *testing.T) *binding.OwnedFD {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fd, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD_CLOEXEC, 3000)
	if err != nil {
		t.Fatal(err)
	}
	return binding.FromRawFD(binding.RawFD(fd))
}

func TestCloseClosesOnce(t *testing.T) {
	fd := newFD(t)
	raw := fd.AsRawFD()
	if !isOpen(raw) {
		t.Fatal("not open")
	}
	must(t, "Close", fd.Close())
	if isOpen(raw) {
		t.Error("still open after Close")
	}
	// Somebody else gets the number: a second Close must not take it away.
	r, w, err := os.Pipe()
	must(t, "Pipe", err)
	defer r.Close()
	defer w.Close()
	again, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD_CLOEXEC, int(raw))
	must(t, "dup", err)
	defer unix.Close(again)
	if again != int(raw) {
		t.Fatalf("the number is %d, want %d again", again, raw)
	}
	mustMatch(t, "second Close", fd.Close(), os.ErrClosed)
	if !isOpen(raw) {
		t.Error("the second Close closed somebody else's descriptor")
	}
}

func TestClosedObjectRefusesUse(t *testing.T) {
	fd := newFD(t)
	borrowed := fd.AsFD()
	must(t, "Close", fd.Close())
	used := func(binding.RawFD) { t.Error("a closed descriptor was used") }
	mustMatch(t, "Use", fd.Use(used), os.ErrClosed)
	mustMatch(t, "borrowed Use", borrowed.Use(used), os.ErrClosed)
	_, err := fd.TryClone()
	mustMatch(t, "TryClone", err, os.ErrClosed)
	_, err = borrowed.TryClone()
	mustMatch(t, "borrowed TryClone", err, os.ErrClosed)
	_, err = fd.IntoRawFD()
	mustMatch(t, "IntoRawFD", err, os.ErrClosed)
	if fd.AsRawFD() != -1 || borrowed.AsRawFD() != -1 {
		t.Error("the number of a closed descriptor is still told")
	}
}

func TestCloseReturnsTheSystemsError(t *testing.T) {
	fd := newFD(t)
	must(t, "close", unix.Close(int(fd.AsRawFD())))
	mustMatch(t, "Close", fd.Close(), unix.EBADF)
}

func TestLastUserCloses(t *testing.T) {
	fd := newFD(t)
	raw := fd.AsRawFD()
	var closing error
	err := fd.Use(func(got binding.RawFD) {
		if got != raw {
			t.Errorf("descriptor %d, want %d", got, raw)
		}
		closing = fd.Close()
		if !isOpen(raw) {
			t.Error("closed while in use")
		}
		mustMatch(t, "second Close meanwhile", fd.Close(), os.ErrClosed)
	})
	must(t, "Use", err)
	must(t, "Close", closing)
	if isOpen(raw) {
		t.Error("still open after the last user left")
	}
}

func TestConcurrentUseAndClose(t *testing.T) {
	for range 200 {
		fd := newFD(t)
		raw := fd.AsRawFD()
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 3 {
			wg.Go(func() {
				<-start
				for {
					err := fd.Use(func(raw binding.RawFD) {
						if !isOpen(raw) {
							t.Error("closed while in use")
						}
					})
					if err != nil {
						mustMatch(t, "Use", err, os.ErrClosed)
						return
					}
				}
			})
		}
		closed := make(chan error, 2)
		for range 2 {
			wg.Go(func() {
				<-start
				closed <- fd.Close()
			})
		}
		close(start)
		wg.Wait()
		if a, b := <-closed, <-closed; (a == nil) == (b == nil) {
			t.Fatalf("Close returned %v and %v, want one nil", a, b)
		}
		if isOpen(raw) {
			t.Fatal("still open")
		}
	}
}

func TestIntoRawGivesUpWithoutClosing(t *testing.T) {
	fd := newFD(t)
	raw, err := fd.IntoRawFD()
	must(t, "IntoRawFD", err)
	mustMatch(t, "Close of the empty object", fd.Close(), os.ErrClosed)
	if !isOpen(raw) {
		t.Fatal("giving up closed the descriptor")
	}
	again := binding.FromRawFD(raw)
	must(t, "Close", again.Close())
	if isOpen(raw) {
		t.Error("the adopted descriptor was not closed")
	}
}

func TestIntoRawWhileInUseDoesNotClose(t *testing.T) {
	fd := newFD(t)
	var raw binding.RawFD
	must(t, "Use", fd.Use(func(binding.RawFD) {
		var err error
		raw, err = fd.IntoRawFD()
		must(t, "IntoRawFD", err)
	}))
	if !isOpen(raw) {
		t.Fatal("the last user closed a descriptor that was given up")
	}
	must(t, "close", unix.Close(int(raw)))
}

func TestCloneIsADescriptorOfItsOwn(t *testing.T) {
	fd := newFD(t)
	dup, err := fd.AsFD().TryClone()
	must(t, "TryClone", err)
	if dup.AsRawFD() == fd.AsRawFD() {
		t.Error("the duplicate has the same number")
	}
	must(t, "Close", fd.Close())
	must(t, "Use", dup.Use(func(raw binding.RawFD) {
		flags, err := unix.FcntlInt(uintptr(raw), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("flags %#x, %v: want close-on-exec", flags, err)
		}
	}))
	must(t, "Close", dup.Close())
}

func TestBorrowedRawIsNeverClosed(t *testing.T) {
	fd := newFD(t)
	defer fd.Close()
	raw := fd.AsRawFD()
	b := binding.BorrowRawFD(raw)
	must(t, "Use", b.Use(func(got binding.RawFD) {
		if got != raw {
			t.Errorf("descriptor %d, want %d", got, raw)
		}
	}))
	if b.AsRawFD() != raw || !isOpen(raw) {
		t.Error("borrowing changed the descriptor")
	}
}

func TestBorrowedHoldsItsOwnerAgainstCollection(t *testing.T) {
	before := binding.Leaked()
	b := newFD(t).AsFD()
	for range 3 {
		runtime.GC()
	}
	must(t, "Use", b.Use(func(raw binding.RawFD) {
		if !isOpen(raw) {
			t.Error("the owner of a borrowed descriptor was collected")
		}
	}))
	raw := b.AsRawFD()
	b = binding.BorrowedFD{}
	collect(t, func() bool { return binding.Leaked() > before })
	if isOpen(raw) {
		t.Error("the leaked descriptor was counted but not closed")
	}
}

func TestClosedAndGivenUpObjectsAreNoLeaks(t *testing.T) {
	before := binding.Leaked()
	collected := make(chan struct{}, 2)
	func() {
		closed, given := newFD(t), newFD(t)
		for _, fd := range []*binding.OwnedFD{closed, given} {
			runtime.AddCleanup(fd, func(ch chan struct{}) { ch <- struct{}{} }, collected)
		}
		must(t, "Close", closed.Close())
		raw, err := given.IntoRawFD()
		must(t, "IntoRawFD", err)
		must(t, "close", unix.Close(int(raw)))
	}()
	collect(t, func() bool { return len(collected) == 2 })
	if n := binding.Leaked() - before; n != 0 {
		t.Errorf("%d leaks counted, want none", n)
	}
}

// collect runs the garbage collector until done.
func collect(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("not collected")
		}
		runtime.GC()
		runtime.Gosched()
	}
}

func TestPortableNamesMeanTheSame(t *testing.T) {
	fd := newFD(t)
	defer fd.Close()
	raw := fd.AsRawFD()
	for name, got := range map[string]binding.RawFD{
		"AsHandle":             binding.AsHandle(fd).AsHandle().AsRawHandle(),
		"AsSocket":             binding.AsSocket(fd).AsSocket().AsRawSocket(),
		"AsFD":                 binding.AsFD(fd).AsFD().AsFD().AsRawFD(),
		"AsRawHandle":          binding.AsRawHandle(fd).AsRawHandle(),
		"AsRawSocket":          binding.AsRawSocket(fd).AsRawSocket(),
		"borrowed AsRawHandle": binding.AsRawHandle(fd.AsFD().AsHandle()).AsRawHandle(),
		"borrowed AsRawSocket": binding.AsRawSocket(fd.AsFD().AsSocket()).AsRawSocket(),
		"BorrowRawHandle":      binding.BorrowRawHandle(raw).AsRawFD(),
		"BorrowRawSocket":      binding.BorrowRawSocket(raw).AsRawFD(),
	} {
		if got != raw {
			t.Errorf("%s: descriptor %d, want %d", name, got, raw)
		}
	}
	handle, err := binding.IntoRawHandle(fd).IntoRawHandle()
	must(t, "IntoRawHandle", err)
	fd = binding.FromRawHandle(handle)
	socket, err := binding.IntoRawSocket(fd).IntoRawSocket()
	must(t, "IntoRawSocket", err)
	fd = binding.FromRawSocket(socket)
	if fd.AsRawFD() != raw {
		t.Errorf("descriptor %d, want %d", fd.AsRawFD(), raw)
	}
	if err := fd.Close(); err != nil || !errors.Is(fd.Close(), os.ErrClosed) {
		t.Error("the last owner does not own it")
	}
}

func TestUseAllocatesNothing(t *testing.T) {
	fd := newFD(t)
	defer fd.Close()
	var seen binding.RawFD
	if n := testing.AllocsPerRun(100, func() {
		fd.Use(func(raw binding.RawFD) { seen = raw })
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if seen != fd.AsRawFD() {
		t.Errorf("descriptor %d, want %d", seen, fd.AsRawFD())
	}
}
