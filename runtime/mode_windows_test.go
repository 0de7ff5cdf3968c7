package runtime

import (
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
)

// A function is not called when the system does not let the socket block.
func TestRawWithoutTheMode(t *testing.T) {
	rt := start(t, 1)
	pair := socketPair(t)
	defer sys.Close(pair[1])
	var fd FD
	if err := fd.Init(rt, pair[0], Stream); err != nil {
		t.Fatal(err)
	}
	sys.Close(pair[0])
	if err := fd.RawRead(func(uintptr) bool { t.Error("the function is called"); return true }); err == nil {
		t.Error("no error")
	}
	if fd.mayBlock() {
		t.Error("it counts as one that may block")
	}
	fd.Close() // in vain
}

// When it can't be made not to block again, all calls go on asking first.
func TestRawThatLeavesTheMode(t *testing.T) {
	rt := start(t, 1)
	pair := socketPair(t)
	defer sys.Close(pair[1])
	var fd FD
	if err := fd.Init(rt, pair[0], Stream); err != nil {
		t.Fatal(err)
	}
	if err := fd.RawRead(func(s uintptr) bool { fd.sysfd = -1; return true }); err != nil {
		t.Error(err)
	}
	fd.sysfd = int32(pair[0])
	fd.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := fd.Read(make([]byte, 1)); err == nil || n != 0 {
		t.Errorf("Read: %d, %v", n, err)
	}
	fd.Close()
}
