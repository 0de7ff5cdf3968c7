//go:build race

package conn_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/moor-net/moor/conn"
)

// detected are programs over a connection, by whether they race.
var detected = map[string]struct {
	races bool
	run   func(t *testing.T, c, peer *conn.TCPConn)
}{
	"what was written before a Write": {false, func(t *testing.T, c, peer *conn.TCPConn) {
		x, buf := 0, make([]byte, 1)
		go func() {
			x = 1
			c.Write([]byte("x"))
		}()
		if peer.Read(buf); x != 1 {
			t.Error("what was written before is not seen after")
		}
	}},
	"a buffer used again": {false, func(t *testing.T, c, peer *conn.TCPConn) {
		out, in := make([]byte, 1), make([]byte, 1)
		go func() {
			for {
				if _, err := peer.Read(in); err != nil {
					return
				}
				in[0]++
				peer.Write(in)
			}
		}()
		for range 100 {
			out[0]++
			c.Write(out)
			c.Read(out)
		}
	}},
	"a Read into what another writes": {true, func(t *testing.T, c, peer *conn.TCPConn) {
		peer.Write([]byte("xy"))
		buf, done := make([]byte, 2), make(chan struct{})
		go func() { c.Read(buf); close(done) }()
		buf[1] = 1
		<-done
	}},
	"a Write of what another writes": {true, func(t *testing.T, c, peer *conn.TCPConn) {
		buf, done := make([]byte, 2), make(chan struct{})
		go func() { c.Write(buf); close(done) }()
		buf[1] = 1
		<-done
	}},
}

// A program that the race detector finds nothing in over package net is clean over
// this one too, and one that is racy is found out; also if the descriptor has a
// duplicate, for which other system calls are made.
func TestRaceDetectorSeesWhatItDoesOverStd(t *testing.T) {
	for _, shared := range []bool{false, true} {
		for name, program := range detected {
			if shared {
				name += ", with a duplicate"
			}
			t.Run(name, func(t *testing.T) {
				cmd := exec.Command(os.Args[0], "-test.run=^TestDetectedProgram$")
				cmd.Env = append(os.Environ(), detectedVariable+"="+name, "GORACE=atexit_sleep_ms=0 halt_on_error=0")
				out, err := cmd.CombinedOutput()
				if found := strings.Contains(string(out), "DATA RACE"); found != program.races || (err != nil) != program.races {
					t.Errorf("a race was found: %v, want %v; %v\n%s", found, program.races, err, out)
				}
			})
		}
	}
}

const detectedVariable = "MOOR_TEST_DETECTED"

// TestDetectedProgram is such a program, in a process of its own.
func TestDetectedProgram(t *testing.T) {
	name := os.Getenv(detectedVariable)
	if name == "" {
		t.Skip("runs as a process of its own, for another test")
	}
	name, shared := strings.CutSuffix(name, ", with a duplicate")
	c, peer := tcpPair(t)
	if shared {
		for _, c := range []*conn.TCPConn{c, peer} {
			f, err := c.File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
		}
	}
	detected[name].run(t, c, peer)
}
