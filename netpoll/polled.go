//go:build unix && (!linux || moor_poll)

package netpoll

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// polled is a source of the selector on poll(2).
type polled struct {
	watch
	file   file
	spent  bool // one-shot, and was reported
	closed bool // the descriptor was closed, or now names another file

	// Edge-triggered sources:
	told   Ready // what was reported and not seen gone since
	hooked bool  // the owner calls rearm
	delay  time.Duration
	again  int64 // moment to report it again although nothing is seen to change
}

// live reports whether the source can have events.
func (p *polled) live() bool { return p.interest != 0 && !p.spent && !p.closed }

// arm begins a registration, or a new one of the same file.
func (p *polled) arm(w watch) {
	p.watch = w
	p.spent, p.told, p.again = false, 0, never
	if p.opts&asked != 0 {
		p.told = ^Ready(0) // nothing is reported before rearm
		p.hooked = true
	}
}

// rearm forgets that ready was reported. It reports whether that changed
// anything.
func (p *polled) rearm(ready Ready) bool {
	p.hooked, p.again = true, never
	was := p.told
	p.told &^= ready | hints
	return p.told != was
}

// look takes the events that poll(2) found at the moment now and returns what
// is to be reported, zero for nothing.
func (p *polled) look(events uint32, now int64) Ready {
	if events&unix.POLLNVAL != 0 {
		p.closed = true
		return 0
	}
	ready := readiness(events) & p.interest.reported()
	if p.opts&Edge != 0 {
		if p.opts&asked == 0 {
			if p.told&^ready&(Hup|Error) != 0 {
				// It has been connected, or asked for its error: all is news.
				p.told = 0
			}
			p.told &= ready
		}
		switch {
		case ready&^p.told != 0:
			p.delay = edgeRepeats
		case now >= p.again:
			p.delay *= 2
		default:
			if p.told == 0 {
				p.again = never
			}
			return 0
		}
	}
	if ready == 0 {
		return 0
	}
	// Not before now: what is looked at here was polled before.
	if file, err := identify(p.fd); err != nil || file != p.file {
		p.closed = true
		return 0
	}
	if p.opts&Edge != 0 {
		if p.opts&asked == 0 {
			p.told = ready
		} else if p.told |= ready; p.told.Contains(p.interest & (Readable | Writable)) {
			p.told = ^Ready(0) // as before rearm
		}
		p.again = p.repeat(now)
	}
	p.spent = p.opts&OneShot != 0
	return ready
}

// repeat returns when to report again what was told now.
func (p *polled) repeat(now int64) int64 {
	switch {
	case p.hooked || p.opts&OneShot != 0:
		return never
	case p.told&Readable != 0 && p.told&ReadClosed == 0:
		p.delay = min(p.delay, mostReadRepeat)
	case p.told&Writable != 0 && p.told&(Hup|Error|WriteClosed) == 0:
		p.delay = min(p.delay, mostWriteRepeat)
	default:
		return never // nothing can become of it
	}
	// Those that are due at about the same time are looked at together.
	at := now + int64(p.delay)
	return at + int64(edgeRepeats) - at%int64(edgeRepeats)
}

// pollFD asks poll(2) about an interest. Errors and hang-ups are reported
// unasked.
func pollFD(fd uintptr, interest Ready) unix.PollFd {
	ask := unix.PollFd{Fd: int32(fd)}
	if interest&Readable != 0 {
		ask.Events |= unix.POLLIN
	}
	if interest&(Readable|ReadClosed) != 0 {
		ask.Events |= pollReadClosed
	}
	if interest&Writable != 0 {
		ask.Events |= unix.POLLOUT
	}
	if interest&Priority != 0 {
		ask.Events |= unix.POLLPRI
	}
	return ask
}

// A file tells open files apart, as far as the system does.
type file struct {
	dev, ino uint64
	mode     int // of a pipe, whose two ends are otherwise the same
}

// identify returns the file that fd names. It refuses, as epoll does, files
// that are always ready and so can't be waited for.
func identify(fd uintptr) (file, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		return file{}, os.NewSyscallError("fstat", err)
	}
	f := file{dev: uint64(st.Dev), ino: uint64(st.Ino)}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFBLK:
		return file{}, os.NewSyscallError("poll", unix.EPERM)
	case unix.S_IFIFO:
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		if err != nil {
			return file{}, os.NewSyscallError("fcntl", err)
		}
		f.mode = flags & unix.O_ACCMODE
	}
	return f, nil
}
