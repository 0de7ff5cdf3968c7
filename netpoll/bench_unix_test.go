//go:build unix

package netpoll_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

func BenchmarkAttachDetach(b *testing.B) {
	p := newPoller(b)
	r, _ := pipe(b)
	b.ReportAllocs()
	for b.Loop() {
		slot, err := p.Attach(uintptr(r.fd), 1, R, netpoll.Edge)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Detach(slot); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAttachForget(b *testing.B) {
	p := newPoller(b)
	r, _ := pipe(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer() // opening and closing is what Forget goes with
		fd, err := unix.Dup(r.fd)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		slot, err := p.Attach(uintptr(fd), 1, R, netpoll.Edge)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Forget(slot); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		unix.Close(fd)
		b.StartTimer()
	}
}

func BenchmarkReregister(b *testing.B) {
	p := newPoller(b)
	r, _ := pipe(b)
	p.register(r.source(), 1, R, netpoll.Edge)
	b.ReportAllocs()
	for b.Loop() {
		p.reregister(r.source(), 1, R, netpoll.Edge)
	}
}

// BenchmarkEvents is the cost of an event when many come with one call: level-
// triggered sources that are always ready.
func BenchmarkEvents(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := newPoller(b)
			for i := range n {
				p.register(bindUDP(b).source(), netpoll.Token(i), W, netpoll.Level)
			}
			events := netpoll.NewEvents(n)
			b.ReportAllocs()
			got := 0
			for b.Loop() {
				k, err := p.Poll.Poll(events, 0)
				if err != nil || k != n {
					b.Fatalf("Poll: %d, %v", k, err)
				}
				got += k
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(got), "ns/event")
			b.ReportMetric(float64(got)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkIdle is the cost of 100 active edge-triggered sources among many
// idle ones: a write, an event and a read each. The descriptors that a process
// may have bound the idle ones; each is an open file of its own.
func BenchmarkIdle(b *testing.B) {
	const active = 100
	for _, idle := range []int{0, 1000, 15000} {
		b.Run(fmt.Sprint(idle), func(b *testing.B) {
			var limit unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
				b.Fatal(err)
			}
			if uint64(limit.Cur) < uint64(idle+3*active) {
				b.Skipf("the process may have %d descriptors only", limit.Cur)
			}
			p := newPoller(b)
			for i := range idle {
				s := bindUDP(b)
				if _, err := p.Attach(uintptr(s.fd), netpoll.Token(active+i), R, netpoll.Edge); err != nil {
					b.Fatal(err)
				}
			}
			var rs, ws [active]*socket
			var slots [active]netpoll.Slot
			for i := range active {
				rs[i], ws[i] = pipe(b)
				var err error
				if slots[i], err = p.Attach(uintptr(rs[i].fd), netpoll.Token(i), R, netpoll.Edge); err != nil {
					b.Fatal(err)
				}
			}
			events := netpoll.NewEvents(active)
			buf := make([]byte, 8)
			b.ReportAllocs()
			for b.Loop() {
				for _, w := range ws {
					w.write(buf)
				}
				for left := active; left > 0; {
					if _, err := p.Poll.Poll(events, -1); err != nil {
						b.Fatal(err)
					}
					for ev := range events.All() {
						rs[ev.Token()].read(buf)
						p.Rearm(slots[ev.Token()], R)
						left--
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*active), "ns/event")
		})
	}
}

// BenchmarkWake is a round trip: one goroutine wakes another that is blocked in
// Poll, which answers over a channel.
func BenchmarkWake(b *testing.B) {
	p := newPoller(b)
	answers := make(chan struct{})
	go func() {
		events := netpoll.NewEvents(1)
		for {
			if _, err := p.Poll.Poll(events, -1); err != nil {
				return
			}
			answers <- struct{}{}
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Wake(); err != nil {
			b.Fatal(err)
		}
		<-answers
	}
	b.StopTimer()
	p.Close()
}

// BenchmarkPingPong is a round trip of one byte between two pipes, with a Poll
// that blocks on either side.
func BenchmarkPingPong(b *testing.B) {
	r1, w1 := pipe(b)
	r2, w2 := pipe(b)
	serve := func(p *poller, r *socket, answer func()) {
		p.register(r.source(), 1, R, netpoll.Edge)
		events := netpoll.NewEvents(1)
		buf := make([]byte, 1)
		for {
			if _, err := p.Poll.Poll(events, -1); err != nil {
				return
			}
			if n, _ := r.read(buf); n == 1 {
				r.source().Rearm(p.Poll, R)
				answer()
			}
		}
	}
	p1, p2 := newPoller(b), newPoller(b)
	done := make(chan struct{})
	buf := []byte{0}
	go serve(p1, r1, func() { w2.write(buf) })
	go serve(p2, r2, func() { done <- struct{}{} })
	b.ReportAllocs()
	for b.Loop() {
		w1.write(buf)
		<-done
	}
	b.StopTimer()
	p1.Close()
	p2.Close()
}
