//go:build unix

package conn_test

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pass sends a descriptor with data over c.
func pass(t *testing.T, c unixConn, data string, f *os.File) {
	t.Helper()
	n, oobn, err := c.WriteMsgUnix([]byte(data), unix.UnixRights(int(f.Fd())), nil)
	if err != nil || n != len(data) || oobn == 0 {
		t.Errorf("WriteMsgUnix = %d, %d, %v", n, oobn, err)
	}
}

func TestUnixDescriptorsTravel(t *testing.T) {
	for _, network := range []string{"unix", "unixpacket"} {
		for _, data := range []string{"data", ""} {
			c, a := unixPair(t, ours, network)
			a.SetDeadline(time.Now().Add(time.Minute))
			file, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			file.WriteString("contents")
			pass(t, c, data, file)
			b, oob := make([]byte, len(data)), make([]byte, 100)
			n, oobn, flags, _, err := a.ReadMsgUnix(b, oob)
			if err != nil || string(b[:min(n, len(b))]) != data {
				t.Fatalf("%s %q: read %d, %v", network, data, n, err)
			}
			msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
			if err != nil || len(msgs) != 1 {
				t.Fatalf("%s %q: control messages %v, %v, flags %#x", network, data, msgs, err, flags)
			}
			fds, err := unix.ParseUnixRights(&msgs[0])
			if err != nil || len(fds) != 1 {
				t.Fatalf("%s %q: descriptors %v, %v", network, data, fds, err)
			}
			if f, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFD, 0); err != nil || f&unix.FD_CLOEXEC == 0 {
				t.Errorf("flags of the descriptor: %#x, %v", f, err)
			}
			got := os.NewFile(uintptr(fds[0]), "received")
			if text, err := io.ReadAll(io.NewSectionReader(got, 0, 100)); err != nil || string(text) != "contents" {
				t.Errorf("contents %q, %v", text, err)
			}
			got.Close()
		}
	}
}

// A read on a Unix stream stops where descriptors were attached, although more
// data is there and no other event comes.
func TestUnixReadThatStopsAtDescriptorsGoesOn(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for round := range 100 {
		c, a := unixPair(t, ours, "unix")
		a.SetReadDeadline(time.Now().Add(time.Minute))
		want := ""
		if round%2 == 0 { // so that the loop has seen events before
			c.Write([]byte("0"))
			a.Read(make([]byte, 1))
		}
		for i := range 5 {
			text := fmt.Sprint("part", i)
			pass(t, c, text, file)
			want += text
		}
		got := make([]byte, len(want))
		for n := 0; n < len(want); {
			m, err := a.Read(got[n:min(n+100, len(got))])
			if err != nil {
				t.Fatalf("round %d: after %q: %v", round, got[:n], err)
			}
			n += m
		}
		if string(got) != want {
			t.Fatalf("round %d: read %q", round, got)
		}
		c.Close()
		a.Close()
	}
}
