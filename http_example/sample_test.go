package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

func TestSampleRates(t *testing.T) {
	var m meter
	var turns uint64
	start := time.Unix(1_000_000, 0)
	s := newSampler(&m, "moor", func() []loop {
		return []loop{{Sockets: 3, Turns: turns}, {Events: 5 * turns}}
	}, func() int { return 7 }, start)

	for i, step := range []struct {
		after         time.Duration
		requests      uint64
		turns         uint64
		rate          float64
		turnRate      float64
		secondsPassed float64
	}{
		{0, 0, 0, 0, 0, 0}, // no time has passed, so there is no rate
		{time.Second, 10, 40, 10, 40, 1},
		{2 * time.Second, 30, 60, 10, 10, 3},
		{time.Second / 2, 32, 60, 4, 0, 3.5},
		{time.Second, 32, 60, 0, 0, 4.5},
	} {
		m.requests.Store(step.requests)
		turns = step.turns
		start = start.Add(step.after)
		got := s.take(start)
		if got.RequestRate != step.rate || got.Requests != step.requests || got.Uptime != step.secondsPassed {
			t.Errorf("step %d: %v requests, %v per second, up %v s", i, got.Requests, got.RequestRate, got.Uptime)
		}
		if got.Loops[0].TurnRate != step.turnRate || got.Loops[1].EventRate != 5*step.turnRate || got.Loops[0].Sockets != 3 {
			t.Errorf("step %d: loops %+v", i, got.Loops)
		}
	}
}

func TestLoopThatIsNewHasARate(t *testing.T) {
	loops := []loop{{Events: 10}, {Events: 20}}
	setLoopRates(loops, []loop{{Events: 4}}, 2*time.Second)
	if loops[0].EventRate != 3 || loops[1].EventRate != 10 {
		t.Errorf("rates %v and %v, want 3 and 10", loops[0].EventRate, loops[1].EventRate)
	}
}

func TestSampleAddsUp(t *testing.T) {
	for _, test := range []struct {
		known, exchanges      int64               // what the server was told of
		parking               *listener.ParkStats // nil without
		wantActive, wantTotal int64
	}{
		{known: 0, wantActive: 0, wantTotal: 0},
		{known: 7, exchanges: 2, wantActive: 7, wantTotal: 7},
		{known: 7, exchanges: 2, parking: &listener.ParkStats{}, wantActive: 7, wantTotal: 7},
		{known: 7, exchanges: 2, parking: &listener.ParkStats{Parked: 5}, wantActive: 2, wantTotal: 7},
		{known: 7, parking: &listener.ParkStats{Parked: 7}, wantActive: 0, wantTotal: 7},
		{known: 7, exchanges: 2, parking: &listener.ParkStats{Parked: 4, Silent: 3, Shaking: 1}, wantActive: 3, wantTotal: 11},
	} {
		m := &meter{}
		m.connections.Store(test.known)
		m.exchanges.Store(test.exchanges)
		outside := listener.ParkStats{}
		if test.parking != nil {
			outside = *test.parking
			m.parking = func() listener.ParkStats { return outside }
		}
		now := time.Unix(1_000_000, 0)
		got := newSampler(m, "moor", nil, func() int { return 3 }, now).take(now)
		if got.Active != test.wantActive || got.Connections != test.wantTotal ||
			got.Parked != int64(outside.Parked+outside.Silent+outside.Shaking) || got.Parking != (test.parking != nil) || got.IdleHeld != 3 {
			t.Errorf("%+v gives %+v", test, got.point)
		}
		if got.Connections == 0 {
			if got.PerConnection != 0 {
				t.Errorf("%d bytes per connection with none", got.PerConnection)
			}
		} else if want := (got.HeapBytes + got.StackBytes) / uint64(got.Connections); got.PerConnection != want || want == 0 {
			t.Errorf("%d bytes per connection, want %d", got.PerConnection, want)
		}
	}
}

// TestSampleCollectsOnce counts the collections around a change.
func TestSampleCollectsOnce(t *testing.T) {
	var m meter
	now := time.Unix(1_000_000, 0)
	s := newSampler(&m, "moor", nil, func() int { return 0 }, now)
	for i, step := range []struct {
		open  int64
		sweep bool
	}{
		{0, false}, {40, false}, {500, false}, {1000, false}, {1010, true}, {1005, false}, {1005, false},
		{3, false}, {3, true}, {3, false},
	} {
		m.connections.Store(step.open)
		before := s.swept
		s.take(now)
		if swept := s.swept != before; swept != step.sweep {
			t.Errorf("step %d, %d open: collected %v, want %v", i, step.open, swept, step.sweep)
		}
	}
}

// TestStats pins the names that people's scripts will read.
func TestStats(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		response, body := s.get("/stats")
		if got := response.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
		var figures map[string]any
		if err := json.Unmarshal([]byte(body), &figures); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for _, name := range []string{"connections", "goroutines", "heap_bytes", "stack_bytes",
			"active", "parked", "bytes_per_connection", "idle_held",
			"requests", "requests_per_second", "uptime_seconds"} {
			if _, ok := figures[name].(float64); !ok {
				t.Errorf("%s is %v", name, figures[name])
			}
		}
		if figures["parking"] != (figures["listener"] == "moor") {
			t.Errorf("parking %v on %v", figures["parking"], figures["listener"])
		}
		loops, _ := figures["loops"].([]any)
		switch figures["listener"] {
		case "std":
			if got, ok := figures["loops"]; !ok || got != nil {
				t.Errorf("loops on std: %v", got)
			}
		case "moor":
			rt, err := moorrt.Default()
			if err != nil {
				t.Fatal(err)
			}
			if len(loops) != rt.Loops() {
				t.Errorf("%d loops, want %d: %v", len(loops), rt.Loops(), figures["loops"])
			}
		default:
			t.Errorf("listener %v", figures["listener"])
		}
		for _, l := range loops {
			for _, name := range []string{"sockets", "timers", "turns", "events", "bytes_read", "bytes_written",
				"turns_per_second", "events_per_second", "bytes_read_per_second", "bytes_written_per_second"} {
				if _, ok := l.(map[string]any)[name].(float64); !ok {
					t.Errorf("loop's %s is missing in %v", name, l)
				}
			}
		}
		if _, err := time.Parse(time.RFC3339, figures["time"].(string)); err != nil {
			t.Error(err)
		}
	})
}
