package listener_test

// Windows refuses a connect for which the queue has no place, instead of letting
// it wait, and gives every port to everybody.

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestListenPermission(t *testing.T) {
	first, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(first)) == "0" {
		t.Skip("this system lets everybody listen on every port")
	}
	// A root user's privilege is taken from this thread alone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		t.Fatal(err)
	}
	less := had
	less[0].Effective &^= 1 << unix.CAP_NET_BIND_SERVICE
	if err := unix.Capset(&header, &less[0]); err != nil {
		t.Fatal(err)
	}
	defer unix.Capset(&header, &had[0])
	var want, got record
	for s, r := range map[*stack]*record{&std: &want, &ours: &got} {
		l, err := s.listen(net.ListenConfig{}, "tcp", "127.0.0.1:1")
		r.step("Listen", err, l == nil)
		c, err := s.dialer(net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}}).Dial("tcp", busyAddress(t).String())
		r.step("Dial", err, c == nil)
	}
	for i := range want {
		if !strings.Contains(want[i], "permission denied") {
			t.Errorf("package net: %s", want[i])
		}
		if got[i] != want[i] {
			t.Errorf("\npackage net:  %s\nthis library: %s", want[i], got[i])
		}
	}
}

// fullAddress returns an address where connects hang: the queue of those who
// wait for Accept is full.
func fullAddress(t *testing.T) string {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s) })
	if err := unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(s, 0); err != nil {
		t.Fatal(err)
	}
	local, err := unix.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: local.(*unix.SockaddrInet4).Port}).String()
	c, err := net.Dial("tcp", address) // a queue of zero takes one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return address
}

func TestDialTimeouts(t *testing.T) {
	const wait = 50 * time.Millisecond
	// The time counts from start, when the limit was set.
	dial := func(ctx context.Context, t *testing.T, start time.Time, s stack, d net.Dialer, r *record) {
		c, err := s.dialer(d).DialContext(ctx, "tcp", fullAddress(t))
		if took := time.Since(start); took < wait || took > tardy {
			t.Errorf("the dial took %v, with a limit of %v", took, wait)
		}
		op, ok := err.(*net.OpError)
		if !ok || c != nil {
			t.Fatalf("the dial returned %v, %v", c, err)
		}
		// Whether the socket's or the context's time is up first is chance, in
		// package net too: of the error inside, only the text is fixed.
		outer := *op
		outer.Err = errors.New(op.Err.Error())
		r.step("Dial", &outer, op.Timeout())
		if op.Timeout() != (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)) {
			t.Errorf("the error matches no sentinel: %v", describe(err))
		}
	}
	compare(t, map[string]scenario{
		"timeout": func(t *testing.T, s stack, r *record) {
			dial(t.Context(), t, time.Now(), s, net.Dialer{Timeout: wait}, r)
		},
		"deadline": func(t *testing.T, s stack, r *record) {
			start := time.Now()
			dial(t.Context(), t, start, s, net.Dialer{Deadline: start.Add(wait)}, r)
		},
		"context's deadline": func(t *testing.T, s stack, r *record) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			dial(ctx, t, start, s, net.Dialer{}, r)
		},
		"context cancelled": func(t *testing.T, s stack, r *record) {
			ctx, cancel := context.WithCancel(t.Context())
			start := time.Now()
			defer time.AfterFunc(wait, cancel).Stop()
			dial(ctx, t, start, s, net.Dialer{Timeout: time.Minute}, r)
		},
		"cancel channel": func(t *testing.T, s stack, r *record) {
			cancel := make(chan struct{})
			start := time.Now()
			defer time.AfterFunc(wait, func() { close(cancel) }).Stop()
			//lint:ignore SA1019 deprecated, and still to be the same
			dial(t.Context(), t, start, s, net.Dialer{Cancel: cancel}, r)
		},
	})
}
