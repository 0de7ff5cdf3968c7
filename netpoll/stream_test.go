package netpoll_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/moor-net/moor/netpoll"
)

func TestFirstEventOfAConnectIsWritable(t *testing.T) {
	p := newPoller(t)
	l := listenTCP(t)
	c := dialTCP(t, l.local())
	p.register(c.source(), 1, R|W, netpoll.Edge)
	if got := p.expect(1, W); got != W {
		t.Errorf("%v, want Writable alone", got)
	}
	if err := c.pendingError(); err != nil {
		t.Errorf("connect: %v", err)
	}
	// The addresses are there as soon as the event is.
	if got, want := c.peer().Port, l.local().Port; got != want {
		t.Errorf("the peer's port is %d, want %d", got, want)
	}
	s := acceptTCP(t, l)
	if got, want := c.local().Port, s.peer().Port; got != want {
		t.Errorf("the local port is %d, the peer sees %d", got, want)
	}
}

func TestRefusedConnectIsWritableAndHasAnError(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level, netpoll.Level | netpoll.OneShot} {
		p := newPoller(t)
		l := listenTCP(t)
		to := l.local()
		l.close()
		s := newStream(t)
		err := s.tryConnect(to)
		if err == nil {
			t.Fatal("connected to nobody")
		}
		p.register(s.source(), 1, R|W, opts)
		p.expect(1, W)
		if !isRefused(err) { // some systems tell at once
			err = s.pendingError()
		}
		if !isRefused(err) {
			t.Errorf("%v: the error is %v, want refused", opts, err)
		}
	}
}

func TestAcceptUntilWouldBlockThenTheNextIsTold(t *testing.T) {
	p := newPoller(t)
	l := listenTCP(t)
	p.register(l.source(), 1, R, netpoll.Edge)
	for range 3 {
		for range 2 {
			dialTCP(t, l.local())
		}
		for accepted := 0; accepted < 2; {
			if _, err := l.accept(); err == nil {
				accepted++
				continue
			}
			p.expect(1, R)
		}
		if _, err := l.accept(); err != errAgain {
			t.Fatalf("accept: %v, want to block", err)
		}
		p.quiet("all are accepted")
	}
}

func TestPeersHalfCloseIsReadableButNoHangUp(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level} {
		p := newPoller(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, R, opts)
		b.shutdownWrite()
		if got := p.expect(1, R); got&(netpoll.Hup|netpoll.Error) != 0 {
			t.Errorf("%v: %v for a half-close", opts, got)
		}
		if n, err := a.read(make([]byte, 1)); n != 0 || err != nil {
			t.Errorf("read %d, %v; want the end", n, err)
		}
		// The other direction goes on.
		a.write([]byte("still here"))
		q := newPoller(t)
		q.register(b.source(), 1, R, netpoll.Level)
		q.expect(1, R)
	}
}

// First our half-close, then the peer's close: the end can be read.
func TestPeersCloseAfterOwnHalfClose(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	a.shutdownWrite()
	q := newPoller(t)
	q.register(b.source(), 1, R, netpoll.Edge)
	q.expect(1, R)
	if n, err := b.read(make([]byte, 1)); n != 0 || err != nil {
		t.Fatalf("read %d, %v; want the end", n, err)
	}
	b.close()
	for {
		p.expect(1, R)
		if n, err := a.read(make([]byte, 1)); err == nil {
			if n != 0 {
				t.Errorf("read %d bytes, want the end", n)
			}
			return
		}
	}
}

func TestAbortiveCloseIsReadableAndFailsTheRead(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level, netpoll.Edge | netpoll.OneShot} {
		p := newPoller(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, R, opts)
		b.abortOnClose()
		b.close()
		p.expect(1, R)
		n, err := a.tryRead(make([]byte, 1))
		if resetReadsAsEnd && n == 0 && err == nil {
			continue
		}
		if err == nil || err == errAgain {
			t.Errorf("%v: read %d, %v; want a reset", opts, n, err)
		}
	}
}

// Each way of ending a connection that was just accepted lets the client read
// to its end.
func TestPeerClosesAtOnce(t *testing.T) {
	for _, data := range []string{"", "data"} {
		p := newPoller(t)
		l := listenTCP(t)
		p.register(l.source(), 1, R, netpoll.Edge)
		c := dialTCP(t, l.local())
		p.expect(1, R)
		s, err := l.accept()
		if err != nil {
			t.Fatal(err)
		}
		p.register(s.source(), 2, W, netpoll.Edge)
		p.expect(2, W)
		s.write([]byte(data))
		p.deregister(s.source())
		s.close()
		p.register(c.source(), 3, R, netpoll.Edge)
		p.expect(3, R)
		var got []byte
		for {
			more, err := c.readAll()
			got = append(got, more...)
			if err == io.EOF {
				break
			}
			p.expect(3, R)
		}
		if string(got) != data {
			t.Errorf("read %q, want %q", got, data)
		}
	}
}

// Deregistering does not end the connection.
func TestDeregisteredPeerGoesOn(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(b.source(), 2, W, netpoll.Edge)
	p.expect(2, W)
	b.write([]byte("1234"))
	p.deregister(b.source())
	p.register(a.source(), 1, R, netpoll.Edge)
	p.expect(1, R)
	if data, err := a.readAll(); string(data) != "1234" || err != errAgain {
		t.Errorf("read %q, %v; want the 4 bytes and no end", data, err)
	}
	p.quiet("the peer is still open")
}

// 16 MiB in each direction at the same time, in steps of 1 KiB, until it would
// block: every byte arrives.
func TestBulkInBothDirections(t *testing.T) {
	const step = 1 << 10
	total := 16 << 20
	if testing.Short() && runtime.GOOS == "windows" {
		total = 2 << 20 // Wine takes its time for each step
	}
	p := newPoller(t)
	a, b := connectTCP(t)
	socks := [2]*socket{a, b}
	var sent, received [2]int
	for i, s := range socks {
		p.register(s.source(), netpoll.Token(i), R|W, netpoll.Edge)
	}
	block, buf := make([]byte, step), make([]byte, step)
	fill := func(at int) {
		for i := range block {
			block[i] = byte((at + i) % 251)
		}
	}
	for received != [2]int{total, total} {
		got := p.wait(patience)
		if got == nil {
			t.Fatalf("stuck: sent %v, received %v", sent, received)
		}
		for _, ev := range got {
			i := ev.Token()
			s := socks[i]
			if ev.Readiness()&R != 0 {
				for {
					n, err := s.read(buf)
					if err != nil {
						break
					}
					for j := range n {
						if want := byte((received[i] + j) % 251); buf[j] != want {
							t.Fatalf("byte %d is %d, want %d", received[i]+j, buf[j], want)
						}
					}
					received[i] += n
				}
			}
			if ev.Readiness()&W != 0 {
				for sent[i] < total {
					fill(sent[i])
					n, err := s.write(block[:min(step, total-sent[i])])
					if err != nil {
						break
					}
					sent[i] += n
				}
			}
		}
	}
}

// Vectored writes and reads, with buffers of odd sizes, until the stream ends.
func TestVectored(t *testing.T) {
	const total = 1 << 20
	sizes := []int{10, 383, 28, 8, 128}
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	p.register(b.source(), 2, W, netpoll.Edge)
	var want, got bytes.Buffer
	vector := func() (bufs [][]byte) {
		for _, n := range sizes {
			bufs = append(bufs, make([]byte, n))
		}
		return bufs
	}
	ended := false
	send := func() {
		for want.Len() < total {
			bufs := vector()
			for _, buf := range bufs {
				for i := range buf {
					buf[i] = byte(want.Len() + i*7)
				}
			}
			n, err := b.writev(bufs)
			if err != nil {
				return
			}
			for _, buf := range bufs {
				take := min(n, len(buf))
				want.Write(buf[:take])
				n -= take
			}
		}
		if !ended {
			ended = true
			b.shutdownWrite()
		}
	}
	receive := func() (end bool) {
		for {
			bufs := vector()
			n, err := a.readv(bufs)
			if err != nil {
				return false
			}
			if n == 0 {
				return true
			}
			for _, buf := range bufs {
				take := min(n, len(buf))
				got.Write(buf[:take])
				n -= take
			}
		}
	}
	for end := false; !end; {
		events := p.wait(patience)
		if events == nil {
			t.Fatalf("stuck: sent %d, received %d", want.Len(), got.Len())
		}
		for _, ev := range events {
			switch {
			case ev.Token() == 1 && !end:
				end = receive()
			case ev.Token() == 2:
				send()
			}
		}
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("received %d bytes that are not the %d sent", got.Len(), want.Len())
	}
}

func TestPeekDoesNotConsume(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Level)
	b.write([]byte("hello"))
	buf := make([]byte, 16)
	for range 3 {
		p.expect(1, R)
		if n, err := a.peek(buf); string(buf[:n]) != "hello" || err != nil {
			t.Errorf("peek %q, %v", buf[:n], err)
		}
	}
	if n, err := a.read(buf); string(buf[:n]) != "hello" || err != nil {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	p.silent("all is read")
}

func TestPeekThatWouldBlockRearmsTheEdge(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	buf := make([]byte, 16)
	for range 5 {
		if _, err := a.peek(buf); err != errAgain {
			t.Fatalf("peek: %v, want to block", err)
		}
		b.write([]byte("x"))
		p.expect(1, R)
		if n, err := a.peek(buf); n != 1 || err != nil {
			t.Fatalf("peek %d, %v", n, err)
		}
		a.read(buf)
	}
}

// What one connects, registers, writes, reads and deregisters works on both
// ends and repeatedly.
func TestEcho(t *testing.T) {
	p := newPoller(t)
	l := listenTCP(t)
	p.register(l.source(), 1, R, netpoll.Edge)
	c := dialTCP(t, l.local())
	p.expect(1, R)
	s, err := l.accept()
	if err != nil {
		t.Fatal(err)
	}
	p.deregister(l.source())
	for range 3 {
		p.register(c.source(), 2, W, netpoll.Edge)
		p.expect(2, W)
		c.write([]byte("foobar"))
		p.deregister(c.source())
		p.register(s.source(), 3, R, netpoll.Edge)
		p.expect(3, R)
		data, _ := s.readAll()
		s.write(data)
		p.deregister(s.source())
		p.register(c.source(), 2, R, netpoll.Level)
		p.expect(2, R)
		if data, _ = c.readAll(); string(data) != "foobar" {
			t.Errorf("echo %q", data)
		}
		p.deregister(c.source())
	}
	p.silent("all are deregistered")
}

// A writer that would block is told when the peer has made room.
func TestWritableAgainAfterDraining(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, W, netpoll.Edge)
	p.expect(1, W)
	chunk := make([]byte, 64<<10)
	for range 3 {
		for {
			if _, err := a.write(chunk); err != nil {
				break
			}
		}
		q := newPoller(t) // reads what there is, until a is writable again
		q.register(b.source(), 1, R, netpoll.Level)
		told := false
		for !told {
			for _, ev := range p.wait(0) {
				told = told || ev.Readiness()&W != 0
			}
			if q.wait(0) != nil {
				b.readAll()
			}
		}
	}
}

// A duplicate has registrations of its own.
func TestDuplicateIsASourceOfItsOwn(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	d := a.dup()
	p.register(a.source(), 1, R, netpoll.Level)
	p.register(d.source(), 2, R, netpoll.Level)
	b.write([]byte("x"))
	p.gather(map[netpoll.Token]netpoll.Ready{1: R, 2: R})
	p.deregister(a.source())
	p.expect(2, R)
	a.close()
	p.expect(2, R)
	p.deregister(d.source())
	p.silent("both are deregistered")
}
