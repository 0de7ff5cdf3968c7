package integration_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
)

// WebSockets go through net/http's reverse proxy, whose ends are ours too.
func TestReverseProxyUpgrade(t *testing.T) {
	for name, handler := range webSocketServers {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			backend := serveHTTP(t, s, &http.Server{Handler: handler})
			transport := &http.Transport{DialContext: s.dialer().DialContext}
			defer transport.CloseIdleConnections()
			proxy := serveHTTP(t, s, &http.Server{Handler: &httputil.ReverseProxy{
				Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: backend}) },
				Transport: transport,
			}})
			for clientName, dial := range webSocketClients {
				c, err := dial(t.Context(), s, proxy)
				if err != nil {
					t.Fatalf("%s: %v", clientName, err)
				}
				if err := echoMessages(c, []int{0, 1, 65536, 1 << 20}, []int{1000, 100_000}); err != nil {
					t.Errorf("%s: %v", clientName, err)
				}
				if err := c.close(); err != nil {
					t.Errorf("%s: %v", clientName, err)
				}
			}
		})
	}
}
