package binding_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// A device is a source of one's own: anything that the system can poll.
type device struct {
	binding.Binding
	handle *binding.OwnedHandle
}

// newDevice takes a non-blocking descriptor over.
func newDevice(fd int) *device {
	return &device{handle: binding.FromRawHandle(binding.RawHandle(fd))}
}

func (d *device) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return d.RegisterHandle(d.handle.AsHandle(), p, token, interest, opts)
}

func (d *device) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return d.ReregisterHandle(d.handle.AsHandle(), p, token, interest, opts)
}

func (d *device) Deregister(p *netpoll.Poll) error {
	return d.DeregisterHandle(d.handle.AsHandle(), p)
}

// Close closes the device; it need not be deregistered before.
func (d *device) Close() error {
	d.Forget()
	return d.handle.Close()
}

// Read reads without blocking. While it runs nobody can close the device.
func (d *device) Read(b []byte) (n int, err error) {
	closed := d.handle.Use(func(fd binding.RawHandle) {
		n, err = unix.Read(int(fd), b)
	})
	switch {
	case closed != nil:
		return 0, closed
	case err == unix.EAGAIN:
		d.Rearm(netpoll.Readable) // for systems that need to be told
		return 0, err
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// next waits for an event of d and reads once. An event may be spurious.
func (d *device) next(p *netpoll.Poll, b []byte) (int, error) {
	events := netpoll.NewEvents(1)
	for {
		if _, err := p.Poll(events, -1); err != nil {
			return 0, err
		}
		if n, err := d.Read(b); err != unix.EAGAIN {
			return n, err
		}
	}
}

func must1(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must2[T any](v T, err error) T {
	must1(err)
	return v
}

// A timerfd as a source: see timerfd_create(2).
func Example_timer() {
	p := must2(netpoll.New())
	defer p.Close()
	fd := must2(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK))
	timer := newDevice(fd)
	defer timer.Close()
	must1(p.Register(timer, 1, netpoll.Readable, netpoll.Edge))

	start := time.Now()
	must1(unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(5 * time.Millisecond))}, nil))
	var b [8]byte
	must2(timer.next(p, b[:]))
	fmt.Println("expired", binary.NativeEndian.Uint64(b[:]), "time")
	fmt.Println("in time:", time.Since(start) >= 5*time.Millisecond)
	// Output:
	// expired 1 time
	// in time: true
}

// An eventfd as a source: a counter that other threads or processes add to; see
// eventfd(2).
func Example_counter() {
	p := must2(netpoll.New())
	defer p.Close()
	fd := must2(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	counter := newDevice(fd)
	defer counter.Close()
	must1(p.Register(counter, 1, netpoll.Readable, netpoll.Level))

	go func() {
		for n := range uint64(3) {
			must2(unix.Write(fd, binary.NativeEndian.AppendUint64(nil, n+1)))
		}
	}()
	var b [8]byte
	for sum := uint64(0); sum < 6; {
		must2(counter.next(p, b[:]))
		if sum += binary.NativeEndian.Uint64(b[:]); sum == 6 {
			fmt.Println("1 + 2 + 3 =", sum)
		}
	}
	// Output: 1 + 2 + 3 = 6
}

// A pipe as a source, until its other end is closed.
func Example_pipe() {
	p := must2(netpoll.New())
	defer p.Close()
	var ends [2]int
	must1(unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	reader, writer := newDevice(ends[0]), newDevice(ends[1])
	defer reader.Close()
	must1(p.Register(reader, 1, netpoll.Readable, netpoll.Edge))

	go func() {
		must1(writer.handle.Use(func(fd binding.RawHandle) {
			must2(unix.Write(int(fd), []byte("hello")))
		}))
		must1(writer.Close())
	}()
	b := make([]byte, 64)
	for {
		n, err := reader.next(p, b)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", b[:n])
		// With Edge: read until it would block, or ends.
		if _, err := reader.Read(b); err == io.EOF {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// hello
	// EOF
}

// The output of a child process as a source.
func Example_childProcess() {
	p := must2(netpoll.New())
	defer p.Close()
	var ends [2]int
	must1(unix.Pipe2(ends[:], unix.O_CLOEXEC))
	must1(unix.SetNonblock(ends[0], true)) // the child's end blocks
	output := newDevice(ends[0])
	defer output.Close()
	must1(p.Register(output, 1, netpoll.Readable, netpoll.Level))

	stdout := os.NewFile(uintptr(ends[1]), "stdout")
	cmd := exec.Command("sh", "-c", "echo one; echo two")
	cmd.Stdout = stdout
	must1(cmd.Start())
	stdout.Close() // the child has its own

	var text strings.Builder
	b := make([]byte, 64)
	for {
		n, err := output.next(p, b)
		if err == io.EOF {
			break
		}
		must1(err)
		text.Write(b[:n])
	}
	must1(cmd.Wait())
	fmt.Print(text.String())
	// Output:
	// one
	// two
}

// Changes in a directory as a source: see inotify(7).
func Example_directory() {
	p := must2(netpoll.New())
	defer p.Close()
	dir := must2(os.MkdirTemp("", "watched"))
	defer os.RemoveAll(dir)
	fd := must2(unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK))
	must2(unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_DELETE))
	watch := newDevice(fd)
	defer watch.Close()
	must1(p.Register(watch, 1, netpoll.Readable, netpoll.Edge))

	name := filepath.Join(dir, "news")
	must1(os.WriteFile(name, nil, 0o600))
	must1(os.Remove(name))
	b := make([]byte, 4096)
	for seen := 0; seen < 2; {
		n, err := watch.next(p, b)
		must1(err)
		for rest := b[:n]; len(rest) > 0; seen++ {
			ev := (*unix.InotifyEvent)(unsafe.Pointer(&rest[0]))
			name := rest[unix.SizeofInotifyEvent:][:ev.Len]
			what := map[bool]string{true: "created", false: "deleted"}[ev.Mask&unix.IN_CREATE != 0]
			fmt.Println(what, strings.TrimRight(string(name), "\x00"))
			rest = rest[unix.SizeofInotifyEvent+ev.Len:]
		}
	}
	// Output:
	// created news
	// deleted news
}
