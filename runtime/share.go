package runtime

import (
	"net"
	"os"

	"github.com/moor-net/moor/internal/sys"
)

// Detach ends the FD like Close, but gives the descriptor back to the caller
// instead of closing it: it belongs to no loop any more and is still
// non-blocking. What the system has received and nobody has read is still
// there to read. After it, as after Close, every call returns net.ErrClosed.
// It always waits for the last user: what runs on a loop must not call it if that
// may be a coroutine.
func (fd *FD) Detach() (int, error) {
	if !fd.mu.Close() {
		return -1, net.ErrClosed
	}
	fd.w.state.Or(detached)
	fd.wakeAll()
	if fd.mu.Unref() {
		fd.release()
	}
	fd.mu.AwaitRelease()
	return int(fd.sysfd), nil
}

// Dup returns a duplicate of the descriptor, close-on-exec, which belongs to
// the caller. Both share what fcntl(2) calls file status flags: the duplicate
// is non-blocking, and if that is changed the FD, if it is a socket, goes on
// as if it were not.
func (fd *FD) Dup() (int, error) {
	if err := fd.ref(); err != nil {
		return -1, err
	}
	defer fd.unref()
	n, err := sys.Dup(int(fd.sysfd))
	if err != nil {
		return -1, os.NewSyscallError(sys.DupName, err)
	}
	fd.Share()
	return n, nil
}

// Share says that somebody else has a duplicate of the descriptor, as after
// Dup. It may be called before Init.
func (fd *FD) Share() { fd.w.state.Or(duplicated) }

func (fd *FD) shared() bool { return fd.w.state.Load()&duplicated != 0 }
