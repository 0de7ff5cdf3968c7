//go:build unix

package runtime

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A descriptor need not be a socket, and one that is none can be shared too.
func TestPipe(t *testing.T)       { testPipe(t, func(*FD) {}) }
func TestSharedPipe(t *testing.T) { testPipe(t, (*FD).Share) }

func testPipe(t *testing.T, prepare func(*FD)) {
	rt := start(t, 1)
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	var r, w FD
	for i, fd := range []*FD{&r, &w} {
		unix.CloseOnExec(fds[i])
		unix.SetNonblock(fds[i], true)
		prepare(fd)
		if err := fd.Init(rt, fds[i], Stream); err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
	}
	got := make(chan string)
	go func() {
		buf := make([]byte, 10)
		n, err := r.Read(buf)
		if err != nil {
			t.Error(err)
		}
		got <- string(buf[:n])
	}()
	waitFor(t, &r.r)
	if _, err := w.Write([]byte("foobar")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "foobar" {
		t.Errorf("read %q", s)
	}
}
