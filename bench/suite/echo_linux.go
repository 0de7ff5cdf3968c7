package suite

import (
	"fmt"
	"slices"

	"github.com/moor-net/moor/bench/server"
)

// loadFigures are what is shown of a server under load.
var loadFigures = []string{"cpu_us", "rate", "p50_us", "p99_us", "load"}

// mostOnTheWay is how many bytes all connections together may have on their way:
// with more, it is the kernel's limits for sockets that would be measured.
const mostOnTheWay = 200_000_000

// barServers are those that echo's bars are about.
var barServers = []string{"c-epoll", "coroutine", "event", "moor", "std"}

// echoCases go along each axis from 64 connections with 64 bytes; a full run
// has all combinations on one core. With two cores a quick run compares all
// servers where most differ, and elsewhere those that have bars.
func echoCases(plan Plan) []Case {
	conns, sizes, depths := []int{1, 8, 64, 1000, 10000}, []int{64, 1024, 16384}, []int{1, 16}
	cross := plan.Full
	if len(plan.Conns)+len(plan.Sizes)+len(plan.Depths) > 0 {
		conns, sizes, depths, cross = or(plan.Conns, 64), or(plan.Sizes, 64), or(plan.Depths, 1), true
	}
	var cases []Case
	for _, size := range sizes {
		for _, depth := range depths {
			for _, n := range conns {
				along := depth == 1 && (size == 64 || n == 64 || size == 1024 && n == 1000) || size == 64 && n == 64
				if n*size*depth > mostOnTheWay {
					continue
				}
				if cross || along {
					cases = append(cases, echoCase(plan, n, size, depth, 1))
				}
			}
		}
	}
	if plan.Cores > 1 || len(plan.Conns) == 0 {
		for _, n := range conns {
			c := echoCase(plan, n, sizes[0], depths[0], max(plan.Cores, 2))
			if !cross && n != 64 && n != 1000 {
				c.Servers = barServers
			}
			cases = append(cases, c)
		}
	}
	return cases
}

func or(values []int, other int) []int {
	if len(values) == 0 {
		return []int{other}
	}
	return values
}

// echoCase has fewer rounds where there is no bar to meet.
func echoCase(plan Plan, conns, size, depth, n int) Case {
	c := Case{
		Name:     EchoName(conns, size, depth, n),
		Protocol: server.Echo,
		Cores:    n,
		Conns:    conns,
		Size:     size,
		Depth:    depth,
		// A server that reads a large message in one piece does well; all are
		// given the same.
		Buf:     max(4096, size),
		Figures: slices.Clone(loadFigures),
	}
	if plan.Full && (size > 1024 || depth > 1) {
		c.Rounds = 3
	}
	if size == 64 && depth == 1 && n == 1 && conns <= 1000 && (plan.Full || conns == 64) {
		c.Calls = 2000
		c.Figures = append(c.Figures, "calls")
	}
	return c
}

// EchoName is the name of the case with so many connections, bytes, requests at
// once and cores.
func EchoName(conns, size, depth, n int) string {
	name := fmt.Sprintf("echo of %s, %s, %s", bytes(size), Connections(conns), cores(n))
	if depth > 1 {
		name += fmt.Sprintf(", %d at once", depth)
	}
	return name
}
