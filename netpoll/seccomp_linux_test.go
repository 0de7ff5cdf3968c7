//go:build amd64 || arm64

package netpoll_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A fault makes a system call fail from now on, in the whole process: the
// kernel returns errno instead of carrying it out. See seccomp(2).
type fault struct {
	nr    uintptr
	errno unix.Errno
	// The call is only meant if its arguments are these; -1 for any.
	arg0, arg1 int
}

// inject installs faults. They can't be taken back, so that this belongs in a
// process of its own: see inChild.
func inject(t *testing.T, faults ...fault) {
	t.Helper()
	const (
		offsetNr   = 0
		offsetArg0 = 16 // the lower half, on a little-endian machine
		offsetArg1 = 24
	)
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// equal skips the next skip instructions unless the value is k.
	equal := func(k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: k}
	}
	answer := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
	}
	var program []unix.SockFilter
	for _, f := range faults {
		rule := []unix.SockFilter{answer(unix.SECCOMP_RET_ERRNO | uint32(f.errno))}
		require := func(offset, k uint32) {
			rule = slices.Insert(rule, 0, load(offset), equal(k, uint8(len(rule))))
		}
		if f.arg1 >= 0 {
			require(offsetArg1, uint32(f.arg1))
		}
		if f.arg0 >= 0 {
			require(offsetArg0, uint32(f.arg0))
		}
		require(offsetNr, uint32(f.nr))
		program = append(program, rule...)
	}
	program = append(program, answer(unix.SECCOMP_RET_ALLOW))
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Skipf("the system does not let a process filter its calls: prctl: %v", err)
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		t.Skipf("the system does not let a process filter its calls: seccomp: %v", errno)
	}
}

// inChild runs f in a process of its own: the test calls itself there.
func inChild(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	const variable = "NETPOLL_TEST_CHILD"
	if os.Getenv(variable) == t.Name() {
		f(t)
		return
	}
	exact := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run", exact, "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), variable+"="+t.Name(),
		"GORACE=atexit_sleep_ms=0") // a second for each child otherwise
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil || !bytes.Contains(out, []byte("--- ")):
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP: "+t.Name())):
		t.Skipf("in the child: %s", out)
	}
}

// descriptors returns what the process's descriptors name.
func descriptors(t *testing.T) map[int]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	list := map[int]string{}
	for _, e := range entries {
		var fd int
		fmt.Sscan(e.Name(), &fd)
		name, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(name, "/proc/") { // the directory being read
			list[fd] = name
		}
	}
	return list
}

// opened runs f and returns the descriptors that it has left open.
func opened(t *testing.T, f func()) map[int]string {
	t.Helper()
	before := descriptors(t)
	f()
	list := descriptors(t)
	for fd, name := range list {
		if before[fd] == name {
			delete(list, fd)
		}
	}
	return list
}
