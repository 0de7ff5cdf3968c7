//go:build unix

package netpoll_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// The model is a plain account of what a Poll and some pipes and socket pairs
// must do. A world carries out each step in the system and in the model and
// compares.

// An openFile is one end of a pipe or a socket pair.
type openFile struct {
	peer    *openFile
	reads   bool // data can arrive
	writes  bool // data can be sent
	inbox   int  // bytes to read
	chunks  int  // writes since it was empty
	numbers int  // descriptors that name it; closed at zero
}

// ready returns what the file is ready for.
func (f *openFile) ready() (ready netpoll.Ready) {
	if f.reads && f.inbox > 0 || f.peer.numbers == 0 {
		ready |= R
	}
	if f.writes || f.peer.numbers == 0 {
		ready |= W
	}
	return ready
}

// A number is a descriptor, and the registration under it if there is one.
type number struct {
	fd   int
	file *openFile

	registered bool
	attached   bool         // by Attach; otherwise as an FD
	slot       netpoll.Slot // when attached
	token      netpoll.Token
	interest   netpoll.Ready
	opts       netpoll.PollOpt
	spent      bool
	told       netpoll.Ready // reported, and no operation would block since
	pending    netpoll.Ready // must be reported
}

// armed returns what the registration must report in full now.
func (n *number) armed() netpoll.Ready {
	if !n.registered || n.spent {
		return 0
	}
	return n.interest & n.file.ready()
}

// A world is the system and its model.
type world struct {
	t       *testing.T
	p       *poller
	numbers []*number
	next    netpoll.Token
	left    map[int]bool // numbers that were forgotten while a duplicate was open
}

func newWorld(t *testing.T) *world {
	return &world{t: t, p: newPoller(t), left: map[int]bool{}}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf(format, args...)
}

// open makes a new pair.
func (w *world) open(pipe bool) {
	if len(w.numbers) > 12 {
		return
	}
	var fds [2]int
	var err error
	a, b := &openFile{reads: true, writes: !pipe, numbers: 1}, &openFile{reads: !pipe, writes: true, numbers: 1}
	a.peer, b.peer = b, a
	if pipe {
		err = unix.Pipe(fds[:])
	} else {
		fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	}
	if err != nil {
		w.fail("open: %v", err)
	}
	for i, f := range []*openFile{a, b} {
		if err := unix.SetNonblock(fds[i], true); err != nil {
			w.fail("open: %v", err)
		}
		w.numbers = append(w.numbers, &number{fd: fds[i], file: f})
	}
}

// watch runs change and makes what it makes ready pending.
func (w *world) watch(change func()) {
	before := map[*number]netpoll.Ready{}
	for _, n := range w.numbers {
		before[n] = n.file.ready()
	}
	change()
	for _, n := range w.numbers {
		fresh := n.file.ready() &^ before[n] & n.interest
		if netpoll.NeedsRearm {
			fresh &^= n.told // the system can't see that it was used up
		}
		if n.registered && !n.spent {
			n.pending |= fresh
		}
	}
}

func (w *world) register(n *number, interest netpoll.Ready, opts netpoll.PollOpt, attach bool) {
	w.next++
	token := w.next
	if n.registered {
		attach = n.attached
	}
	var slot netpoll.Slot
	var err error
	if attach {
		slot, err = w.p.Attach(uintptr(n.fd), token, interest, opts)
	} else {
		err = w.p.Register(netpoll.FD(n.fd), token, interest, opts)
	}
	if n.registered {
		if !errors.Is(err, netpoll.ErrAlreadyRegistered) {
			w.fail("second Register: %v", err)
		}
		return
	}
	if err != nil {
		w.fail("Register: %v", err)
	}
	n.registered, n.attached, n.slot = true, attach, slot
	w.arm(n, token, interest, opts)
}

// arm records a new registration, or a new one in place of the old.
func (w *world) arm(n *number, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) {
	n.token, n.interest, n.opts = token, interest, opts
	n.spent, n.told, n.pending = false, 0, interest&n.file.ready()
}

func (w *world) reregister(n *number, interest netpoll.Ready, opts netpoll.PollOpt) {
	w.next++
	var err error
	if n.attached {
		n.slot, err = w.p.Update(n.slot, w.next, interest, opts)
	} else {
		err = w.p.Reregister(netpoll.FD(n.fd), w.next, interest, opts)
	}
	if !n.registered {
		if !errors.Is(err, netpoll.ErrNotRegistered) {
			w.fail("Reregister of what is not registered: %v", err)
		}
		return
	}
	if err != nil {
		w.fail("Reregister: %v", err)
	}
	w.arm(n, w.next, interest, opts)
}

func (w *world) deregister(n *number) {
	var err error
	if n.attached {
		err = w.p.Detach(n.slot)
	} else {
		err = w.p.Deregister(netpoll.FD(n.fd))
	}
	if !n.registered {
		if !errors.Is(err, netpoll.ErrNotRegistered) {
			w.fail("Deregister of what is not registered: %v", err)
		}
		return
	}
	if err != nil {
		w.fail("Deregister: %v", err)
	}
	n.registered = false
}

// close closes a number. An owner forgets its registration before; a borrowed
// descriptor may be closed without, but not while a duplicate is open. Nor when
// the number was forgotten with a duplicate open: that leaves the Poll with two
// mistakes about one number, one more than it can put right.
func (w *world) close(i int) {
	n := w.numbers[i]
	switch {
	case !n.registered:
	case n.attached:
		if err := w.p.Forget(n.slot); err != nil {
			w.fail("Forget: %v", err)
		}
		if n.file.numbers > 1 {
			w.left[n.fd] = true
		}
	case n.file.numbers > 1 || n.file.peer.numbers == 0 || w.left[n.fd]:
		w.deregister(n)
	}
	if err := unix.Close(n.fd); err != nil {
		w.fail("close: %v", err)
	}
	n.registered = false
	w.watch(func() { n.file.numbers-- })
	w.numbers = append(w.numbers[:i], w.numbers[i+1:]...)
	if n.file.numbers == 0 {
		w.awaitHangUp(n.file.peer)
	}
}

// awaitHangUp waits until f notices that its peer was closed: another thread,
// such as the one that Go's own poller runs on, may be looking at the file that
// was closed, and then it is only gone when that thread has let go of it.
func (w *world) awaitHangUp(f *openFile) {
	for _, n := range w.numbers {
		if n.file != f {
			continue
		}
		fds := []unix.PollFd{{Fd: int32(n.fd)}}
		if got, err := unix.Poll(fds, int(patience.Milliseconds())); got != 1 && err != unix.EINTR {
			w.fail("waiting for the hang-up: %d, %v", got, err)
		}
		return
	}
}

func (w *world) dup(n *number) {
	if len(w.numbers) > 12 {
		return
	}
	fd, err := unix.Dup(n.fd)
	if err != nil {
		w.fail("dup: %v", err)
	}
	n.file.numbers++
	w.numbers = append(w.numbers, &number{fd: fd, file: n.file})
}

func (w *world) write(n *number, size int) {
	f := n.file
	// Not so much that a pipe or a socket counts as full: each write takes
	// room of its own.
	if !f.writes || f.peer.numbers == 0 || f.peer.chunks == 32 {
		return
	}
	if got, err := unix.Write(n.fd, make([]byte, size)); got != size || err != nil {
		w.fail("write %d: %d, %v", size, got, err)
	}
	w.watch(func() { f.peer.inbox += size })
	f.peer.chunks++
}

// read reads up to size bytes once, and tells the Poll when it would block.
func (w *world) read(n *number, size int) {
	f := n.file
	if !f.reads {
		return
	}
	got, err := unix.Read(n.fd, make([]byte, size))
	switch {
	case f.inbox > 0:
		if want := min(size, f.inbox); got != want || err != nil {
			w.fail("read %d of %d: %d, %v", size, f.inbox, got, err)
		}
		if f.inbox -= got; f.inbox == 0 {
			f.chunks = 0
		}
	case f.peer.numbers == 0:
		if got > 0 || err == errAgain {
			w.fail("read at the end: %d, %v", got, err)
		}
	default:
		if err != errAgain {
			w.fail("read of nothing: %d, %v", got, err)
		}
		for _, n := range w.numbers { // duplicates share the data
			if n.file == f {
				w.rearm(n)
			}
		}
	}
	for _, n := range w.numbers {
		if n.file == f {
			n.pending &= f.ready()
		}
	}
}

func (w *world) rearm(n *number) {
	if !n.registered {
		return
	}
	n.told &^= R
	var err error
	if n.attached {
		err = w.p.Rearm(n.slot, R)
	} else {
		err = netpoll.FD(n.fd).Rearm(w.p.Poll, R)
	}
	if err != nil {
		w.fail("Rearm: %v", err)
	}
}

// poll polls until everything that is due must have come.
func (w *world) poll(capacity int) {
	due := map[*number]netpoll.Ready{}
	for _, n := range w.numbers {
		if !n.registered || n.spent {
			continue
		}
		if n.opts&netpoll.Edge != 0 {
			due[n] = n.pending
		} else {
			due[n] = n.armed()
		}
	}
	for range 2*len(w.numbers)/capacity + 2 {
		seen := map[netpoll.Token]bool{}
		for _, ev := range w.p.waitFor(capacity, 0) {
			n := w.find(ev.Token())
			if n == nil {
				w.fail("event of token %d, which names nothing", ev.Token())
			}
			if seen[n.token] {
				w.fail("token %d came twice in one call", n.token)
			}
			seen[n.token] = true
			if got := ev.Readiness() & (R | W); got == 0 || got&^n.armed() != 0 {
				w.fail("token %d: event %v, but it is ready for %v", n.token, ev.Readiness(), n.armed())
			}
			w.tell(n, ev.Readiness(), due)
		}
	}
	for n, ready := range due {
		if ready != 0 {
			w.fail("token %d, %v %v: no event for %v", n.token, n.interest, n.opts, ready)
		}
	}
}

// tell records an event.
func (w *world) tell(n *number, ready netpoll.Ready, due map[*number]netpoll.Ready) {
	n.told |= ready
	n.pending &^= ready
	due[n] &^= ready
	if n.opts&netpoll.OneShot != 0 {
		n.spent = true
		n.pending = 0
		delete(due, n)
	}
}

func (w *world) find(token netpoll.Token) *number {
	for _, n := range w.numbers {
		if n.registered && n.token == token {
			return n
		}
	}
	return nil
}

func (w *world) end() {
	for len(w.numbers) > 0 {
		w.close(0)
	}
	w.poll(64)
	w.p.Close()
}

var (
	interests = [...]netpoll.Ready{R, W, R | W, 0}
	options   = [...]netpoll.PollOpt{netpoll.Level, netpoll.Edge, netpoll.Level | netpoll.OneShot, netpoll.Edge | netpoll.OneShot}
)

// run carries out a script: pairs of bytes, of which the first says what to do
// and the second with which number and how.
func (w *world) run(script []byte) {
	for len(script) >= 2 {
		op, arg := script[0], int(script[1])
		script = script[2:]
		if op%16 < 2 || len(w.numbers) == 0 {
			w.open(arg&1 == 1)
			continue
		}
		i := arg % len(w.numbers)
		n := w.numbers[i]
		how := int(op / 16)
		switch op % 16 {
		case 2, 3:
			w.register(n, interests[how%4], options[how/4], false)
		case 4:
			w.register(n, interests[how%4], options[how/4], true)
		case 5, 6:
			w.reregister(n, interests[how%4], options[how/4])
		case 7:
			w.deregister(n)
		case 8:
			w.close(i)
		case 9:
			w.dup(n)
		case 10, 11:
			w.write(n, how+1)
		case 12:
			w.read(n, 2*how+1)
		case 13: // until it would block
			for range 3 {
				w.read(n, 8192)
			}
		case 14:
			w.poll(how + 1)
		case 15:
			if how < 8 {
				w.p.Wake()
			} else {
				w.poll(64)
			}
		}
	}
}

func (n *number) String() string {
	return fmt.Sprintf("fd %d token %d %v %v spent %v", n.fd, n.token, n.interest, n.opts, n.spent)
}
