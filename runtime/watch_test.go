package runtime

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// wakes is a Watcher that passes on each Wake.
type wakes chan struct{}

func (w wakes) Wake() { w <- struct{}{} }

func watcher() (*Watch, wakes) {
	w, c := new(Watch), make(wakes, 8)
	w.Init(c)
	return w, c
}

// quiet fails if a Wake has come although it had time to.
func quiet(t *testing.T, fd *FD, c wakes) {
	t.Helper()
	turn := make(chan struct{})
	for range 2 {
		fd.Loop().Post(func() { turn <- struct{}{} })
		<-turn
	}
	if len(c) > 0 {
		t.Fatal("Wake was called")
	}
}

func TestWatchTellsOfDataAndNothingElse(t *testing.T) {
	a, b := pair(t, start(t, 1))
	var buf [8]byte
	if _, err := a.TryRead(buf[:]); err != ErrAgain {
		t.Fatalf("TryRead of nothing: %v", err)
	}
	w, woken := watcher()
	for range 100 {
		if err := a.WatchRead(w); err != nil {
			t.Fatal(err)
		}
		b.Write([]byte("abc"))
		<-woken
		if n, err := a.TryRead(buf[:]); n != 3 || err != nil {
			t.Fatalf("TryRead = %d, %v", n, err)
		}
		if n, err := a.TryRead(buf[:]); n != 0 || err != ErrAgain {
			t.Fatalf("second TryRead = %d, %v", n, err)
		}
	}
	a.WatchRead(w)
	quiet(t, a, woken)
	b.Close()
	<-woken
	if n, err := a.TryRead(buf[:]); n != 0 || err != io.EOF {
		t.Fatalf("TryRead at the end = %d, %v", n, err)
	}
}

func TestWatchOfWhatIsReadyTellsWithTheNextTurn(t *testing.T) {
	a, b := pair(t, start(t, 1))
	var buf [2]byte
	a.TryRead(buf[:])
	w, woken := watcher()
	a.WatchRead(w)
	b.Write([]byte("abcdef"))
	<-woken
	for range 3 { // each read fills its buffer, so there may be more
		if n, err := a.TryRead(buf[:]); n != 2 || err != nil {
			t.Fatalf("TryRead = %d, %v", n, err)
		}
		if !a.ReadReady() {
			t.Fatal("a full read leaves the FD not ready")
		}
		if err := a.WatchRead(w); err != nil {
			t.Fatal(err)
		}
		<-woken
	}
}

func TestWatchEndsWithDeadlineAndClose(t *testing.T) {
	a, _ := pair(t, start(t, 1))
	var buf [1]byte
	a.TryRead(buf[:])
	w, woken := watcher()
	a.WatchRead(w)
	due := time.Now().Add(3 * time.Millisecond)
	a.SetReadDeadline(due)
	<-woken
	if time.Now().Before(due) {
		t.Error("early")
	}
	if _, err := a.TryRead(buf[:]); err != os.ErrDeadlineExceeded {
		t.Errorf("TryRead: %v", err)
	}
	if err := a.WatchRead(w); err != os.ErrDeadlineExceeded {
		t.Errorf("WatchRead: %v", err)
	}
	a.SetReadDeadline(time.Time{})
	a.WatchRead(w)
	a.RouseRead()
	<-woken
	a.RouseRead() // none is set
	quiet(t, a, woken)
	a.WatchRead(w)
	if !a.Shut() || a.Shut() || !a.Closed() {
		t.Error("Shut does not close exactly once")
	}
	<-woken
	if err := a.WatchRead(w); err != net.ErrClosed {
		t.Errorf("WatchRead after Shut: %v", err)
	}
	if _, err := a.TryRead(buf[:]); err != net.ErrClosed {
		t.Errorf("TryRead after Shut: %v", err)
	}
	if _, err := a.TryWrite(buf[:]); err != net.ErrClosed {
		t.Errorf("TryWrite after Shut: %v", err)
	}
}

func TestTryWriteAndWatchWriteSendEverything(t *testing.T) {
	a, b := pair(t, start(t, 1))
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	w, woken := watcher()
	got := make(chan []byte)
	read := func() {
		all, _ := io.ReadAll(b)
		got <- all
	}
	waits := 0
	for rest := want; len(rest) > 0; {
		n, err := a.TryWrite(rest)
		rest = rest[n:]
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrAgain) {
			t.Fatal(err)
		}
		if err := a.WatchWrite(w); err != nil {
			t.Fatal(err)
		}
		if waits++; waits == 1 {
			go read() // not before, or the socket might take everything at once
		}
		<-woken
	}
	a.Close()
	if waits == 0 {
		t.Fatal("the socket took everything at once: nothing was tested")
	}
	if all := <-got; !bytes.Equal(all, want) {
		t.Errorf("%d bytes arrived, want %d", len(all), len(want))
	}
}

func TestWatchAllocatesNothing(t *testing.T) {
	a, b := pair(t, start(t, 1))
	w, woken := watcher()
	var buf, out [8]byte
	a.TryRead(buf[:])
	if allocs := testing.AllocsPerRun(1000, func() {
		a.WatchRead(w)
		b.TryWrite(out[:])
		<-woken
		a.TryRead(buf[:])
	}); allocs != 0 {
		t.Errorf("%v allocations a round", allocs)
	}
}
