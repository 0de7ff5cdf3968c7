package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/moor-net/moor/conn"
)

// quicConn returns a UDP connection of ours that ends with the test. It must be
// one that quic-go uses to the full: control messages, batches, offloading.
func quicConn(t *testing.T) *conn.UDPConn {
	t.Helper()
	c, err := conn.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := any(c).(quic.OOBCapablePacketConn); !ok {
		t.Errorf("quic-go does not use control messages with a %T", c)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// quicTransport is quic-go's on a UDP connection of ours.
func quicTransport(t *testing.T) *quic.Transport {
	t.Helper()
	tr := &quic.Transport{Conn: quicConn(t)}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func quicConfigs(t *testing.T, protocol string) (server, client *tls.Config) {
	server, client = tlsConfigs(t)
	server.NextProtos = []string{protocol}
	client.NextProtos = []string{protocol}
	return server, client
}

// serveQUICEcho echoes streams and datagrams and returns the address.
func serveQUICEcho(t *testing.T, config *tls.Config) net.Addr {
	t.Helper()
	ln, err := quicTransport(t).Listen(config, &quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept(context.Background())
			if err != nil {
				return
			}
			wg.Go(func() {
				for {
					d, err := c.ReceiveDatagram(context.Background())
					if err != nil {
						return
					}
					if err := c.SendDatagram(d); err != nil {
						return
					}
				}
			})
			wg.Go(func() {
				for {
					stream, err := c.AcceptStream(context.Background())
					if err != nil {
						return
					}
					wg.Go(func() {
						defer stream.Close()
						io.Copy(stream, stream)
					})
				}
			})
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr()
}

func dialQUIC(t *testing.T, address net.Addr, config *tls.Config) *quic.Conn {
	t.Helper()
	c, err := quicTransport(t).Dial(t.Context(), address, config, &quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseWithError(0, "") })
	return c
}

func TestQUICStreams(t *testing.T) {
	server, client := quicConfigs(t, "echo")
	c := dialQUIC(t, serveQUICEcho(t, server), client)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			stream, err := c.OpenStreamSync(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			sent := content(byte(i), 1+i*50_000)
			wg.Go(func() {
				stream.Write(sent)
				stream.Close()
			})
			got, err := io.ReadAll(stream)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back as %d, or changed: %v", len(sent), len(got), err)
			}
		})
	}
	wg.Wait()
}

func TestQUICManyConnections(t *testing.T) {
	server, client := quicConfigs(t, "echo")
	address := serveQUICEcho(t, server)
	// All on one socket, as a client of many connections does it.
	tr := quicTransport(t)
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			c, err := tr.Dial(t.Context(), address, client, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseWithError(0, "")
			stream, err := c.OpenStreamSync(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 20 {
				sent := fmt.Appendf(nil, "connection %d, message %d", i, j)
				if _, err := stream.Write(sent); err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, len(sent))
				if _, err := io.ReadFull(stream, got); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("got %q, %v; want %q", got, err, sent)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestQUICDatagrams(t *testing.T) {
	server, client := quicConfigs(t, "echo")
	c := dialQUIC(t, serveQUICEcho(t, server), client)
	for i := range 100 {
		sent := content(byte(i), 1+i*10)
		// QUIC may lose a datagram; it is then sent again.
		for try := 0; ; try++ {
			if err := c.SendDatagram(sent); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			got, err := c.ReceiveDatagram(ctx)
			cancel()
			if err == nil && bytes.Equal(got, sent) {
				break
			}
			if try == 5 {
				t.Fatalf("datagram %d: %v", i, err)
			}
		}
	}
}

// A QUIC connection whose peer has gone ends by its idle time-out.
func TestQUICIdleTimeout(t *testing.T) {
	server, client := quicConfigs(t, "echo")
	address := serveQUICEcho(t, server)
	tr := &quic.Transport{Conn: quicConn(t)}
	c, err := tr.Dial(t.Context(), address, client, &quic.Config{MaxIdleTimeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	<-c.Context().Done()
	cause := context.Cause(c.Context())
	if e, ok := cause.(net.Error); !ok || !e.Timeout() {
		t.Errorf("the connection ended with %v", cause)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
}

func TestHTTP3(t *testing.T) {
	server, client := tlsConfigs(t)
	const large = 5 << 20
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		sum, err := digest(r.Body)
		if err != nil {
			t.Error(err)
		}
		io.WriteString(w, r.Proto+" "+sum)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Write(content(1, large))
	})
	srv := &http3.Server{Handler: mux, TLSConfig: http3.ConfigureTLSConfig(server)}
	uc := quicConn(t)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(uc) }()
	t.Cleanup(func() { srv.Close(); <-served })
	tr := quicTransport(t)
	transport := &http3.Transport{
		TLSClientConfig: client,
		Dial: func(ctx context.Context, address string, config *tls.Config, quicConfig *quic.Config) (*quic.Conn, error) {
			to, err := net.ResolveUDPAddr("udp", address)
			if err != nil {
				return nil, err
			}
			return tr.DialEarly(ctx, to, config, quicConfig)
		},
	}
	t.Cleanup(func() { transport.Close() })
	c := &http.Client{Transport: transport}
	url := "https://" + uc.LocalAddr().String()
	want, err := digest(bytes.NewReader(content(1, large)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Post(url, "", bytes.NewReader(content(1, large)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(got) != "HTTP/3.0 "+want {
		t.Errorf("the server got %q, %v", got, err)
	}
	if resp, err = c.Get(url); err != nil {
		t.Fatal(err)
	}
	sum, err := digest(resp.Body)
	resp.Body.Close()
	if err != nil || sum != want {
		t.Errorf("the client got %s, %v; want %s", sum, err, want)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			sent := content(byte(i), i*1000)
			want, err := digest(bytes.NewReader(sent))
			if err != nil {
				t.Error(err)
			}
			resp, err := c.Post(url, "", bytes.NewReader(sent))
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(got) != "HTTP/3.0 "+want {
				t.Errorf("the server got %q, %v", got, err)
			}
		})
	}
	wg.Wait()
}
