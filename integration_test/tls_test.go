package integration_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// serveTLSEcho echoes on ln until it is closed.
func serveTLSEcho(t *testing.T, ln net.Listener, config *tls.Config) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	tln := tls.NewListener(ln, config)
	go func() {
		defer close(done)
		for {
			c, err := tln.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			wg.Go(func() {
				defer c.Close()
				io.Copy(c, c)
			})
		}
	}()
	t.Cleanup(func() { tln.Close(); <-done; wg.Wait() })
}

func TestTLSEcho(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			s := newStack(t)
			server, client := tlsConfigs(t)
			server.MinVersion, server.MaxVersion = version, version
			server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, client.RootCAs
			client.Certificates = server.Certificates
			client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			ln := s.listen(t)
			serveTLSEcho(t, ln, server)
			const size = 20 << 20
			sent := content(1, size)
			for i := range 2 {
				c := tls.Client(s.dial(t, ln.Addr().String()), client)
				go func() {
					c.Write(sent)
					c.CloseWrite()
				}()
				got, err := io.ReadAll(c)
				if err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%d of %d bytes came back, or changed: %v", len(got), size, err)
				}
				if state := c.ConnectionState(); state.DidResume != (i > 0) {
					t.Errorf("connection %d: DidResume = %v", i, state.DidResume)
				}
				c.Close()
			}
		})
	}
}

func TestTLSManyConnections(t *testing.T) {
	s := newStack(t)
	server, client := tlsConfigs(t)
	ln := s.listen(t)
	serveTLSEcho(t, ln, server)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			c, err := tls.DialWithDialer(&net.Dialer{}, "tcp", ln.Addr().String(), client) // a foreign client
			if i%2 == 0 {
				if err == nil {
					c.Close()
				}
				raw, dialErr := s.dialer().Dial("tcp", ln.Addr().String())
				if dialErr != nil {
					t.Error(dialErr)
					return
				}
				c, err = tls.Client(raw, client), nil
			}
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range 50 {
				sent := fmt.Appendf(nil, "connection %d, message %d", i, j)
				if _, err := c.Write(sent); err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, len(sent))
				if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("got %q, %v; want %q", got, err, sent)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A read that has timed out leaves the connection usable, in the middle of a
// record too.
func TestTLSReadDeadline(t *testing.T) {
	s := newStack(t)
	server, client := tlsConfigs(t)
	ln := s.listen(t)
	serveTLSEcho(t, ln, server)
	c := tls.Client(s.dial(t, ln.Addr().String()), client)
	defer c.Close()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Read returned %d, %v", n, err)
		}
		c.SetReadDeadline(time.Time{})
		sent := content(byte(i), 100_000)
		go c.Write(sent)
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("after the deadline: %v", err)
		}
	}
}
