package conn_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/moor-net/moor/conn"
)

// transfers are what TestTransfersStayInTheKernel counts the system calls of.
// Each moves transferSize bytes.
var transfers = map[string]struct {
	run   func(t *testing.T, data []byte)
	calls map[string][2]int // at least and at most
}{
	"file": {func(t *testing.T, data []byte) {
		c, peer := streamPair(t, "tcp", ours, std)
		move(t, c, fileWith(t, data), c, peer)
	}, map[string][2]int{"sendfile": {1, 200}, "splice": {0, 0}}},
	"a GiB": {func(t *testing.T, _ []byte) {
		const size = 1 << 30
		f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		c, peer := streamPair(t, "tcp", ours, std)
		got := make(chan int64)
		go func() {
			n, _ := io.CopyBuffer(io.Discard, onlyReader{peer}, make([]byte, 1<<20))
			got <- n
		}()
		if n, err := io.Copy(c, f); n != size || err != nil {
			t.Errorf("copied %d, %v", n, err)
		}
		c.Close()
		if n := <-got; n != size {
			t.Errorf("%d bytes arrived", n)
		}
	}, map[string][2]int{"sendfile": {1, 1 << 15}, "write": {0, 100}, "sendto": {0, 100}}},
	"limited file": {func(t *testing.T, data []byte) {
		c, peer := streamPair(t, "tcp", ours, std)
		move(t, c, io.LimitReader(fileWith(t, append(data, 1, 2, 3)), int64(len(data))), c, peer)
	}, map[string][2]int{"sendfile": {1, 200}}},
	"tcp to tcp":      {func(t *testing.T, data []byte) { relayed(t, data, "tcp", ours, "tcp", ours) }, map[string][2]int{"splice": {4, 10000}}},
	"std tcp to tcp":  {func(t *testing.T, data []byte) { relayed(t, data, "tcp", std, "tcp", ours) }, map[string][2]int{"splice": {4, 10000}}},
	"tcp to std tcp":  {func(t *testing.T, data []byte) { relayed(t, data, "tcp", ours, "tcp", std) }, map[string][2]int{"splice": {4, 10000}}},
	"unix to tcp":     {func(t *testing.T, data []byte) { relayed(t, data, "unix", ours, "tcp", ours) }, map[string][2]int{"splice": {4, 10000}}},
	"std unix to tcp": {func(t *testing.T, data []byte) { relayed(t, data, "unix", std, "tcp", ours) }, map[string][2]int{"splice": {4, 10000}}},
	"tcp to unix":     {func(t *testing.T, data []byte) { relayed(t, data, "tcp", ours, "unix", ours) }, map[string][2]int{"splice": {4, 10000}}},
	"tcp to std unix": {func(t *testing.T, data []byte) { relayed(t, data, "tcp", ours, "unix", std) }, map[string][2]int{"splice": {4, 10000}}},
	"tcp to file": {func(t *testing.T, data []byte) {
		src, from := streamPair(t, "tcp", ours, std)
		go func() { from.Write(data); from.Close() }()
		if n, err := io.Copy(fileWith(t, nil), src); n != int64(len(data)) || err != nil {
			t.Errorf("copied %d, %v", n, err)
		}
	}, map[string][2]int{"splice": {4, 10000}}},
	"tcp, read by a file": {func(t *testing.T, data []byte) {
		src, from := streamPair(t, "tcp", ours, std)
		go func() { from.Write(data); from.Close() }()
		if n, err := fileWith(t, nil).ReadFrom(src); n != int64(len(data)) || err != nil {
			t.Errorf("copied %d, %v", n, err)
		}
	}, map[string][2]int{"splice": {4, 10000}}},
	"tcp to pipe": {func(t *testing.T, data []byte) {
		src, from := streamPair(t, "tcp", ours, std)
		go func() { from.Write(data); from.Close() }()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		got := received(r)
		if n, err := io.Copy(w, src); n != int64(len(data)) || err != nil {
			t.Errorf("copied %d, %v", n, err)
		}
		w.Close()
		wantBytes(t, "pipe", got(t), data)
	}, map[string][2]int{"splice": {4, 10000}}},
	"buffers": {func(t *testing.T, data []byte) {
		c, peer := streamPair(t, "tcp", ours, std)
		got := received(peer)
		bufs := make(net.Buffers, 2049)
		for i := range bufs {
			bufs[i] = data[i : i+1]
		}
		if n, err := c.(*conn.TCPConn).WriteBuffers(&bufs); n != 2049 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
		c.Close()
		wantBytes(t, "buffers", got(t), data[:2049])
	}, map[string][2]int{"sendmsg": {3, 3}}},
	"datagrams": {func(t *testing.T, data []byte) {
		in := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
		out := open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
		send, read := messages(100, 100), messages(100, 100)
		if n, err := out.WriteBatch(send, 0); n != 100 || err != nil {
			t.Errorf("WriteBatch = %d, %v", n, err)
		}
		if n, err := in.ReadBatch(read, 0); n != 100 || err != nil {
			t.Errorf("ReadBatch = %d, %v", n, err)
		}
	}, map[string][2]int{"sendmmsg": {1, 1}, "recvmmsg": {1, 1}, "sendto": {0, 0}, "recvfrom": {0, 0}}},
}

const transferSize = 8 << 20

// move copies r to c, and wants what comes out at the other end.
func move(t *testing.T, w io.Writer, r io.Reader, c net.Conn, peer net.Conn) {
	t.Helper()
	got := received(peer)
	if n, err := io.Copy(w, r); n != transferSize || err != nil {
		t.Errorf("copied %d, %v", n, err)
	}
	c.Close()
	wantBytes(t, "transfer", got(t), randomBytes(transferSize))
}

func relayed(t *testing.T, data []byte, inNetwork string, in stack, outNetwork string, out stack) {
	t.Helper()
	src, from := streamPair(t, inNetwork, in, std)
	dst, to := streamPair(t, outNetwork, out, std)
	go func() { from.Write(data); from.Close() }()
	move(t, dst, src, dst, to)
}

// The system calls are really made: in a process of its own each transfer is
// counted by strace.
func TestTransfersStayInTheKernel(t *testing.T) {
	if name := os.Getenv("MOOR_TEST_TRANSFER"); name != "" {
		transfers[name].run(t, randomBytes(transferSize))
		return
	}
	if raceDetector {
		t.Skip("a program without the race detector is what counts")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: system calls can't be counted")
	}
	for _, name := range sortedKeys(transfers) {
		out := filepath.Join(t.TempDir(), "calls")
		cmd := exec.Command(strace, "-f", "-c", "-U", "calls,name", "-o", out, os.Args[0], "-test.run=^TestTransfersStayInTheKernel$")
		cmd.Env = append(os.Environ(), "MOOR_TEST_TRANSFER="+name)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		calls := countCalls(t, out)
		for call, bounds := range transfers[name].calls {
			if n := calls[call]; n < bounds[0] || n > bounds[1] {
				t.Errorf("%s: %d calls of %s, want %d to %d", name, n, call, bounds[0], bounds[1])
			}
		}
	}
}

// countCalls reads what strace counted.
func countCalls(t *testing.T, path string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	calls := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 {
			if n, err := strconv.Atoi(f[0]); err == nil {
				calls[f[1]] = n
			}
		}
	}
	return calls
}
