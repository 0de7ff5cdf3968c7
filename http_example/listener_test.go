package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

func TestListenerIsTheOneAskedFor(t *testing.T) {
	for std, want := range map[bool]net.Listener{false: (*listener.TCPListener)(nil), true: (*net.TCPListener)(nil)} {
		ln, err := listen(context.Background(), "127.0.0.1:0", std)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		if got, want := fmt.Sprintf("%T", ln), fmt.Sprintf("%T", want); got != want {
			t.Errorf("std %v: listening on a %s, want a %s", std, got, want)
		}
	}
}

// TestLoopsCarryTheSite compares what the loops say they moved with what a
// client got.
func TestLoopsCarryTheSite(t *testing.T) {
	for _, arg := range []string{"-tls=false", "-tls"} {
		t.Run(arg, func(t *testing.T) {
			s := startSite(t, arg)
			const size = 3 << 20
			events := s.events()
			before := events.loops()
			if _, body := s.get(fmt.Sprintf("/bytes?n=%d", size)); len(body) != size {
				t.Fatalf("%d bytes", len(body))
			}
			after := events.loops() // may have been taken in between
			for end := time.Now().Add(time.Minute); after.BytesWritten-before.BytesWritten < size; after = events.loops() {
				if time.Now().After(end) {
					t.Fatalf("the loops wrote %d bytes, of which the client got %d", after.BytesWritten-before.BytesWritten, size)
				}
			}
			if after.BytesRead == before.BytesRead || after.Events == before.Events || after.Turns == before.Turns {
				t.Errorf("nothing came in: before %+v, after %+v", before, after)
			}
			if after.Sockets < 2 {
				t.Errorf("%d sockets, though there are a listener and a connection", after.Sockets)
			}
		})
	}
}

// loops returns the sum over the loops of the next sample.
func (r *eventReader) loops() (sum loop) {
	r.t.Helper()
	var s sample
	if err := json.Unmarshal([]byte(r.next("sample")), &s); err != nil {
		r.t.Fatal(err)
	}
	for _, l := range s.Loops {
		sum.Sockets += l.Sockets
		sum.Turns += l.Turns
		sum.Events += l.Events
		sum.BytesRead += l.BytesRead
		sum.BytesWritten += l.BytesWritten
	}
	return sum
}
