package integration_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// curl runs the program and returns what it prints.
func curl(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "curl", "curl"),
		append([]string{"--silent", "--show-error", "--noproxy", "*", "--max-time", "60"}, args...)...)
	cmd.Stdin = stdin
	var out, diagnosis bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnosis
	if err := cmd.Run(); err != nil {
		t.Errorf("curl %q: %v\n%s", args, err, &diagnosis)
	}
	return out.String()
}

// site answers a POST or PUT with the body's digest and how it came, and a GET
// with content.
func site(t *testing.T, size int) http.Handler {
	body := content(1, size)
	mux := http.NewServeMux()
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		sum, err := digest(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "%s %d %s", r.Proto, r.ContentLength, sum)
	})
	mux.HandleFunc("GET /content", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "content", time.Time{}, bytes.NewReader(body))
	})
	return mux
}

func TestCurl(t *testing.T) {
	program(t, "curl", "curl")
	const size = 10 << 20
	s := newStack(t)
	server, _ := tlsConfigs(t)
	plain := "http://" + serveHTTP(t, s, &http.Server{Handler: site(t, size)})
	secure := "https://" + serveHTTP(t, s, &http.Server{Handler: site(t, size), TLSConfig: server})
	authority := filepath.Join(t.TempDir(), "authority.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]})
	if err := os.WriteFile(authority, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(file, content(1, size), 0o600); err != nil {
		t.Fatal(err)
	}
	sum, err := digest(bytes.NewReader(content(1, size)))
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []struct {
		url, proto string
		options    []string
	}{
		{plain, "HTTP/1.0", []string{"--http1.0"}},
		{plain, "HTTP/1.1", []string{"--http1.1"}},
		{secure, "HTTP/1.1", []string{"--http1.1", "--cacert", authority}},
		{secure, "HTTP/2.0", []string{"--http2", "--cacert", authority}},
	} {
		name, _, _ := strings.Cut(way.url, ":")
		t.Run(way.proto+" over "+name, func(t *testing.T) {
			run := func(stdin io.Reader, args ...string) string {
				t.Helper()
				return curl(t, stdin, append(append([]string{}, way.options...), args...)...)
			}
			got := run(nil, "-T", file, "-H", "Expect: 100-continue", way.url+"/upload")
			if want := fmt.Sprintf("%s %d %s", way.proto, size, sum); got != want {
				t.Errorf("a file: the server got %q, want %q", got, want)
			}
			if way.proto != "HTTP/1.0" { // which has no chunks
				got = run(bytes.NewReader(content(1, size)), "-T", "-", way.url+"/upload")
				if want := fmt.Sprintf("%s -1 %s", way.proto, sum); got != want {
					t.Errorf("a stream: the server got %q, want %q", got, want)
				}
			}
			if got := run(nil, way.url+"/content"); got != string(content(1, size)) {
				t.Errorf("curl got %d bytes of %d, or they have changed", len(got), size)
			}
			if got := run(nil, "--range", "1000-1999", way.url+"/content"); got != string(content(1, size)[1000:2000]) {
				t.Errorf("curl got %d bytes of 1000, or they have changed", len(got))
			}
		})
	}
	t.Run("kept connection", func(t *testing.T) {
		args := []string{"--write-out", "%{num_connects}"}
		for range 10 {
			args = append(args, "--output", "/dev/null", plain+"/content")
		}
		if got := curl(t, nil, args...); got != "1000000000" {
			t.Errorf("ten requests made connections: %s", got)
		}
	})
	t.Run("parallel", func(t *testing.T) {
		args := []string{"--parallel", "--parallel-max", "50", "--range", "0-99999", "--write-out", "%{response_code} %{size_download}\n"}
		for range 200 {
			args = append(args, "--output", "/dev/null", plain+"/content")
		}
		if got := curl(t, nil, args...); got != strings.Repeat("206 100000\n", 200) {
			t.Errorf("curl got %q", got)
		}
	})
	t.Run("parallel streams", func(t *testing.T) {
		args := []string{"--parallel", "--parallel-max", "50", "--http2", "--cacert", authority, "--range", "0-99999", "--write-out", "%{http_version} %{size_download}\n"}
		for range 200 {
			args = append(args, "--output", "/dev/null", secure+"/content")
		}
		if got := curl(t, nil, args...); got != strings.Repeat("2 100000\n", 200) {
			t.Errorf("curl got %q", got)
		}
	})
}
