package listener_test

import (
	"bufio"
	"net/http"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// awaitStats waits until the listener's figures are want, but for Parks, which
// is returned.
func (s *parkServer) awaitStats(t *testing.T, want listener.ParkStats) (parks uint64) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // there is no event for it
		got := s.park.Stats()
		parks, got.Parks = got.Parks, 0
		if got == want {
			return parks
		}
		if time.Now().After(limit) {
			t.Fatalf("the figures are %+v, want %+v", got, want)
		}
	}
}

// Connections that have sent nothing, those in their handshake, and those that
// are parked are told apart.
func TestParkStats(t *testing.T) {
	s := serveParkTLS(t, &http.Server{Handler: echoPath, ErrorLog: quiet}, http1, listener.Grace(soon))
	silent, shaking := s.dial(t), s.dial(t)
	s.awaitStats(t, listener.ParkStats{Silent: 2})
	shaking.Write([]byte{22}) // the first byte of a TLS record
	s.awaitStats(t, listener.ParkStats{Silent: 1, Shaking: 1})
	c := s.dialTLS(t, "http/1.1")
	r := bufio.NewReader(c)
	const requests = 4
	for i := range requests {
		get(t, c, r, "/")
		// Or once more, if it was parked after the handshake.
		if parks := s.awaitStats(t, listener.ParkStats{Silent: 1, Shaking: 1, Parked: 1}); parks < uint64(i+1) || parks > uint64(i+2) {
			t.Errorf("%d parks after %d requests", parks, i+1)
		}
	}
	if got := s.park.Parked(); got != 3 {
		t.Errorf("%d parked, want 3", got)
	}
	silent.Close()
	s.awaitStats(t, listener.ParkStats{Shaking: 1, Parked: 1})
	c.Close()
	s.awaitStats(t, listener.ParkStats{Shaking: 1})
	shaking.Close()
	s.awaitStats(t, listener.ParkStats{})
}
