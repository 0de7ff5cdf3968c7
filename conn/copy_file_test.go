package conn_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file takes a stream from its offset on; one for appending, and one that is
// no regular file, in the ordinary way.
func TestCopyIntoAFile(t *testing.T) {
	t.Run("io.Copy", func(t *testing.T) {
		testCopyIntoAFile(t, func(f *os.File, c net.Conn) (int64, error) { return io.Copy(f, c) })
	})
	t.Run("the file's ReadFrom", func(t *testing.T) {
		testCopyIntoAFile(t, func(f *os.File, c net.Conn) (int64, error) { return f.ReadFrom(c) })
	})
}

func testCopyIntoAFile(t *testing.T, copyIn func(*os.File, net.Conn) (int64, error)) {
	data := randomBytes(1<<20 + 5)
	for name, test := range map[string]struct {
		before string
		flags  int
		offset int64
		want   func() []byte
	}{
		"empty":         {"", 0, 0, func() []byte { return data }},
		"at its offset": {"0123456789", 0, 5, func() []byte { return append([]byte("01234"), data...) }},
		"appending":     {"0123456789", os.O_APPEND, 0, func() []byte { return append([]byte("0123456789"), data...) }},
	} {
		path := filepath.Join(t.TempDir(), "file")
		os.WriteFile(path, []byte(test.before), 0o600)
		f := open(os.OpenFile(path, os.O_RDWR|test.flags, 0))(t)
		f.Seek(test.offset, io.SeekStart)
		c, peer := streamPair(t, "tcp", ours, std)
		go func() { peer.Write(data); peer.Close() }()
		if n, err := copyIn(f, c); n != int64(len(data)) || err != nil {
			t.Errorf("%s: copied %d, %v", name, n, err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, name, got, test.want())
		// The offset moved along.
		f.Write([]byte("end"))
		got, _ = os.ReadFile(path)
		wantBytes(t, name+", then written to", got, append(test.want(), "end"...))
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c, peer := streamPair(t, "tcp", ours, std)
	go func() { peer.Write(data); peer.Close() }()
	got := received(r)
	if n, err := copyIn(w, c); n != int64(len(data)) || err != nil {
		t.Errorf("pipe: copied %d, %v", n, err)
	}
	w.Close()
	wantBytes(t, "pipe", got(t), data)
}

// Errors of copying into a file are package net's and package os's, also where
// it is the file that copies.
func TestCopyIntoAFileErrorsAreStds(t *testing.T) {
	dir := directory(t)
	same(t, func(t *testing.T, s stack, tr *transcript) {
		for _, how := range []string{"closed", "expired", "late", "reset", "file closed", "file read-only", "pipe closed"} {
			for _, copies := range []string{"io.Copy", "file"} {
				path := filepath.Join(dir, "file")
				os.WriteFile(path, nil, 0o600)
				f := open(os.Create(path))(t)
				c, peer := streamPair(t, "tcp", s, std)
				tr.rename(c.LocalAddr().String(), "LOCAL", c.RemoteAddr().String(), "REMOTE", path, "FILE")
				peer.Write([]byte("data"))
				switch how {
				case "closed":
					c.Close()
				case "expired":
					c.SetReadDeadline(past)
				case "late":
					c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // the call has begun by then
				case "reset":
					c.Read(make([]byte, 4))
					peer.(*net.TCPConn).SetLinger(0)
					peer.Close()
				case "file closed":
					f.Close()
				case "file read-only":
					f = open(os.Open(path))(t)
				case "pipe closed":
					r, w, err := os.Pipe()
					if err != nil {
						t.Fatal(err)
					}
					r.Close()
					f = open(w, nil)(t)
				}
				var n int64
				var err error
				if copies == "file" {
					n, err = f.ReadFrom(c)
				} else {
					n, err = io.Copy(f, c)
				}
				tr.add("%s, %s copies: %d, %v", how, copies, n, err)
			}
		}
	})
}
