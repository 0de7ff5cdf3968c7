package binding

import (
	"os"
	"runtime"
	"sync/atomic"
)

// owned is the lifetime of one descriptor: what every owned type is made of.
// It counts the users, so that the descriptor is closed, once, by the last of
// them, and its number can't be used again while somebody still uses it.
type owned struct {
	state   atomic.Int64
	raw     uintptr
	close   func(uintptr) error
	cleanup runtime.Cleanup
}

// state word of an owned:
//
//	bits 0..61  users in progress, plus one until closed or given up
//	bit  62     closed or given up: no new users
//	bit  63     given up: the last user does not close
//
// The value is negative once given up, so the bits are tested, never compared.
const (
	endedBit int64 = 1 << 62
	givenBit int64 = -1 << 63
	userMask       = endedBit - 1
)

var leaked atomic.Int64

// Leaked returns how many owned objects of the process were dropped without
// Close and then closed by the garbage collector. A correct program has none.
func Leaked() int64 { return leaked.Load() }

// own makes o the owner of raw. Should the object that o is part of be
// collected without being closed, the descriptor is closed and counted.
func (o *owned) own(raw uintptr, close func(uintptr) error) {
	o.raw, o.close = raw, close
	o.state.Store(1)
	// Neither the function nor its argument may refer to the object.
	o.cleanup = runtime.AddCleanup(o, func(raw uintptr) {
		close(raw)
		leaked.Add(1)
	}, raw)
}

// acquire keeps the descriptor open until release.
func (o *owned) acquire() (uintptr, error) {
	if o.state.Add(1)&endedBit != 0 {
		o.release()
		return 0, os.ErrClosed
	}
	return o.raw, nil
}

// release ends what acquire began. It reports what closing said, if it fell
// to the caller.
func (o *owned) release() error {
	if s := o.state.Add(-1); s&userMask != 0 || s&endedBit == 0 || s&givenBit != 0 {
		return nil
	}
	// Latecomers may count up and down again while the descriptor is being
	// closed; the bit keeps them from closing it too.
	if !o.state.CompareAndSwap(endedBit, endedBit|givenBit) {
		return nil
	}
	return o.close(o.raw)
}

// ended reports whether the object was closed or given up.
func (o *owned) ended() bool { return o.state.Load()&endedBit != 0 }

// end marks the object as closed, or as given up with givenBit, and ends the
// owner's own use.
func (o *owned) end(bits int64) error {
	if err := o.mark(bits); err != nil {
		return err
	}
	return o.release()
}

// mark is end without the last step: the descriptor stays open until release.
func (o *owned) mark(bits int64) error {
	for {
		s := o.state.Load()
		if s&endedBit != 0 {
			return os.ErrClosed
		}
		if o.state.CompareAndSwap(s, s|endedBit|bits) {
			break
		}
	}
	o.cleanup.Stop()
	return nil
}
