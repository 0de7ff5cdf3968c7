package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// nginx starts the program with the contents of a server block and returns its
// address.
func nginx(t *testing.T, upstream, locations string) (address string) {
	t.Helper()
	path := program(t, "nginx", "nginx-light")
	dir := t.TempDir()
	host, port := freeAddress(t)
	address = net.JoinHostPort(host, port)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // who may read the test's directory
	}
	config := fmt.Sprintf(`
daemon off;
%[1]s
worker_processes 2;
pid %[2]s/pid;
error_log stderr notice;
events { worker_connections 1000; }
http {
	access_log off;
	client_max_body_size 100m;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	sendfile on;
	%[3]s
	server {
		listen %[4]s;
		%[5]s
	}
}
`, user, dir, upstream, address, locations)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "start worker process ", path, "-p", dir, "-e", "stderr", "-c", file)
	return address
}

// checkSite makes requests of every kind at a site, many at once.
func checkSite(t *testing.T, s *stack, address string, size int) {
	t.Helper()
	transport := &http.Transport{DialContext: s.dialer().DialContext, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	all := content(1, size)
	get := func(first, last int) error {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+address+"/content", nil)
		if err != nil {
			return err
		}
		want := all
		if last > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, last))
			want = want[first : last+1]
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("%d bytes of %d, or they have changed: %w", len(got), len(want), err)
		}
		return nil
	}
	if err := get(0, 0); err != nil {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 20 {
				if err := get(i*1000, i*1000+j*100+1); err != nil {
					t.Errorf("a part: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func checkUpload(t *testing.T, s *stack, address string, size int) {
	t.Helper()
	transport := &http.Transport{DialContext: s.dialer().DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	sum, err := digest(bytes.NewReader(content(2, size)))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []io.Reader{bytes.NewReader(content(2, size)), io.MultiReader(bytes.NewReader(content(2, size)))} { // sized, chunked
		resp, err := client.Post("http://"+address+"/upload", "", body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.HasSuffix(got, []byte(sum)) {
			t.Errorf("the server got %q, %v; want %s", got, err, sum)
		}
	}
}

// Our client, nginx, our server: with connections kept on both sides of nginx.
func TestNginxInFront(t *testing.T) {
	const size = 10 << 20
	program(t, "nginx", "nginx-light")
	s := newStack(t)
	backend := serveHTTP(t, s, &http.Server{Handler: site(t, size)})
	for name, buffering := range map[string]string{"buffered": "on", "unbuffered": "off"} {
		t.Run(name, func(t *testing.T) {
			address := nginx(t, "upstream backend { server "+backend+"; keepalive 20; }", `
		location / {
			proxy_pass http://backend;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_request_buffering `+buffering+`;
			proxy_buffering `+buffering+`;
		}`)
			checkSite(t, s, address, size)
			checkUpload(t, s, address, size)
		})
	}
}

// nginx serves a file by sendfile to our client, and through our proxy.
func TestNginxBehind(t *testing.T) {
	const size = 10 << 20
	program(t, "nginx", "nginx-light")
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "content"), content(1, size), 0o600); err != nil {
		t.Fatal(err)
	}
	address := nginx(t, "", "root "+root+";")
	t.Run("client", func(t *testing.T) {
		checkSite(t, newStack(t), address, size)
	})
	t.Run("proxy", func(t *testing.T) {
		s := newStack(t)
		transport := &http.Transport{DialContext: s.dialer().DialContext}
		t.Cleanup(transport.CloseIdleConnections)
		proxy := serveHTTP(t, s, &http.Server{Handler: &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: address}) },
			Transport: transport,
		}})
		checkSite(t, s, proxy, size)
	})
}

// WebSockets of every library go through nginx.
func TestNginxWebSockets(t *testing.T) {
	program(t, "nginx", "nginx-light")
	for name, handler := range webSocketServers {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			backend := serveHTTP(t, s, &http.Server{Handler: handler})
			address := nginx(t, "", `
		location / {
			proxy_pass http://`+backend+`;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_set_header Host $http_host;
		}`)
			for clientName, dial := range webSocketClients {
				c, err := dial(t.Context(), s, address)
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
