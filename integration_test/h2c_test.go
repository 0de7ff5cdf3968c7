//lint:file-ignore SA1019 this is about the programs that have not moved to net/http yet

package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

// HTTP/2 without TLS by x/net/http2.
func TestH2C(t *testing.T) {
	s := newStack(t)
	address := serveHTTP(t, s, &http.Server{Handler: h2c.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("the request came over %s", r.Proto)
		}
		io.Copy(w, r.Body)
	}), new(http2.Server))})
	transport := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return s.dialer().DialContext(ctx, network, address)
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			sent := content(byte(i), i*20_000)
			resp, err := client.Post("http://"+address, "", bytes.NewReader(sent))
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back as %d, or changed: %v", len(sent), len(got), err)
			}
		})
	}
	wg.Wait()
}
