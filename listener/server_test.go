package listener_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// newRuntime returns a Runtime of the test's own. At its end every connection
// and listener on it must have been closed.
func newRuntime(t *testing.T) *moorrt.Runtime {
	t.Helper()
	rt, err := moorrt.New(moorrt.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := rt.Shutdown(ctx); err != nil {
			t.Errorf("descriptors were left over at the end: %v", err)
		}
	})
	return rt
}

// A server is an unmodified http.Server on a listener of ours, with an
// unmodified http.Client whose connections are ours too.
type server struct {
	*http.Server
	rt     *moorrt.Runtime
	addr   string
	url    string
	client *http.Client
	served chan error // what Serve returned
}

// serve starts srv on the address. A TLSConfig, which must have certificates,
// makes it serve TLS. Server and client end with the test.
func serve(t *testing.T, srv *http.Server) *server {
	t.Helper()
	rt := newRuntime(t)
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, rt, ln, srv)
}

func serveOn(t *testing.T, rt *moorrt.Runtime, ln net.Listener, srv *http.Server) *server {
	t.Helper()
	s := &server{Server: srv, rt: rt, addr: ln.Addr().String(), served: make(chan error, 1)}
	transport := &http.Transport{
		DialContext:         s.dialer().DialContext,
		MaxIdleConnsPerHost: 10_000,
		MaxIdleConns:        10_000,
	}
	s.client = &http.Client{Transport: transport}
	if srv.TLSConfig == nil {
		s.url = "http://" + s.addr
		go func() { s.served <- srv.Serve(ln) }()
	} else {
		s.url = "https://" + s.addr
		leaf, err := x509.ParseCertificate(srv.TLSConfig.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(leaf)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		transport.ForceAttemptHTTP2 = true
		go func() { s.served <- srv.ServeTLS(ln, "", "") }()
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return s
}

func (s *server) transport() *http.Transport { return s.client.Transport.(*http.Transport) }

// quiet is for servers that are meant to fail.
var quiet = log.New(io.Discard, "", 0)

// dialer returns a Dialer on the server's Runtime.
func (s *server) dialer() *conn.Dialer { return &conn.Dialer{Runtime: s.rt} }

// dial opens a connection to the server that ends with the test.
func (s *server) dial(t *testing.T) *conn.TCPConn {
	t.Helper()
	c, err := s.dialer().DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*conn.TCPConn)
}
