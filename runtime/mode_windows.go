package runtime

import (
	"os"
	goruntime "runtime"
	"sync"

	"github.com/moor-net/moor/internal/sys"
)

// A socket's mode says whether calls that are not overlapped block, and is one for
// all of its handles. Ours do not block, but two things can change that:
//
//   - Package net's sockets do block, in the functions of RawRead and RawWrite
//     too, and programs count on it: they take WSAEWOULDBLOCK for an error, as
//     x/net does, and end. So while such a function runs the socket blocks.
//   - Whoever has a duplicate may change the mode at any time.
//
// Meanwhile an operation asks the system first whether its call would block,
// which only the other side, or the other handle, could make untrue again; and
// a stream is given as much at a time as fits when there is space at all.
//
// The function runs on one side, an operation at the same time on the other: each
// side's lock is held. The operation says that it calls before it looks whether
// the mode has changed, and the function says that it changes the mode before it
// looks whether there is such a call, which it waits for: it does not block.

// changing guards the raw bits of all FDs: functions of RawConn's are rare.
var changing sync.Mutex

// letBlock makes the socket block for a function on side s, until forbidBlock.
func (fd *FD) letBlock(s *side) error {
	other := &fd.w
	if s == other {
		other = &fd.r
	}
	changing.Lock()
	defer changing.Unlock()
	s.state.Or(raw)
	if other.state.Load()&raw != 0 {
		return nil
	}
	for other.state.Load()&calling != 0 {
		goruntime.Gosched()
	}
	if err := sys.SetNonblock(int(fd.sysfd), false); err != nil {
		s.state.And(^uint32(raw))
		return os.NewSyscallError("wsaioctl", err)
	}
	return nil
}

// forbidBlock ends what letBlock began, unless the other side has a function. If
// the system refuses, operations go on asking first.
func (fd *FD) forbidBlock(s *side) {
	changing.Lock()
	defer changing.Unlock()
	both := fd.r.state.Load() & fd.w.state.Load()
	if both&raw == 0 && sys.SetNonblock(int(fd.sysfd), true) != nil {
		return
	}
	s.state.And(^uint32(raw))
}

// mayBlock reports whether a call could block by the socket's mode.
func (fd *FD) mayBlock() bool {
	return fd.shared() || (fd.r.state.Load()|fd.w.state.Load())&raw != 0
}

// enterRead is called before a call that takes something, which is left out if it
// returns false: it would block. After the call comes leave.
func (fd *FD) enterRead() bool {
	fd.r.state.Or(calling)
	if !fd.mayBlock() || sys.Readable(int(fd.sysfd)) {
		return true
	}
	fd.r.leave()
	return false
}

// enterWrite is enterRead for a call that gives something: of a stream at most as
// many bytes as it says.
func (fd *FD) enterWrite() (most int, ok bool) {
	fd.w.state.Or(calling)
	if !fd.mayBlock() {
		if fd.kind == Stream {
			return sys.MostAtOnce, true
		}
		return maxTransfer, true
	}
	switch {
	case !sys.Writable(int(fd.sysfd)):
		fd.w.leave()
		return 0, false
	case fd.kind == Stream:
		return carefully, true
	default: // a message is taken as a whole
		return maxTransfer, true
	}
}

// carefully is how many bytes a stream takes without blocking if it says that it
// is writable. Windows takes any number then, into a buffer that may grow beyond
// its size. Others, on whose sockets Wine's are built, say so with a third of the
// buffer free, which is at least 4608 bytes on Linux.
const carefully = 1 << 10

func (s *side) leave() { s.state.And(^uint32(calling)) }
