package listener_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/listener"
)

// BenchmarkPark measures this process's CPU time per request of 64 keep-alive
// connections, whose other ends are in another process: over std's listener,
// ours, one that parks but never gets to (busy connections), and one that parks
// after every request.
func BenchmarkPark(b *testing.B) {
	const conns = 64
	for _, c := range []struct {
		name string
		make func(*http.Server) (net.Listener, error)
	}{
		{"std", func(*http.Server) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }},
		{"unparked", func(*http.Server) (net.Listener, error) { return listener.Listen("tcp", "127.0.0.1:0") }},
		{"busy", func(srv *http.Server) (net.Listener, error) { return listenPark(srv, 5*time.Second) }},
		{"parked-each-time", func(srv *http.Server) (net.Listener, error) { return listenPark(srv, 0) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			srv := &http.Server{Handler: echoPath}
			ln, err := c.make(srv)
			if err != nil {
				b.Fatal(err)
			}
			go srv.Serve(ln)
			defer srv.Close()
			clients := startClients(b, "http", ln.Addr().String(), conns)
			clients.round(b)
			b.ResetTimer()
			began := processTime(b)
			for range b.N {
				clients.round(b)
			}
			b.ReportMetric(float64(processTime(b)-began)/float64(b.N*conns), "cpu-ns/request")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func listenPark(srv *http.Server, grace time.Duration) (net.Listener, error) {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return listener.Park(srv, ln, listener.Grace(grace))
}

// processTime returns the CPU time that the process has used, in nanoseconds.
func processTime(b *testing.B) int64 {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return ru.Utime.Nano() + ru.Stime.Nano()
}
