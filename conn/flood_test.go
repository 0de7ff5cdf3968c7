package conn_test

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// floods is how many connections flood a server.
const floods = 4

// underFlood returns the median time of a request's round trip on a stack's
// server while other connections flood it.
func underFlood(t *testing.T, s stack) time.Duration {
	ln := open(s.listen("tcp", "127.0.0.1:0"))(t)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if n == 1 {
						c.Write(buf[:1])
					}
				}
			}()
		}
	}()
	done := make(chan struct{})
	ended := make(chan struct{}, floods)
	for range floods {
		c := open(net.Dial("tcp", ln.Addr().String()))(t)
		go func() {
			defer func() { ended <- struct{}{} }()
			for chunk := make([]byte, 256<<10); ; {
				select {
				case <-done:
					c.Close()
					return
				default:
				}
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		}()
	}
	victim := open(net.Dial("tcp", ln.Addr().String()))(t)
	victim.SetDeadline(time.Now().Add(3 * time.Minute))
	const requests = 51
	var trips []time.Duration
	for range requests {
		begin := time.Now()
		victim.Write([]byte("?"))
		if _, err := io.ReadFull(victim, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		trips = append(trips, time.Since(begin))
	}
	close(done)
	for range floods {
		<-ended
	}
	slices.Sort(trips)
	return trips[requests/2]
}

// Beside connections that always have something to read a request waits for no
// more than their share of the processors, which Go's scheduler limits to ten
// milliseconds at a time for each.
func TestFloodingConnectionsLeaveOthersTheirShare(t *testing.T) {
	const share = floods * 10 * time.Millisecond
	// The two are measured one after the other: a neighbour may come in between,
	// but hardly every time.
	for range 5 {
		theirs, own := underFlood(t, std), underFlood(t, ours)
		t.Logf("a request takes %v over package net and %v over this library, in the median", theirs, own)
		if own <= 3*theirs+share {
			return
		}
	}
	t.Error("a request takes much longer than over package net")
}
