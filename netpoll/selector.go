package netpoll

// A selector is the system's side of a Poll. Every system defines the type
// and exactly these functions; poll.go and attach.go use nothing else.
//
//	const needsRearm
//		Whether the system can't see when a source that was used until it
//		would block becomes ready again.
//	const edgeRepeats
//		Zero when an edge is reported once. A system that can't see it all
//		repeats edges, but not before so long: events that nobody needed are
//		allowed, missing ones are not.
//	const fresh
//		Whether what an event says was so during the wait that has returned it.
//
//	newSelector() (*selector, error)
//
//	add(fd uintptr, key uint64, interest Ready, opts PollOpt) error
//		Starts watching fd. Events carry key. ErrAlreadyRegistered when the
//		same open file is watched under the same number. With asked among
//		opts nothing need be reported before rearm.
//	modify(fd uintptr, key uint64, interest Ready, opts PollOpt) error
//		Replaces key, interest and options; fires at once when ready. Of an
//		fd that was closed: ErrNotRegistered if the number names another
//		file by now, otherwise that or what the system says of closed
//		descriptors.
//	remove(fd uintptr, key uint64) error
//		Stops watching fd, which was last added or modified with key. Events
//		of fd that wait stored before may still be read by event; poll.go
//		drops them by their key. ErrNotRegistered when fd was closed before,
//		whatever its number names now.
//	forget(fd uintptr, key uint64) error
//		Like remove, for an fd that the caller closes next. A system that
//		drops closed descriptors by itself does nothing here.
//	rearm(fd uintptr, key uint64, ready Ready) error
//		The owner of an edge-triggered fd says that an operation would
//		block. Only called when needsRearm.
//	renew(all iter.Seq[watch])
//		Called by the goroutine that otherwise calls wait, when key after
//		key that wait returned had been removed: starts anew, with the
//		watches in all. Of several with the same fd the first one counts;
//		those that fail were closed. It is best effort: a selector that
//		can't simply goes on. One whose system never reports what was
//		removed or forgotten does nothing. No add, modify, remove or forget
//		is in progress.
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

// Linux has epoll(7), in selector_linux.go; Windows has completion ports, in
// selector_windows.go; other Unix systems, and Linux with
// the build tag moor_poll, have poll(2), in selector_poll.go. The tests of this
// package, and of all that are built on it, are run with either:
//
//	go test ./...
//	go test -tags moor_poll ./...

// never is the moment that does not come.
const never = 1<<63 - 1
