package netpoll

// A selector is the system's side of a Poll. Every system defines the type
// and exactly these functions; poll.go and attach.go use nothing else.
//
//	newSelector() (*selector, error)
//
//	add(fd uintptr, key uint64, interest Ready, opts PollOpt) error
//		Starts watching fd. Events carry key. ErrAlreadyRegistered when the
//		same open file is watched under the same number.
//	modify(fd uintptr, key uint64, interest Ready, opts PollOpt) error
//		Replaces key, interest and options; fires at once when ready.
//	remove(fd uintptr) error
//		Stops watching fd. Events of fd that wait stored before may still
//		be read by event; poll.go drops them by their key.
//	forget(fd uintptr)
//		Like remove, for an fd that the caller closes next. A system that
//		drops closed descriptors by itself does nothing here.
//
//	wait(max int, until int64) (n int, err error)
//		Waits until something is ready, wake is called, or the moment until
//		(mono.Now's scale) has come, never earlier; zero asks without
//		blocking, never is forever. Stores at most max events and returns
//		their number, zero also for no reason at all. One caller at a time.
//	event(i int) (key uint64, ready Ready)
//		The i'th event of the last wait, i < n. Hints are reported as far as
//		the system gives them; hang-up and error count as readable and
//		writable, since a read or write would not block. The portable bits
//		may exceed the interest: poll.go masks them.
//	wake() error
//		Makes a wait in progress return, or else the next one that would
//		block. Callable from anywhere at any time before close.
//	close() error
//		Releases everything. No other call is in progress, nor comes later.
//
// add, modify, remove, forget and wake may be called concurrently with wait
// and with each other; calls for the same fd are serialised by the caller.

// never is the moment that does not come.
const never = 1<<63 - 1
