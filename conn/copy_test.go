package conn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sockerr"
)

// randomBytes returns n bytes that no two places of share a pattern.
func randomBytes(n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	b := make([]byte, n)
	r.Read(b)
	return b
}

// fileWith returns a file with these contents, at its beginning.
func fileWith(t testing.TB, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(os.OpenFile(path, os.O_RDWR, 0))(t)
}

// streamPair returns both ends of a stream on the stack of each.
func streamPair(t testing.TB, network string, dialled, accepted stack) (net.Conn, net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network != "tcp" {
		address = filepath.Join(directory(t), "s")
	}
	ln := open(accepted.listen(network, address))(t)
	defer ln.Close()
	c := open(dialled.dial(network, ln.Addr().String()))(t)
	a := open(ln.Accept())(t)
	for _, c := range []net.Conn{c, a} {
		c.SetDeadline(time.Now().Add(time.Minute))
	}
	return c, a
}

// received returns a function that waits for what c received until its end.
func received(c io.Reader) func(t testing.TB) []byte {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(c)
		done <- result{data, err}
	}()
	return func(t testing.TB) []byte {
		t.Helper()
		r := <-done
		if r.err != nil {
			t.Errorf("after %d bytes: %v", len(r.data), r.err)
		}
		return r.data
	}
}

func wantBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes came, want %d; equal up to %d", what, len(got), len(want), commonPrefix(got, want))
	}
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// Every way of sending a file: all of it, a part, from its offset on, more than
// there is, nothing.
func TestSendFileContents(t *testing.T) {
	data := randomBytes(5<<20 + 123)
	for name, test := range map[string]struct {
		offset int64
		copy   func(dst io.Writer, f *os.File) (int64, error)
		want   []byte
		left   int64 // offset afterwards
	}{
		"all":         {0, func(dst io.Writer, f *os.File) (int64, error) { return io.Copy(dst, f) }, data, int64(len(data))},
		"ReadFrom":    {0, func(dst io.Writer, f *os.File) (int64, error) { return dst.(io.ReaderFrom).ReadFrom(f) }, data, int64(len(data))},
		"from offset": {1000, func(dst io.Writer, f *os.File) (int64, error) { return io.Copy(dst, f) }, data[1000:], int64(len(data))},
		"part":        {1000, func(dst io.Writer, f *os.File) (int64, error) { return io.CopyN(dst, f, 70000) }, data[1000:71000], 71000},
		"parts": {0, func(dst io.Writer, f *os.File) (n int64, err error) {
			for range 3 {
				m, err := io.CopyN(dst, f, 3)
				if n += m; err != nil {
					return n, err
				}
			}
			return n, nil
		}, data[:9], 9},
		"more than there is": {5 << 20, func(dst io.Writer, f *os.File) (int64, error) {
			l := &io.LimitedReader{R: f, N: 1000}
			n, err := io.Copy(dst, l)
			if l.N != 1000-123 {
				err = fmt.Errorf("the limit is %d afterwards", l.N)
			}
			return n, err
		}, data[5<<20:], int64(len(data))},
		"nothing":    {7, func(dst io.Writer, f *os.File) (int64, error) { return io.Copy(dst, io.LimitReader(f, 0)) }, nil, 7},
		"at the end": {int64(len(data)), func(dst io.Writer, f *os.File) (int64, error) { return io.Copy(dst, f) }, nil, int64(len(data))},
	} {
		c, peer := streamPair(t, "tcp", ours, std)
		got := received(peer)
		f := fileWith(t, data)
		f.Seek(test.offset, io.SeekStart)
		n, err := test.copy(c, f)
		if n != int64(len(test.want)) || err != nil {
			t.Errorf("%s: copied %d, %v; want %d", name, n, err, len(test.want))
		}
		if at, _ := f.Seek(0, io.SeekCurrent); at != test.left {
			t.Errorf("%s: offset %d afterwards, want %d", name, at, test.left)
		}
		c.Close()
		wantBytes(t, name, got(t), test.want)
	}
}

// A closed peer ends a transfer in progress.
func TestCopyToAClosedPeerEnds(t *testing.T) {
	for name, source := range map[string]func() io.Reader{
		"file":   func() io.Reader { return fileWith(t, make([]byte, 256<<20)) },
		"stream": func() io.Reader { c, _ := endless(t, ours); return c },
	} {
		c, peer := streamPair(t, "tcp", ours, std)
		c.SetWriteDeadline(time.Now().Add(20 * time.Second))
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(c, source())
			ended <- err
		}()
		io.ReadFull(peer, make([]byte, 1<<20))
		peer.Close()
		select {
		case err := <-ended:
			var op *net.OpError
			if !errors.As(err, &op) || !sockerr.Broken(err) && !missedReset(name, err) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: the transfer does not end", name)
		}
	}
}

// Close ends a transfer that waits for space, and one that waits for data.
func TestCloseEndsATransfer(t *testing.T) {
	c, _ := streamPair(t, "tcp", ours, std)
	src, _ := streamPair(t, "tcp", ours, std)
	full, _ := streamPair(t, "tcp", ours, std)
	for name, test := range map[string]struct {
		dst net.Conn
		r   io.Reader
		end net.Conn
	}{
		"for data":  {c, src, src},
		"for space": {full, fileWith(t, make([]byte, 64<<20)), full},
	} {
		ended := make(chan error, 1)
		go func() { _, err := io.Copy(test.dst, test.r); ended <- err }()
		select {
		case err := <-ended:
			t.Errorf("waiting %s: ended with %v", name, err)
		case <-time.After(50 * time.Millisecond):
		}
		test.end.Close()
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("waiting %s: %v", name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("waiting %s: Close does not end the transfer", name)
		}
	}
}

// endless returns a connection of the stack whose other end writes zeros until
// that fails.
func endless(t testing.TB, s stack) (c, far net.Conn) {
	c, far = streamPair(t, "tcp", s, std)
	go func() {
		for buf := make([]byte, 64<<10); ; {
			if _, err := far.Write(buf); err != nil {
				return
			}
		}
	}()
	return c, far
}

// The write deadline ends the sending of a file to a peer that takes no more, and
// a later one lets it go on; what the peer gets is what was said to be sent, or
// more, and the file's beginning.
func TestDeadlineEndsASendFile(t *testing.T) {
	data := randomBytes(64 << 20)
	c, peer := streamPair(t, "tcp", ours, std)
	f := fileWith(t, data)
	c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := io.Copy(c, f)
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() || n >= int64(len(data)) {
		t.Fatalf("copied %d, %v; want a timeout", n, err)
	}
	if at, err := f.Seek(0, io.SeekCurrent); at != n || err != nil {
		t.Errorf("the file is at %d, %v; want %d", at, err, n)
	}
	if m, err := io.Copy(c, f); m != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("afterwards copied %d, %v; want a timeout", m, err)
	}
	got := received(peer)
	c.Close()
	all := got(t)
	if int64(len(all)) < n {
		t.Errorf("%d bytes came of %d that were sent", len(all), n)
	}
	wantBytes(t, "what came", all, data[:len(all)])
}

// Whoever writes while a file is sent waits for its end, and what comes the other
// way is read meanwhile.
func TestSendFileSharesTheConnection(t *testing.T) {
	data := randomBytes(8 << 20)
	c, peer := streamPair(t, "tcp", ours, std)
	f := fileWith(t, data)
	sent := make(chan error, 1)
	go func() { _, err := io.Copy(c, f); sent <- err }()
	head := make([]byte, 1<<20)
	if _, err := io.ReadFull(peer, head); err != nil {
		t.Fatal(err)
	}
	peer.Write([]byte("ping"))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { _, err := c.Write([]byte("end")); written <- err; c.Close() }()
	rest, err := io.ReadAll(peer)
	if err != nil {
		t.Fatal(err)
	}
	for _, done := range []chan error{sent, written} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	wantBytes(t, "file and end", append(head, rest...), append(data, "end"...))
}
