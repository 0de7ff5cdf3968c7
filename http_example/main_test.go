package main

import (
	"bytes"
	"context"
	"flag"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	// Most of these tests wait for the next sample.
	grace, sampleInterval = 50*time.Millisecond, 100*time.Millisecond
	// They wait for that, not for a processor. This is the default; -parallel
	// comes after it.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	m.Run()
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"-h", "-help", "--help"} {
		var stdout, stderr bytes.Buffer
		status := run(context.Background(), []string{arg}, &stdout, &stderr, nil)
		if status != 0 || stdout.String() != usage || stderr.Len() != 0 {
			t.Errorf("%s: status %d, stdout %q, stderr %q", arg, status, &stdout, &stderr)
		}
	}
}

func TestStartFailsInOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	inUse := taken.Addr().String()

	for _, test := range []struct {
		name string
		args []string
		want string // in the line
	}{
		{"unknown flag", []string{"-port", "80"}, "-port"},
		{"bad value", []string{"-std=perhaps"}, `"perhaps"`},
		{"parking on std", []string{"-std", "-park"}, "-park needs moor's listener"},
		{"missing value", []string{"-addr"}, "-addr"},
		{"stray argument", []string{"serve"}, `"serve"`},
		{"address in use", []string{"-addr", inUse}, inUse},
		{"address in use, std", []string{"-std", "-addr", inUse}, inUse},
		{"address in use, TLS", []string{"-tls", "-addr", inUse}, inUse},
		{"no port", []string{"-addr", "127.0.0.1"}, "missing port"},
		{"port out of range", []string{"-addr", "127.0.0.1:99999"}, "99999"},
		{"not an address here", []string{"-addr", "192.0.2.1:0"}, "192.0.2.1"},
		{"line break", []string{"-addr", "a\nb"}, "a b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(context.Background(), test.args, &stdout, &stderr, nil)
			line := stderr.String()
			if status != 1 || stdout.Len() != 0 {
				t.Errorf("status %d, stdout %q; want 1 and none", status, &stdout)
			}
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") ||
				!strings.HasPrefix(line, "http_example: ") || !strings.Contains(line, test.want) {
				t.Errorf("stderr %q, want one line with %q", line, test.want)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		events := s.events()
		events.next("sample")
		s.get("/hello")
		s.interrupts <- os.Interrupt
		s.expectLine(`(draining [12] connections?, for 10s)`)
		events.untilBye()
		s.expectLine(`(drained in) `)
		if status := s.wait(); status != 0 || s.stderr.Len() != 0 {
			t.Errorf("status %d, stderr %q", status, &s.stderr)
		}
		if response, err := s.client.Get(s.url + "/hello"); err == nil {
			t.Errorf("still answers after the drain: %s", response.Status)
		}
	})
}

func TestDrainWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.cancel()
	s.expectLine(`(draining 0 connections), `)
	s.expectLine(`(drained in) `)
	if status := s.wait(); status != 0 {
		t.Errorf("status %d, stderr %q", status, &s.stderr)
	}
}

func TestDrainLetsARequestEnd(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		echo := s.echo()
		echo.exchange("before")
		s.interrupts <- os.Interrupt
		s.expectLine(`(draining 1 connection), `)
		echo.exchange("meanwhile")
		echo.finish()
		s.expectLine(`(drained in) `)
		if status := s.wait(); status != 0 {
			t.Errorf("status %d, stderr %q", status, &s.stderr)
		}
	})
}

func TestSecondInterruptStopsAtOnce(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		echo := s.echo()
		echo.exchange("before")
		s.interrupts <- os.Interrupt
		s.expectLine(`(draining 1 connection), `)
		s.interrupts <- os.Interrupt
		status := s.wait()
		if status != 1 || !strings.Contains(s.stderr.String(), "stopped at once, 1 connection cut\n") {
			t.Errorf("status %d, stderr %q", status, &s.stderr)
		}
		echo.expectCut()
	})
}
