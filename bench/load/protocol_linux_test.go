package load

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moor-net/moor/bench/server"
)

// running starts a server of this process.
func running(t *testing.T, name string, p server.Protocol) netip.AddrPort {
	t.Helper()
	s, err := server.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := s.Start[p](server.Config{Addr: "127.0.0.1:0", Procs: 1, Buf: 4096, Grace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(addr.String())
}

// Every pair of a server and a protocol of this program, under load.
func TestEveryServerUnderLoad(t *testing.T) {
	for _, name := range server.Names() {
		s, err := server.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		for p := range s.Start {
			t.Run(name+"/"+string(p), func(t *testing.T) {
				t.Parallel()
				cfg := config(running(t, name, p))
				cfg.Protocol = p
				r, err := Run(cfg)
				if err != nil {
					t.Fatal(err)
				}
				if r.Wall < cfg.Duration || r.ServerCPU <= 0 || r.Requests+r.Bytes == 0 {
					t.Errorf("result %+v", r)
				}
			})
		}
	}
}

func TestAnswersInPartsAreTheSame(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n\r\n/"
	frame := string([]byte{0x82, 16})
	for name, test := range map[string]struct {
		protocol protocol
		text     string
	}{
		"http": {newHTTP(), head + "0000000500000000" + head + "0000000500000001"},
		"websocket": {newWebSocket(), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" +
			frame + "0000000500000001"},
		"echo": {newPattern(10), string(newPattern(10).message(5, 0)) + string(newPattern(10).message(5, 1))},
	} {
		for split := range len(test.text) {
			c := conn{id: 5, grantedAt: make([]time.Duration, 2)}
			c.grant(0)
			c.grant(0)
			var returned []uint64
			for _, part := range []string{test.text[:split], test.text[split:]} {
				if err := c.check(test.protocol, []byte(part), func(seq uint64) { returned = append(returned, seq) }); err != nil {
					t.Fatalf("%s split at %d: %v", name, split, err)
				}
			}
			if fmt.Sprint(returned) != "[0 1]" {
				t.Fatalf("%s split at %d: messages %v came back", name, split, returned)
			}
		}
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n"
	for _, test := range []struct {
		protocol protocol
		seq      uint64
		text     string
		want     string
	}{
		{newHTTP(), 0, head + "/0000000500000001", "corrupt answer"},
		{newHTTP(), 0, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "500 Internal"},
		{newHTTP(), 0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "no Content-Length"},
		{newHTTP(), 0, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "bad Content-Length"},
		{newHTTP(), 0, strings.Repeat("x", 5000), "no end"},
		{newWebSocket(), 0, "HTTP/1.1 400 Bad Request\r\n\r\n", "refused"},
		{newWebSocket(), 0, strings.Repeat("x", 5000), "no end"},
		{newWebSocket(), 1, "\x82\x100000000500000002", "corrupt message"},
	} {
		if _, _, err := test.protocol.answer(5, test.seq, 0, []byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("answer %.40q: error %v, should say %q", test.text, err, test.want)
		}
	}
}

func TestUnknownProtocolIsAnError(t *testing.T) {
	cfg := config(netip.AddrPort{})
	cfg.Protocol = "gopher"
	if _, err := Run(cfg); err == nil {
		t.Error("there is a load for gopher")
	}
}

func TestChurnUsesAConnectionForEachRequest(t *testing.T) {
	cfg := config(running(t, "std", server.Echo))
	cfg.Churn = true
	cfg.Requests = 0
	r, err := Run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Requests < 2 {
		t.Errorf("%d requests", r.Requests)
	}
}

func TestBackgroundIsSilent(t *testing.T) {
	cfg := config(running(t, "std", server.Echo))
	cfg.Conns, cfg.Background, cfg.Requests = 2, 5, 20
	cfg.End = func(r Result) error {
		if r.Requests != 20 {
			t.Errorf("%d requests", r.Requests)
		}
		return nil
	}
	if _, err := Run(cfg); err != nil {
		t.Fatal(err)
	}
}

func TestSwitchesOfThisProcess(t *testing.T) {
	n, err := switches(os.Getpid())
	if err != nil || n < 1 {
		t.Errorf("%d context switches, %v", n, err)
	}
	if _, err := switches(1 << 30); err == nil {
		t.Error("there is a process 1<<30")
	}
}
