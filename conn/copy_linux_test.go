package conn_test

// What splice(2) and sendfile(2) do; see copy_test.go for what is so everywhere.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What the system can't send is copied in the ordinary way.
func TestReadFromWhatIsNoRegularFile(t *testing.T) {
	data := randomBytes(300 << 10)
	sources := map[string]func() io.Reader{
		"pipe": func() io.Reader {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			go func() { w.Write(data); w.Close() }()
			return r
		},
		"limited pipe": func() io.Reader {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { w.Close() })
			go w.Write(data)
			return io.LimitReader(r, int64(len(data)))
		},
		"bytes":         func() io.Reader { return bytes.NewReader(data) },
		"only a Reader": func() io.Reader { return struct{ io.Reader }{bytes.NewReader(data)} },
		"net.Pipe": func() io.Reader {
			r, w := net.Pipe()
			go func() { w.Write(data); w.Close() }()
			return r
		},
		"a user's type around a connection": func() io.Reader {
			c, peer := streamPair(t, "tcp", std, std)
			go func() { peer.Write(make([]byte, len(data))); peer.(*net.TCPConn).CloseWrite() }()
			return replaced{c.(syscall.Conn), struct{ io.Reader }{bytes.NewReader(data)}}
		},
		"unixpacket": func() io.Reader {
			a, b := unixPair(t, ours, "unixpacket")
			a.SetReadDeadline(time.Now().Add(time.Minute))
			go func() {
				for rest := data; len(rest) > 0; rest = rest[1<<10:] {
					b.Write(rest[:1<<10])
				}
				b.Close()
			}()
			return a
		},
		"buffers": func() io.Reader {
			return &net.Buffers{data[:10], data[10:10], data[10:100000], data[100000:]}
		},
	}
	for name, source := range sources {
		for _, how := range []string{"Copy", "ReadFrom"} {
			c, peer := streamPair(t, "tcp", ours, std)
			got := received(peer)
			var n int64
			var err error
			if how == "Copy" {
				n, err = io.Copy(c, source())
			} else {
				n, err = c.(io.ReaderFrom).ReadFrom(source())
			}
			if n != int64(len(data)) || err != nil {
				t.Errorf("%s %s: copied %d, %v", name, how, n, err)
			}
			c.Close()
			wantBytes(t, name, got(t), data)
		}
	}
}

// replaced is a connection whose Read is another's: what is on its socket is
// not to be copied.
type replaced struct {
	syscall.Conn
	io.Reader
}

// share reports whether two connections have an address in common, as those may whose
// peers differ: it could not be told in an error whose it is.
func share(c net.Conn, other any) bool {
	o, ok := other.(net.Conn)
	if !ok {
		return false
	}
	has := func(a net.Addr) bool {
		return a.String() == o.LocalAddr().String() || a.String() == o.RemoteAddr().String()
	}
	return has(c.LocalAddr()) || has(c.RemoteAddr())
}

// A transfer ends with std's errors.
func TestCopyErrorsAreStds(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		kinds := map[string]func() io.Reader{
			"file":   func() io.Reader { return fileWith(t, make([]byte, 64<<20)) },
			"stream": func() io.Reader { c, _ := endless(t, s); return c },
		}
		for _, kind := range sortedKeys(kinds) {
			source := kinds[kind]
			type scenario struct {
				name string
				c    net.Conn
				r    io.Reader
			}
			fresh := func() net.Conn { c, _ := streamPair(t, "tcp", s, std); return c }
			closed := fresh()
			closed.Close()
			expired := fresh()
			expired.SetWriteDeadline(past)
			late := fresh()
			for _, sc := range []scenario{{"closed", closed, source()}, {"expired", expired, source()}, {"late", late, source()}} {
				tr.names = nil
				for share(sc.c, sc.r) {
					sc.r = source()
				}
				rename := []string{sc.c.LocalAddr().String(), "LOCAL", sc.c.RemoteAddr().String(), "REMOTE"}
				if c, ok := sc.r.(net.Conn); ok {
					rename = append(rename, c.LocalAddr().String(), "SOURCE", c.RemoteAddr().String(), "FAR")
				}
				tr.rename(rename...)
				if sc.name == "late" {
					sc.c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)) // the call has begun by then
				}
				n, err := sc.c.(io.ReaderFrom).ReadFrom(sc.r)
				tr.add("%s %s: any %v, %v", kind, sc.name, n > 0, err)
			}
		}
		// The source fails.
		for _, how := range []string{"closed", "expired", "late", "reset"} {
			src, far := streamPair(t, "tcp", s, std)
			dst, _ := streamPair(t, "tcp", s, std)
			for share(src, dst) {
				dst, _ = streamPair(t, "tcp", s, std)
			}
			tr.rename(src.LocalAddr().String(), "SOURCE", src.RemoteAddr().String(), "FAR",
				dst.LocalAddr().String(), "LOCAL", dst.RemoteAddr().String(), "REMOTE")
			far.Write([]byte("data"))
			switch how {
			case "closed":
				src.Close()
			case "expired":
				src.SetReadDeadline(past)
			case "late":
				src.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // the call has begun by then
			case "reset":
				src.Read(make([]byte, 4))
				far.(*net.TCPConn).SetLinger(0)
				far.Close()
			}
			n, err := dst.(io.ReaderFrom).ReadFrom(src)
			tr.add("source %s: %d, %v", how, n, err)
			n, err = io.Copy(dst, src)
			tr.add("source %s: Copy %d, %v", how, n, err)
		}
		// A file takes nothing.
		path := filepath.Join(directory(t), "file")
		os.WriteFile(path, nil, 0o600)
		closed := open(os.Create(path))(t)
		closed.Close()
		for _, f := range []*os.File{closed, open(os.Open(path))(t)} {
			src, far := streamPair(t, "tcp", s, std)
			tr.rename(src.LocalAddr().String(), "SOURCE", src.RemoteAddr().String(), "FAR", path, "FILE")
			far.Write([]byte("data"))
			n, err := io.Copy(f, src)
			tr.add("to a file: %d, %v", n, err)
		}
	})
}

// All pairs of streams between which io.Copy is to work, ours and std's.
func TestSpliceContents(t *testing.T) {
	data := randomBytes(3<<20 + 77)
	type end struct {
		network string
		s       stack
	}
	ends := []end{{"tcp", ours}, {"tcp", std}, {"unix", ours}, {"unix", std}}
	for _, in := range ends {
		for _, out := range ends {
			if in.s.name == "std" && out.s.name == "std" {
				continue
			}
			for _, limit := range []int64{-1, 0, 10, 1 << 20, int64(len(data)), int64(len(data)) + 10} {
				name := fmt.Sprintf("%s %s to %s %s, limit %d", in.s.name, in.network, out.s.name, out.network, limit)
				src, from := streamPair(t, in.network, in.s, std)
				dst, to := streamPair(t, out.network, out.s, std)
				got := received(to)
				go func() {
					for rest := data; len(rest) > 0; {
						n := min(len(rest), 1+rand.IntN(200<<10))
						from.Write(rest[:n])
						rest = rest[n:]
					}
					from.(interface{ CloseWrite() error }).CloseWrite()
				}()
				var n int64
				var err error
				want := data
				if limit < 0 {
					n, err = io.Copy(dst, src)
				} else {
					want = data[:min(limit, int64(len(data)))]
					l := &io.LimitedReader{R: src, N: limit}
					n, err = io.Copy(dst, l)
					if l.N != limit-int64(len(want)) {
						t.Errorf("%s: the limit is %d afterwards", name, l.N)
					}
				}
				if n != int64(len(want)) || err != nil {
					t.Errorf("%s: copied %d, %v; want %d", name, n, err, len(want))
				}
				dst.Close()
				wantBytes(t, name, got(t), want)
				// What was not copied is still there to read.
				rest, err := io.ReadAll(src)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				wantBytes(t, name+", the rest", rest, data[len(want):])
				for _, c := range []net.Conn{src, from, dst, to} {
					c.Close()
				}
			}
		}
	}
}

// A proxy copies both ways, passes each side's end on, and the other direction
// goes on.
func TestProxyPassesHalfClosesOn(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		client, front := streamPair(t, "tcp", std, ours)
		back, server := streamPair(t, network, ours, std)
		var wg sync.WaitGroup
		relay := func(dst, src net.Conn) {
			if _, err := io.Copy(dst, src); err != nil {
				t.Errorf("%s: %v", network, err)
			}
			dst.(interface{ CloseWrite() error }).CloseWrite()
		}
		wg.Go(func() { relay(back, front) })
		wg.Go(func() { relay(front, back) })
		request, answer := randomBytes(1<<20), randomBytes(2<<20)
		go func() {
			client.Write(request)
			client.(*net.TCPConn).CloseWrite()
		}()
		got, err := io.ReadAll(server)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, network+" request", got, request)
		go func() { // only now, when the request's direction has ended
			server.Write(answer)
			server.Close()
		}()
		got, err = io.ReadAll(client)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, network+" answer", got, answer)
		wg.Wait()
	}
}

// Transfers that are broken off leave no descriptors behind.
func TestTransfersLeaveNoDescriptors(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	const rounds = 50
	for range rounds {
		src, _ := endless(t, ours)
		dst, peer := streamPair(t, "tcp", ours, std)
		done := make(chan struct{})
		go func() { io.Copy(dst, src); close(done) }()
		io.ReadFull(peer, make([]byte, 100<<10))
		dst.Close()
		<-done
		src.Close()
		peer.Close()
	}
	// Some pipes are kept for the next transfers, none that has data in it; std's
	// ends of the streams are closed with the test.
	if n := count() - before; n > rounds+20 {
		t.Errorf("%d descriptors more than before", n)
	}
}

func TestWriteBuffersAllocatesNothing(t *testing.T) {
	c, peer := pairOf(t)
	go io.Copy(io.Discard, peer)
	bufs := make(net.Buffers, 0, 10)
	head, body := []byte("head"), make([]byte, 1000)
	if n := testing.AllocsPerRun(1000, func() {
		b := append(bufs, head, body)
		if _, err := c.WriteBuffers(&b); err != nil {
			t.Fatal(err)
		}
	}); n > 1 && !raceDetector { // the slice's header, which the caller's & makes
		t.Errorf("%v allocations", n)
	}
}

// Without descriptors for a pipe a stream is copied in the ordinary way.
func TestCopyWithoutDescriptorsForAPipe(t *testing.T) {
	data := randomBytes(300 << 10)
	src, from := streamPair(t, "tcp", ours, std)
	dst, to := streamPair(t, "tcp", ours, std)
	got := received(to)
	go func() { from.Write(data); from.Close() }()

	runtime.GC()
	runtime.GC() // the second takes the pooled pipes
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, openErr := os.Open(os.DevNull)
	n, err := io.Copy(dst, src)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(openErr, syscall.EMFILE) {
		t.Errorf("opening a file: %v, want EMFILE", openErr)
	}
	if n != int64(len(data)) || err != nil {
		t.Errorf("copied %d, %v", n, err)
	}
	dst.Close()
	wantBytes(t, "the copy", got(t), data)
}
