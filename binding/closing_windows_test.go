package binding_test

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// Handle, Poll and the other end may be closed in any order while operations are
// in progress: each of these completes once, the memory is held until then, and
// no handle is left.
func TestClosingInEveryOrderCompletesEverything(t *testing.T) {
	orders := [][]string{
		{"handle", "peer", "poll"}, {"handle", "poll", "peer"}, {"peer", "handle", "poll"},
		{"peer", "poll", "handle"}, {"poll", "handle", "peer"}, {"poll", "peer", "handle"},
	}
	leaked := binding.Leaked()
	round := func(t *testing.T, order []string, between func(*netpoll.Poll)) {
		t.Helper()
		p, err := netpoll.New()
		must(t, "New", err)
		d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
		waiting, _ := createPipe(t, p, 2, windows.PIPE_TYPE_BYTE)
		var lists []*[]outcome
		begin := func(call func(*binding.Overlapped) error) {
			t.Helper()
			o, list := recorded(netpoll.Readable)
			must(t, "begin", call(o))
			lists = append(lists, list)
		}
		for range 2 {
			begin(func(o *binding.Overlapped) error { return d.read(o, make([]byte, 16)) })
			begin(func(o *binding.Overlapped) error { return d.write(o, make([]byte, 64<<10)) })
		}
		begin(waiting.connect)
		for _, what := range order {
			switch what {
			case "handle":
				must(t, "Close of a handle", d.Close())
				must(t, "Close of a handle", waiting.Close())
			case "peer":
				must(t, "Close of the peer", client.Close())
			case "poll":
				must(t, "Close of the Poll", p.Close())
			}
			between(p)
		}
		for i, list := range lists {
			if len(*list) != 1 {
				t.Errorf("%v: operation %d has completed %d times", order, i, len(*list))
			} else if (*list)[0].err == nil {
				t.Errorf("%v: operation %d succeeded", order, i)
			}
		}
	}
	for name, between := range map[string]func(*netpoll.Poll){
		"at once": func(*netpoll.Poll) {},
		"polling": func(p *netpoll.Poll) { p.Poll(netpoll.NewEvents(8), time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			round(t, orders[0], between) // so that what is made once has been made
			before := handles(t)
			for range 5 {
				for _, order := range orders {
					round(t, order, between)
				}
			}
			if after := handles(t); after > before {
				t.Errorf("%d handles, were %d", after, before)
			}
		})
	}
	if n := binding.Leaked() - leaked; n != 0 {
		t.Errorf("%d handles were closed by the garbage collector", n)
	}
}

// An operation that begins while another goroutine closes the handle is
// cancelled or not begun.
func TestCloseWhileOperationsBegin(t *testing.T) {
	p := newPoll(t)
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		for events := netpoll.NewEvents(8); ; {
			if _, err := p.Poll(events, -1); errors.Is(err, os.ErrClosed) {
				return
			}
		}
	}()
	for range 200 {
		d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
		var wg sync.WaitGroup
		for range 3 {
			done := make(chan error, 1)
			o := &binding.Overlapped{Done: func(_ int, err error) { done <- err }}
			wg.Go(func() {
				for {
					if err := d.read(o, make([]byte, 16)); err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Errorf("read: %v", err)
						}
						return
					}
					if err := <-done; err != windows.ERROR_OPERATION_ABORTED {
						t.Errorf("completed with %v", err)
					}
				}
			})
		}
		must(t, "Close", d.handle.Close())
		wg.Wait()
		client.Close()
	}
	p.Close()
	<-polled
}

// Operations that were begun with one handle have nothing to do with the closing
// of another one for the same file.
func TestClosingADuplicateCancelsNothingOfTheOriginal(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	clone, err := d.handle.TryClone()
	must(t, "TryClone", err)
	dup := &device{handle: clone}
	must(t, "ShareWith", d.ShareWith(&dup.Binding))
	mustMatch(t, "another Poll", newPoll(t).Register(dup, 2, netpoll.Readable, 0), netpoll.ErrOtherPoll)
	must(t, "Register of the duplicate, which has the port already", p.Register(dup, 2, netpoll.Readable, netpoll.Edge))
	original, got := recorded(0)
	duplicate, cancelled := recorded(0)
	must(t, "read", d.read(original, make([]byte, 16)))
	must(t, "read", dup.read(duplicate, make([]byte, 16)))
	must(t, "Close", dup.Close())
	if got := one(t, p, cancelled); got != (outcome{0, windows.ERROR_OPERATION_ABORTED}) {
		t.Errorf("the duplicate's: %v", got)
	}
	if !original.InProgress() {
		t.Fatalf("the original's operation has ended too: %v", *got)
	}
	client.WriteString("hello")
	if got := one(t, p, got); got != (outcome{5, nil}) {
		t.Errorf("the original's: %v", got)
	}
	mustMatch(t, "Release", d.Release(), netpoll.ErrAlreadyRegistered)
	must(t, "Deregister", p.Deregister(d))
	mustMatch(t, "Release", d.Release(), errors.ErrUnsupported)
}

// A handle that is given up is not closed, and its operations go on.
func TestGivingUpLeavesOperationsAlone(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	o, list := recorded(0)
	must(t, "read", d.read(o, make([]byte, 16)))
	raw, err := d.handle.IntoRawHandle()
	must(t, "IntoRawHandle", err)
	client.WriteString("hello")
	if got := one(t, p, list); got != (outcome{5, nil}) {
		t.Errorf("%v", got)
	}
	must(t, "CloseHandle", windows.CloseHandle(windows.Handle(raw)))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, windows.ERROR_BROKEN_PIPE) {
		t.Errorf("the other end: %v", err)
	}
}

// A directory, a file and a pipe that nobody reads from: whatever is in progress
// ends when its Poll is closed.
func TestClosingThePollEndsEveryKindOfOperation(t *testing.T) {
	p := newPoll(t)
	dir, err := windows.UTF16PtrFromString(t.TempDir())
	must(t, "UTF16PtrFromString", err)
	h, err := windows.CreateFile(dir, windows.FILE_LIST_DIRECTORY,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OVERLAPPED, 0)
	must(t, "CreateFile", err)
	watcher := &device{handle: binding.FromRawHandle(binding.RawHandle(h))}
	defer watcher.Close()
	must(t, "Register", p.Register(watcher, 1, 0, 0))
	s := newConnection(t, p)
	full := make([]byte, 1<<20)
	var got []string
	told := func(what string) *binding.Overlapped {
		return &binding.Overlapped{Done: func(int, error) { got = append(got, what) }}
	}
	buf := make([]byte, 4096)
	must(t, "ReadDirectoryChanges", watcher.BeginHandle(watcher.handle.AsHandle(), told("directory"), buf, func(h binding.RawHandle, raw *windows.Overlapped) error {
		return windows.ReadDirectoryChanges(windows.Handle(h), &buf[0], uint32(len(buf)), false, windows.FILE_NOTIFY_CHANGE_FILE_NAME, nil, raw, 0)
	}))
	must(t, "receive", s.receive(told("receive"), buf))
	for range 16 {
		must(t, "send", s.send(told("send"), full))
	}
	must(t, "Close", p.Close())
	if !slices.Contains(got, "directory") || !slices.Contains(got, "receive") || len(got) != 18 {
		t.Errorf("what has ended: %q", got)
	}
}
