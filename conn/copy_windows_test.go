package conn_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/sockerr"
)

// associate gives the socket of c a completion port that nobody takes packets
// from.
func associate(t *testing.T, c net.Conn) (err error) {
	t.Helper()
	port, perr := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if perr != nil {
		t.Fatal(perr)
	}
	t.Cleanup(func() { windows.CloseHandle(port) })
	raw, rerr := c.(syscall.Conn).SyscallConn()
	if rerr != nil {
		t.Fatal(rerr)
	}
	raw.Control(func(s uintptr) { _, err = windows.CreateIoCompletionPort(windows.Handle(s), port, 0, 0) })
	return err
}

// A file goes through TransmitFile, for which the socket belongs to the Poll's
// port. Where it belongs to another one the file is copied in the ordinary way.
func TestSendFileBelongsToThePoll(t *testing.T) {
	data := randomBytes(100_000)
	for name, first := range map[string]bool{"ours": false, "another": true} {
		t.Run(name, func(t *testing.T) {
			c, peer := streamPair(t, "tcp", ours, std)
			if first {
				if err := associate(t, c); err != nil {
					t.Fatal(err)
				}
			}
			got := received(peer)
			for range 2 {
				f := fileWith(t, data)
				if n, err := io.Copy(c, f); n != int64(len(data)) || err != nil {
					t.Errorf("copied %d, %v", n, err)
				}
			}
			if err := associate(t, c); err != windows.ERROR_INVALID_PARAMETER {
				t.Errorf("another port: %v, although it has one", err)
			}
			c.Close()
			wantBytes(t, name, got(t), append(data, data...))
		})
	}
}

// A file that can't be read fails as it does in the ordinary way.
func TestSendFileThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(os.OpenFile(path, os.O_WRONLY, 0))(t)
	c, peer := streamPair(t, "tcp", ours, std)
	got := received(peer)
	want := ""
	if sockerr.Wine { // where TransmitFile does not ask what the file was opened for
		want = "secret"
	}
	if n, err := io.Copy(c, f); n != int64(len(want)) || (err == nil) != sockerr.Wine {
		t.Errorf("copied %d, %v", n, err)
	}
	closed := open(os.Open(path))(t)
	closed.Close()
	if n, err := io.Copy(c, closed); n != 0 || err == nil {
		t.Errorf("a closed one: copied %d, %v", n, err)
	}
	c.Close()
	wantBytes(t, "what was sent", got(t), []byte(want))
}
