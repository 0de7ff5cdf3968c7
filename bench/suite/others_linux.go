package suite

import (
	"fmt"
	"time"

	"github.com/moor-net/moor/bench/server"
)

// The names of cases that bars refer to.
const (
	churnName    = "connect, echo 64 B, close; 8 at once, one core"
	http64Name   = "HTTP, 64 connections, one core"
	http1000Name = "HTTP, 1,000 connections, one core"
	tlsName      = "HTTPS, 64 connections, one core"
	setName      = "SetReadDeadline on an idle connection"
	deadlineName = "echo of 64 B with a deadline for every read, 64 connections, one core"
	wakeupName   = "2,000 requests a second on 64 connections, one core"
	restName     = "1,000 idle connections, one core"
	// TailName is the case with idle connections beside busy ones.
	TailName    = "10,000 requests a second on 64 connections beside 10,000 idle ones, 2 cores"
	computeName = "echo of 64 B, 64 connections, two goroutines computing, one core"
	sleepyName  = "echo of 64 B, 1,000 connections, a tenth of the handlers sleep, 2 cores"
	settledName = "echo of 64 B, 1,000 connections, a tenth of the handlers sleep, after three seconds, 2 cores"
)

// churnCases count a connection as a request.
func churnCases(Plan) []Case {
	return []Case{{
		Name: churnName, Protocol: server.Echo, Conns: 8, Size: 64, Churn: true,
		Figures: []string{"cpu_us", "rate", "p50_us", "p99_us"},
	}}
}

func httpCases(Plan) []Case {
	return []Case{
		{Name: http64Name, Protocol: server.HTTP, Conns: 64, Figures: loadFigures},
		{Name: http1000Name, Protocol: server.HTTP, Conns: 1000, Figures: loadFigures},
	}
}

// neverIdleName is the case in which parking is for nothing.
func neverIdleName(conns int) string {
	return "HTTP, " + Connections(conns) + " that are never idle, with parking and without, one core"
}

// alternateName is the case in which connections are parked over and over.
func alternateName(burst int) string {
	return fmt.Sprintf("HTTP, 64 connections that alternate between idle and bursts of %d, one core", burst)
}

// parkCases say what parking costs: connections that are never idle for as long
// as the grace period, and others for which it is 10 ms, and which are idle for
// some 60 ms after so many requests in a row. Differences of a per cent take
// many rounds, of short turns so that both sides of each see the same machine.
func parkCases(plan Plan) []Case {
	c := Case{
		Protocol: server.HTTP, Servers: []string{"moor", "park"}, Base: "moor", Figures: loadFigures,
		Rounds: choose(plan, 15, 31), Duration: 300 * time.Millisecond,
	}
	var cases []Case
	for _, conns := range []int{64, 1000} {
		c.Name, c.Conns = neverIdleName(conns), conns
		cases = append(cases, c)
	}
	c.Conns, c.Grace, c.Warmup = 64, 10*time.Millisecond, 150*time.Millisecond
	c.Rounds, c.Duration = choose(plan, 9, 31), 600*time.Millisecond
	for _, burst := range []int{20, 4, 1} {
		c.Name, c.Burst, c.Rate = alternateName(burst), burst, 1000*burst
		cases = append(cases, c)
	}
	return cases
}

func tlsCases(Plan) []Case {
	return []Case{{
		Name: tlsName, Protocol: server.HTTPS, Conns: 64, Figures: loadFigures,
		Warmup: 300 * time.Millisecond, Duration: 600 * time.Millisecond,
	}}
}

func deadlineCases(Plan) []Case {
	return []Case{
		{Name: setName, Protocol: server.Deadline, Servers: []string{"moor", "std"}, run: setDeadline, Figures: []string{"ns"}},
		{Name: deadlineName, Protocol: server.Deadline, Conns: 64, Size: 64, Figures: loadFigures},
	}
}

func wakeupCases(Plan) []Case {
	return []Case{
		{
			Name: wakeupName, Protocol: server.Echo, Conns: 64, Size: 64, Rate: 2000, Duration: 600 * time.Millisecond,
			Figures: []string{"switches", "cpu_us", "p50_us", "p99_us"},
		},
		{
			Name: restName, Protocol: server.Echo, Conns: 1000, Size: 64, Rounds: 1, Duration: time.Second, run: atRest,
			Figures: []string{"switches_s", "cpu_ms_s"},
		},
	}
}

// tailCases leave the client's timers precise and the server's load moderate:
// what is late, is late by the server's doing, or because both share CPUs.
func tailCases(plan Plan) []Case {
	return []Case{{
		Name: TailName, Protocol: server.Echo, Cores: 2, Conns: 64, Background: 10000, Size: 64, Rate: 10000,
		Warmup: 200 * time.Millisecond, Duration: choose(plan, time.Second, 3*time.Second),
		Figures: []string{"p99_us", "p50_us", "p90_us", "p999_us", "max_us", "cpu_us"},
	}}
}

func computeCases(plan Plan) []Case {
	return []Case{
		{
			Name: computeName, Protocol: server.Echo, Conns: 64, Size: 64, Hogs: 2,
			Servers: inProcess(server.Echo), Duration: time.Second, Warmup: 300 * time.Millisecond,
			Figures: []string{"rate", "p50_us", "p99_us"},
		},
		{
			// Coroutine mode finds out in this time who blocks.
			Name: sleepyName, Protocol: server.Sleepy, Cores: 2, Conns: 1000, Size: 64, Duration: time.Second,
			Warmup: 300 * time.Millisecond, Figures: []string{"p99_us", "p50_us", "rate"},
		},
		{
			Name: settledName, Protocol: server.Sleepy, Cores: 2, Conns: 1000, Size: 64, Duration: time.Second,
			Warmup: 3 * time.Second, Figures: []string{"p99_us", "p50_us", "rate"},
		},
	}
}

// inProcess names the servers of this program that speak p.
func inProcess(p server.Protocol) []string {
	var names []string
	for _, name := range server.Names() {
		if s, err := server.Lookup(name); err == nil && s.Start[p] != nil {
			names = append(names, name)
		}
	}
	return names
}

func transferCases(Plan) []Case {
	var cases []Case
	for _, p := range []server.Protocol{server.Plain, server.SendFile, server.Splice} {
		cases = append(cases, Case{
			Name: transferName(p), Protocol: p, Conns: 1, run: transferring,
			Figures: []string{"cpu_us_mib", "mib_s"},
		})
	}
	return cases
}

func transferName(p server.Protocol) string {
	switch p {
	case server.SendFile:
		return "a file to one connection (sendfile), one core"
	case server.Splice:
		return "from one connection to another (splice), one core"
	}
	return "memory to one connection (write), one core"
}
