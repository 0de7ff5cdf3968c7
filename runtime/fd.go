package runtime

import (
	"net"
	"sync/atomic"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/slots"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/internal/wheel"
	"github.com/moor-net/moor/netpoll"
)

// Kind says what an FD's descriptor is, which decides how reads end.
type Kind uint8

const (
	Stream    Kind = iota // bytes; a read of zero is the end
	Packet                // messages; an empty one is no end
	Sequenced             // messages of a connection; an empty one is the end
	Listener              // connections
)

// An FD is a non-blocking descriptor that belongs to a loop. It must not be
// copied. Its methods may be called from any number of goroutines: reads wait
// for each other, so do writes, and Close ends them all.
//
// Every method returns an error that matches net.ErrClosed once Close was
// called, and those that wait return os.ErrDeadlineExceeded when the
// direction's deadline has passed.
type FD struct {
	mu fdmutex.Mutex
	// loop changes only while both locks are held, by the loop's driver: see
	// Loop.move. So do slot and polled.
	loop   atomic.Pointer[Loop]
	slot   slots.Handle // in the loop's table
	polled netpoll.Slot // in its Poll's; no Binding, of which there is one for a Poll
	// timers is made when a call first waits with a deadline. It belongs to
	// the loop's wheel, whose lock guards it, and is never replaced.
	timers atomic.Pointer[timers]
	r, w   side

	sysfd int32
	kind  Kind
	drain drain
	asked uint8 // the round in which it was last considered for a move: see shedding
}

// drain says whether a short read means that nothing is left.
type drain uint8

const (
	drainUnknown drain = iota // ask the system when it first matters
	drainNever
	drainShort
)

// timers are the wheel entries of an FD's sides. Few ever wait for a write, so
// that one's is made when one does.
type timers struct {
	r wheel.Timer[*side]
	w atomic.Pointer[wheel.Timer[*side]]
}

// Init makes fd own the descriptor sysfd, which must be non-blocking and
// close-on-exec, and gives it to the least loaded loop of rt. It returns an
// error that matches net.ErrClosed when rt was shut down, and otherwise what
// the system said; sysfd then still belongs to the caller.
//
// The zero FD is not usable before; Init is called once.
func (fd *FD) Init(rt *Runtime, sysfd int, kind Kind) error {
	// Worth trying before the first event: data, space or a connection is
	// often there already.
	fd.r.keep()
	fd.w.keep()
	fd.sysfd, fd.kind = int32(sysfd), kind
	if kind != Stream {
		fd.drain = drainNever
	}
	// A Shutdown may find fd before attach is through with it, or have looked
	// before fd was there to be found.
	fd.mu.Ref()
	l := fd.Loop()
	if l == nil {
		l = rt.pick()
	}
	if err := l.attach(fd); err != nil {
		return err
	}
	if l.rt.closes(kind) {
		fd.Shut() // or it was found
	}
	if fd.mu.Unref() {
		fd.Loop().detach(fd)
		return net.ErrClosed
	}
	return nil
}

// Place makes Init give fd to the loop l instead of the least loaded one.
func (fd *FD) Place(l *Loop) { fd.loop.Store(l) }

// Sysfd returns the descriptor's number. It stays valid only as long as the
// caller knows the FD to be open: RawControl is for everybody else.
func (fd *FD) Sysfd() int { return int(fd.sysfd) }

// Loop returns the loop that the FD belongs to, which may be another one the next
// time: see Config.Pinned.
func (fd *FD) Loop() *Loop { return fd.loop.Load() }

// Close wakes every blocked call, waits until the last user has left, and
// closes the descriptor. Later calls return net.ErrClosed. On Windows, and while
// there are coroutines, users may need the loops in order to leave: Close then does
// not wait if it is called by what runs on one: see Shut.
func (fd *FD) Close() error {
	if !fd.shut() {
		return net.ErrClosed
	}
	var err error
	if fd.mu.Unref() {
		err = fd.release()
	}
	fd.awaitRelease()
	return err
}

// Shut is Close for callers that must not wait, such as what runs on a loop. It
// wakes every blocked call and returns; the last user closes the descriptor. It
// reports false when the FD was closed before.
func (fd *FD) Shut() bool {
	if !fd.shut() {
		return false
	}
	fd.unref()
	return true
}

// Closed reports whether the FD was closed.
func (fd *FD) Closed() bool { return fd.mu.Closed() }

// shut begins a Close: nobody gets in any more, and whoever waits is woken. The
// caller holds a reference when it reports true.
func (fd *FD) shut() bool {
	if !fd.mu.Close() {
		return false
	}
	fd.wakeAll()
	return true
}

// wakeAll wakes whoever waits, to see that the FD was closed.
func (fd *FD) wakeAll() {
	fd.post(fd.r.rouse(0))
	fd.post(fd.w.rouse(0))
	fd.unlockQueued()
}

// release is called once, by the last user of a closed FD. The slots go before
// the number does: whoever gets it next finds no trace of us.
func (fd *FD) release() error {
	fd.Loop().detach(fd)
	var err error
	if fd.w.state.Load()&detached == 0 {
		err = sys.Close(int(fd.sysfd))
	}
	fd.mu.Released()
	return err
}

// ref and unref bracket calls that use the descriptor without waiting.
func (fd *FD) ref() error {
	if !fd.mu.Ref() {
		return net.ErrClosed
	}
	return nil
}

func (fd *FD) unref() {
	if fd.mu.Unref() {
		fd.release()
	}
}

// begin and end bracket an operation: they hold the side's lock.
func (fd *FD) begin(side fdmutex.Side) error {
	if !fd.mu.Lock(side) {
		return net.ErrClosed
	}
	return nil
}

func (fd *FD) end(side fdmutex.Side) {
	if fd.mu.Unlock(side) {
		fd.release()
	}
}

// deliver tells the FD what the kernel reported. It is called by the loop.
func (fd *FD) deliver(r netpoll.Ready) {
	reader, writer := fd.roused(r)
	if reader != nil {
		reader.run()
	}
	if writer != nil {
		writer.run()
	}
}

// roused wakes the goroutines that wait for what the kernel reported, and returns
// the jobs that do.
func (fd *FD) roused(r netpoll.Ready) (reader, writer *job) {
	bits := uint32(ready)
	if r&(netpoll.ReadClosed|netpoll.Hup|netpoll.Error|netpoll.Priority) != 0 {
		bits |= pressing
	}
	if r&netpoll.Readable != 0 {
		reader = fd.r.rouse(bits)
	}
	if r&netpoll.Writable != 0 {
		writer = fd.w.rouse(ready)
	}
	return reader, writer
}
