package runtime

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
)

// A function is not called when the system does not let the socket block.
func TestRawWithoutTheMode(t *testing.T) {
	rt := start(t, 1)
	fd, _ := rawPair(t, rt, nil)
	sys.Close(fd.Sysfd())
	if err := fd.RawRead(func(uintptr) bool { t.Error("the function is called"); return true }); err == nil {
		t.Error("no error")
	}
	if fd.mayBlock() {
		t.Error("it counts as one that may block")
	}
}

// When it can't be made not to block again, all calls go on asking first.
func TestRawThatLeavesTheMode(t *testing.T) {
	rt := start(t, 1)
	fd, _ := rawPair(t, rt, nil)
	s := fd.sysfd
	if err := fd.RawRead(func(uintptr) bool { fd.sysfd = -1; return true }); err != nil {
		t.Error(err)
	}
	fd.sysfd = s
	fd.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := fd.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || n != 0 {
		t.Errorf("Read: %d, %v", n, err)
	}
}
