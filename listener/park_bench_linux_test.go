package listener_test

// Benchmarks are for Linux alone: under Wine nothing is measured.

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/listener"
)

// A parkBench is a server whose keep-alive connections' other ends are in
// another process, and this process's CPU time for their requests.
type parkBench struct {
	name    string
	clients *clients
	park    *listener.ParkListener // nil without
}

// benchServer starts one: on std's listener, ours, or ours with parking.
func benchServer(b *testing.B, name string, conns int, opts ...listener.ParkOption) *parkBench {
	srv := &http.Server{Handler: echoPath}
	var ln net.Listener
	var err error
	if name == "std" {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	} else {
		ln, err = listener.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		b.Fatal(err)
	}
	s := &parkBench{name: name}
	if opts != nil {
		if ln, err = listener.Park(srv, ln, opts...); err != nil {
			b.Fatal(err)
		}
		s.park = ln.(*listener.ParkListener)
	}
	go srv.Serve(ln)
	b.Cleanup(func() { srv.Close() })
	s.clients = startClients(b, "http", ln.Addr().String(), conns)
	s.clients.round(b)
	return s
}

// run returns the CPU time, in nanoseconds, of so many bursts of requests on
// each connection, with a pause after each burst.
func (s *parkBench) run(b *testing.B, bursts, requests int, pause time.Duration) float64 {
	began := processTime(b)
	for range bursts {
		for range requests {
			s.clients.round(b)
		}
		time.Sleep(pause)
	}
	return float64(processTime(b) - began)
}

// takeTurns measures servers in turns, b.N times forth and back. It reports what
// a request costs on the first, and the medians of how much more CPU time the
// others take in the same turn.
func takeTurns(b *testing.B, bursts, requests, conns int, pause time.Duration, servers ...*parkBench) {
	more := make([][]float64, len(servers))
	var first []float64
	took := make([]float64, len(servers))
	b.ResetTimer()
	for range b.N {
		clear(took)
		for i := range 2 * len(servers) {
			i = min(i, 2*len(servers)-1-i)
			took[i] += servers[i].run(b, bursts, requests, pause)
		}
		first = append(first, took[0]/float64(2*bursts*requests*conns))
		for i := range servers {
			more[i] = append(more[i], 100*(took[i]/took[0]-1))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(first), "cpu-ns/request")
	for i, s := range servers[1:] {
		b.ReportMetric(median(more[i+1]), s.name+"-%-more")
	}
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return (of[len(of)/2] + of[(len(of)-1)/2]) / 2
}

// BenchmarkParkBusy shows what parking costs connections that are never parked,
// with a request on each at any time: ours without parking, with it, and std's.
func BenchmarkParkBusy(b *testing.B) {
	for _, conns := range []int{64, 1000} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			takeTurns(b, 1, 6400/conns, conns, 0, benchServer(b, "unparked", conns),
				benchServer(b, "busy", conns, listener.Grace(5*time.Second)), benchServer(b, "std", conns))
		})
	}
}

// BenchmarkParkAlternating shows what parking costs connections that are parked
// after each burst of so many requests, beside others that pause for as long.
func BenchmarkParkAlternating(b *testing.B) {
	const conns, grace = 200, 40 * time.Millisecond
	for _, requests := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(requests), func(b *testing.B) {
			bursts := max(8/requests, 1)
			parked := benchServer(b, "parked", conns, listener.Grace(grace))
			takeTurns(b, bursts, requests, conns, 2*grace, benchServer(b, "unparked", conns), parked, benchServer(b, "std", conns))
			b.ReportMetric(float64(parked.park.Stats().Parks)/float64(2*conns*bursts*b.N), "parks/burst")
		})
	}
}

// BenchmarkParkEachTime shows the price of parking itself: connections that are
// parked after every request, without any grace.
func BenchmarkParkEachTime(b *testing.B) {
	const conns = 64
	takeTurns(b, 1, 6400/conns, conns, 0, benchServer(b, "unparked", conns), benchServer(b, "parked", conns, listener.Grace(0)))
}

// processTime returns the CPU time that the process has used, in nanoseconds.
func processTime(b *testing.B) int64 {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return ru.Utime.Nano() + ru.Stime.Nano()
}
