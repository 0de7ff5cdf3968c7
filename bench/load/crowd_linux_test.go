package load

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/moor-net/moor/bench/server"
)

func TestCrowdComesFromSeveralAddresses(t *testing.T) {
	if a, b := source(0), source(portsEach); bytes.Equal(fmt.Append(nil, a), fmt.Append(nil, b)) {
		t.Errorf("all connections from %v", a)
	}
}

// More connections than may wait for an answer, and a number that no window
// divides.
func TestCrowdIsAnsweredAndItsSampleTwice(t *testing.T) {
	for _, p := range []server.Protocol{server.Echo, server.HTTP} {
		cfg := config(running(t, "std", p))
		cfg.Protocol, cfg.Crowd = p, true
		cfg.Conns, cfg.Requests = 2*crowdWindow+77, 50
		begun := false
		cfg.Begin = func(int) error { begun = true; return nil }
		r, err := Run(cfg)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if !begun || r.Requests != 50 || r.P50 <= 0 || r.Max < r.P50 {
			t.Errorf("%s: begun %v, %+v", p, begun, r)
		}
	}
}

// Those that are to make a second request are opened in any case.
func TestCrowdStopsGrowing(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   int
	}{
		{"no limit", func(*Config) {}, 2*crowdWindow + 77},
		{"time", func(c *Config) { c.Opening = 1 }, 50},
		{"memory", func(c *Config) { c.Reserve = 1 << 62 }, crowdWindow},
		{"memory enough", func(c *Config) { c.Reserve = 1 }, 2*crowdWindow + 77},
	} {
		cfg := config(running(t, "std", server.Echo))
		cfg.Crowd, cfg.Conns, cfg.Requests = true, 2*crowdWindow+77, 50
		test.change(&cfg)
		opened := 0
		cfg.Begin = func(conns int) error { opened = conns; return nil }
		if r, err := Run(cfg); err != nil || r.Requests != 50 {
			t.Fatalf("%s: %v, %+v", test.name, err, r)
		}
		if opened != test.want {
			t.Errorf("%s: %d connections, want %d", test.name, opened, test.want)
		}
	}
}

func TestCrowdNoticesCorruptionAndEnd(t *testing.T) {
	broken := changed(func(_ int, b []byte) []byte { b[0] ^= 1; return b })
	for want, handle := range map[string]func(net.Conn){
		"corrupt":        broken,
		"unexpected EOF": func(c net.Conn) { c.Read(make([]byte, 4096)) },
		"never asked":    changed(func(_ int, b []byte) []byte { return append(b, 0) }),
	} {
		cfg := config(serve(t, handle))
		cfg.Crowd, cfg.Conns, cfg.Requests = true, 3, 1
		if _, err := Run(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
