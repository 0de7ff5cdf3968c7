//go:build unix

package netpoll_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// unixPair returns two connected sockets of the Unix domain.
func unixPair(t testing.TB, kind int) (a, b *socket) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ownSocket(t, fds[0]), ownSocket(t, fds[1])
}

// pipe returns the two ends of a pipe.
func pipe(t testing.TB) (r, w *socket) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	return ownSocket(t, fds[0]), ownSocket(t, fds[1])
}

// once expects a single event of token, which tells ready.
func (p *poller) once(token netpoll.Token, ready netpoll.Ready) {
	p.t.Helper()
	got := p.wait(patience)
	if len(got) != 1 || got[0].Token() != token || !got[0].Readiness().Contains(ready) {
		p.t.Errorf("events %v, want one of token %d, %v", got, token, ready)
	}
	p.silent("told once")
}

func TestClosedEndsOfAPipeAreToldOnce(t *testing.T) {
	p := newPoller(t)
	r, w := pipe(t)
	p.register(r.source(), 1, R, netpoll.Edge)
	p.silent("nothing written")
	w.close()
	p.once(1, R|netpoll.ReadClosed)
	if n, err := r.read(make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("read %d, %v; want the end", n, err)
	}

	r, w = pipe(t)
	p.register(w.source(), 2, W, netpoll.Edge)
	p.expect(2, W)
	r.close()
	p.once(2, W|netpoll.WriteClosed)
	if _, err := unix.Write(w.fd, []byte("x")); err != unix.EPIPE {
		t.Errorf("write: %v, want EPIPE", err)
	}
}

func TestPipe(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level, netpoll.Edge | netpoll.OneShot} {
		p := newPoller(t)
		r, w := pipe(t)
		p.register(r.source(), 1, R, opts)
		p.register(w.source(), 2, W, opts)
		p.expect(2, W)
		p.deregister(w.source())
		w.write([]byte("hello"))
		p.expect(1, R)
		if data, err := r.readAll(); string(data) != "hello" || err != errAgain {
			t.Errorf("read %q, %v", data, err)
		}
		p.silent("drained")
	}
}

func TestUnixStreamPair(t *testing.T) {
	p := newPoller(t)
	a, b := unixPair(t, unix.SOCK_STREAM)
	p.register(a.source(), 1, R|W, netpoll.Edge)
	p.register(b.source(), 2, R|W, netpoll.Edge)
	p.gather(map[netpoll.Token]netpoll.Ready{1: W, 2: W})
	a.write([]byte("hello"))
	p.expect(2, R)
	if data, err := b.readAll(); string(data) != "hello" || err != errAgain {
		t.Errorf("read %q, %v", data, err)
	}
}

// Hints are not portable; Linux gives this one.
func TestOwnReadShutdownIsReadClosed(t *testing.T) {
	p := newPoller(t)
	a, _ := unixPair(t, unix.SOCK_STREAM)
	p.register(a.source(), 1, R, netpoll.Edge)
	p.silent("open")
	a.shutdownRead()
	got := p.expect(1, R)
	if runtime.GOOS == "linux" && got&netpoll.ReadClosed == 0 {
		t.Errorf("%v, want ReadClosed too", got)
	}
	if n, err := a.read(make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("read %d, %v; want the end", n, err)
	}
}

func TestUnixDatagrams(t *testing.T) {
	p := newPoller(t)
	a, b := unixPair(t, unix.SOCK_DGRAM)
	p.register(a.source(), 1, R, netpoll.Edge)
	for _, msg := range []string{"hello", "", "world"} {
		b.write([]byte(msg))
		p.expect(1, R)
		buf := make([]byte, 16)
		if n, err := a.read(buf); string(buf[:n]) != msg || err != nil {
			t.Errorf("read %q, %v; want %q", buf[:n], err, msg)
		}
		if _, err := a.read(buf); err != errAgain {
			t.Errorf("read: %v, want to block", err)
		}
	}
}

func TestUnixListener(t *testing.T) {
	p := newPoller(t)
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := ownSocket(t, fd)
	l.check("bind", unix.Bind(l.fd, &unix.SockaddrUnix{Name: path}))
	l.check("listen", unix.Listen(l.fd, 8))
	p.register(l.source(), 1, R, netpoll.Edge)
	if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); err != nil {
		t.Fatal(err)
	}
	c := ownSocket(t, fd)
	c.check("connect", unix.Connect(c.fd, &unix.SockaddrUnix{Name: path}))
	p.expect(1, R)
	s, err := l.accept()
	if err != nil {
		t.Fatal(err)
	}
	p.register(s.source(), 2, R, netpoll.Edge)
	c.write([]byte("x"))
	p.expect(2, R)
}

// A server that echoes on edge-triggered one-shot sources, re-armed after each
// step.
func TestOneShotEchoOverUnixSockets(t *testing.T) {
	const opts = netpoll.Edge | netpoll.OneShot
	const total = 1 << 20
	p := newPoller(t)
	server, client := unixPair(t, unix.SOCK_STREAM)
	p.register(server.source(), 1, R, opts)
	p.register(client.source(), 2, W, opts)
	message := make([]byte, total)
	for i := range message {
		message[i] = byte(i * 13)
	}
	var pending, got []byte // what the server still echoes; what came back
	sent := 0
	for len(got) < total {
		events := p.wait(patience)
		if events == nil {
			t.Fatalf("stuck: sent %d, %d to echo, got %d", sent, len(pending), len(got))
		}
		for _, ev := range events {
			switch ev.Token() {
			case 1:
				data, _ := server.readAll()
				pending = append(pending, data...)
				for len(pending) > 0 {
					n, err := server.write(pending)
					if err != nil {
						break
					}
					pending = pending[n:]
				}
				next := R
				if len(pending) > 0 {
					next |= W
				}
				p.reregister(server.source(), 1, next, opts)
			case 2:
				data, _ := client.readAll()
				got = append(got, data...)
				for sent < total {
					n, err := client.write(message[sent:min(sent+4096, total)])
					if err != nil {
						break
					}
					sent += n
				}
				next := R
				if sent < total {
					next |= W
				}
				p.reregister(client.source(), 2, next, opts)
			}
		}
	}
	if !bytes.Equal(got, message) {
		t.Error("the echo differs")
	}
}

// A descriptor that came over a socket is a source like any other.
func TestDescriptorPassedOverASocket(t *testing.T) {
	p := newPoller(t)
	a, b := unixPair(t, unix.SOCK_STREAM)
	r, w := pipe(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	b.check("sendmsg", unix.Sendmsg(b.fd, []byte("x"), unix.UnixRights(r.fd), nil, 0))
	r.close()
	p.expect(1, R)
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(a.fd, make([]byte, 1), oob, 0)
	a.check("recvmsg", err)
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	a.check("parsing the message", err)
	fds, err := unix.ParseUnixRights(&messages[0])
	a.check("parsing the rights", err)
	passed := ownSocket(t, fds[0])
	p.register(passed.source(), 2, R, netpoll.Edge)
	w.write([]byte("y"))
	p.expect(2, R)
	if data, _ := passed.readAll(); string(data) != "y" {
		t.Errorf("read %q", data)
	}
}

// 4 MiB go through a child process that copies its input to its output.
func TestChildProcess(t *testing.T) {
	const total = 4 << 20
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip("there is no cat(1) on this system")
	}
	p := newPoller(t)
	inR, inW := pipe(t)
	outR, outW := pipe(t)
	// The child's ends must block.
	for _, s := range []*socket{inR, outW} {
		s.check("fcntl", unix.SetNonblock(s.fd, false))
	}
	stdin, stdout := inR.file(), outW.file()
	cmd := exec.Command(cat)
	cmd.Stdin, cmd.Stdout = stdin, stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inR.close()
	outW.close()
	stdin.Close()
	stdout.Close()
	p.register(inW.source(), 1, W, netpoll.Edge)
	p.register(outR.source(), 2, R, netpoll.Edge)
	data := make([]byte, total)
	for i := range data {
		data[i] = byte(i * 31)
	}
	var got []byte
	sent := 0
	for ended := false; !ended; {
		events := p.wait(patience)
		if events == nil {
			t.Fatalf("stuck: sent %d, got %d", sent, len(got))
		}
		for _, ev := range events {
			switch {
			case ev.Token() == 1 && sent < total:
				for sent < total {
					n, err := inW.write(data[sent:])
					if err != nil {
						break
					}
					sent += n
				}
				if sent == total {
					p.deregister(inW.source())
					inW.close()
				}
			case ev.Token() == 2:
				more, err := outR.readAll()
				got = append(got, more...)
				ended = err == io.EOF
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("cat: %v", err)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("got %d bytes back that are not the %d sent", len(got), total)
	}
}

// file returns a duplicate as a file.
func (s *socket) file() *os.File {
	s.t.Helper()
	fd, err := unix.Dup(s.fd)
	s.check("dup", err)
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "dup")
}

// What can't be polled is refused, with the same error everywhere, and leaves
// nothing behind.
func TestWhatCannotBePolledIsRefused(t *testing.T) {
	p := newPoller(t)
	regular, err := os.CreateTemp(t.TempDir(), "regular")
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, f := range []*os.File{regular, dir} {
		fd := netpoll.FD(f.Fd())
		mustMatch(t, "Register", p.Register(fd, 1, R, 0), unix.EPERM)
		mustMatch(t, "Reregister", p.Reregister(fd, 1, R, 0), netpoll.ErrNotRegistered)
	}
	a, _ := connectTCP(t)
	closed := a.source()
	a.close()
	for _, fd := range []netpoll.FD{closed, -1, 1 << 30} {
		mustMatch(t, "Register of a closed descriptor", p.Register(fd, 1, R, 0), unix.EBADF)
	}
	var serr *os.SyscallError
	if err := p.Register(closed, 1, R, 0); !errors.As(err, &serr) {
		t.Errorf("%v does not say which system call failed", err)
	}
	p.silent("nothing is registered")
}

// openDescriptors returns how many descriptors the process has.
func openDescriptors(t testing.TB) int {
	t.Helper()
	n := 0
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

func TestPollsLeakNoDescriptors(t *testing.T) {
	a, b := connectTCP(t)
	b.write([]byte("x"))
	round := func(order int) {
		p := newPoller(t)
		p.register(a.source(), 1, R, netpoll.Level)
		p.waitFor(1, 0)
		switch order {
		case 0:
			p.deregister(a.source())
		case 1:
			p.Poll.Poll(netpoll.NewEvents(1), -1)
		}
		p.Close()
	}
	round(0) // whatever Go opens once is open now
	before := openDescriptors(t)
	for i := range 2000 {
		round(i % 3)
	}
	if after := openDescriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

// Signals interrupt system calls: waiting goes on with what is left.
func TestSignalsDoNotDisturb(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGUSR1)
	// Not Stop, after which a signal still on its way would end the process.
	defer signal.Ignore(unix.SIGUSR1)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-caught:
			default:
			}
			unix.Kill(os.Getpid(), unix.SIGUSR1)
			time.Sleep(50 * time.Microsecond)
		}
	}()
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	for range 10 {
		start := time.Now()
		if got := p.wait(10 * time.Millisecond); got != nil {
			t.Errorf("events %v", got)
		}
		if took := time.Since(start); took < 10*time.Millisecond {
			t.Errorf("returned after %v, early", took)
		}
	}
	b.write([]byte("x"))
	p.expect(1, R)
	close(stop)
	<-done
}

// A source that is closed on both sides is told as hung up, on Linux.
func TestFullHangUp(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	a.shutdownWrite()
	b.close()
	want := R
	if runtime.GOOS == "linux" {
		want |= netpoll.Hup | netpoll.ReadClosed | netpoll.WriteClosed
	}
	p.expect(1, want)
}

// Urgent data is told to those who ask for it, and only to them.
func TestUrgentData(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level} {
		p := newPoller(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, netpoll.Priority, opts)
		b.write([]byte("x"))
		p.silent("nothing urgent")
		b.check("send", unix.Sendto(b.fd, []byte("!"), unix.MSG_OOB, nil))
		p.expect(1, netpoll.Priority)
	}
}
