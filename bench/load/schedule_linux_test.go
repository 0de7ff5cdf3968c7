package load

import (
	"testing"
	"time"

	"github.com/moor-net/moor/bench/server"
)

func TestScheduleGoesRound(t *testing.T) {
	conns := []conn{{id: 0, granted: 3}, {id: 1}, {id: 2}}
	s := newSchedule(Config{Rate: 1000, Burst: 2}, time.Second, conns)
	for turn := range uint64(2) {
		for id := range conns {
			due := time.Second + time.Duration(turn*3+uint64(id))*2*time.Millisecond
			if got := s.due(); got != due {
				t.Errorf("turn %d of connection %d is due at %v, want %v", turn, id, got, due)
			}
			if got := s.next(); got != id {
				t.Fatalf("connection %d is the next, want %d", got, id)
			}
			for i := range uint64(2) {
				if got := s.dueAt(&conns[id], conns[id].first+turn*2+i); got != due {
					t.Errorf("message %d of turn %d on connection %d was due at %v, want %v", i, turn, id, got, due)
				}
			}
		}
	}
}

func TestFixedRateIsKept(t *testing.T) {
	for name, burst := range map[string]int{"one by one": 1, "in bursts": 5} {
		t.Run(name, func(t *testing.T) {
			cfg := config(running(t, "std", server.Echo))
			cfg.Rate, cfg.Burst, cfg.Duration = 500, burst, 400*time.Millisecond
			r, err := Run(cfg)
			if err != nil {
				t.Fatal(err)
			}
			// Never faster. How much slower depends on the machine.
			due := int64(r.Wall.Seconds()*500) + int64(burst) + 1
			if r.Requests < 1 || r.Requests > 2*due {
				t.Errorf("%d requests in %v, %d were due", r.Requests, r.Wall, due)
			}
		})
	}
}

// A server that stalls once is charged for everyone who came meanwhile; a client
// that waits for answers would count a single slow one.
func TestCoordinatedOmissionIsAccountedFor(t *testing.T) {
	const stalled = 200 * time.Millisecond
	addr := serve(t, changed(func(from int, b []byte) []byte {
		if from <= 64*20 && from+len(b) > 64*20 { // on a busy machine several messages may come as one
			time.Sleep(stalled)
		}
		return b
	}))
	cfg := config(addr)
	cfg.Conns, cfg.Rate, cfg.Warmup, cfg.Duration = 1, 500, 0, 2*stalled
	r, err := Run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// About half of the requests were due in the stall, on the average half of
	// it before its end.
	if r.P90 < stalled/4 {
		t.Errorf("nine tenths of the requests took under %v, with a stall of %v", r.P90, stalled)
	}
}
