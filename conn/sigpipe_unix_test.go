//go:build unix

package conn_test

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// A program that asks for SIGPIPE is sent it when it writes to a connection that the
// peer has reset; one that does not ask is not ended by it.
func TestBrokenPipeRaisesTheSignal(t *testing.T) {
	for _, s := range []stack{std, ours} {
		t.Run(s.name, func(t *testing.T) {
			for _, network := range []string{"tcp", "unix"} {
				breakPipe(t, network, s)
				signals := make(chan os.Signal, 1)
				signal.Notify(signals, syscall.SIGPIPE)
				breakPipe(t, network, s)
				select {
				case <-signals:
				case <-time.After(time.Minute):
					t.Error("no signal")
				}
				signal.Stop(signals)
			}
		})
	}
}

// breakPipe writes to a connection whose peer has gone until that is noticed.
func breakPipe(t *testing.T, network string, s stack) {
	t.Helper()
	c, peer := streamPair(t, network, s, std)
	peer.Close()
	var err error
	for err == nil {
		_, err = c.Write([]byte("x"))
		if errors.Is(err, syscall.ECONNRESET) {
			err = nil // the first of two answers
		}
	}
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("%s: Write: %v, want EPIPE", network, err)
	}
}
