package registration_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// A traced process tells where it is by closing descriptors that cannot be.
const (
	awakeBegins  = -1001
	awakeEnds    = -1002
	asleepBegins = -1003
	asleepEnds   = -1004
)

// A Set makes no system call while the poller is awake, and one wakes it.
func TestSystemCallsOfSet(t *testing.T) {
	if os.Getenv("MOOR_TRACED") != "" {
		makeTracedSets(t)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("strace is missing (Debian package strace): %v", err)
	}
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(strace, "-f", exe, "-test.run=^TestSystemCallsOfSet$")
	// The scheduler interrupts a thread by a signal; that is no call of Set.
	cmd.Env = append(os.Environ(), "MOOR_TRACED=1", "GODEBUG=asyncpreemptoff=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "PTRACE") {
			t.Skipf("processes may not be traced here: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	if calls := between(t, string(out), awakeBegins, awakeEnds); fewest(calls) > 0 {
		t.Errorf("system calls of Sets while the poller is awake: %q", calls)
	}
	if calls := between(t, string(out), asleepBegins, asleepEnds); fewest(calls) > 1 {
		t.Errorf("system calls of Sets that wake the poller: %q", calls)
	}
}

// fewest returns the least number of calls. Go's scheduler makes some of its
// own now and then: it takes the thread away, or starts another.
func fewest(all [][]string) int {
	n := len(all[0])
	for _, calls := range all {
		n = min(n, len(calls))
	}
	return n
}

// between returns what the thread that closed the descriptor from called until
// it closed the descriptor to, each time that it did.
func between(t *testing.T, trace string, from, to int) (all [][]string) {
	t.Helper()
	call := regexp.MustCompile(`^\[pid +(\d+)\] (\w+)\((-?\w*)`)
	calls, thread := []string{}, ""
	for line := range strings.Lines(trace) {
		m := call.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[2] == "close" && m[3] == fmt.Sprint(from):
			thread = m[1]
		case m[2] == "close" && m[3] == fmt.Sprint(to):
			all = append(all, calls)
			calls, thread = []string{}, ""
		case m[1] == thread:
			calls = append(calls, m[2])
		}
	}
	if len(all) == 0 {
		t.Fatalf("no marks in the trace:\n%s", trace)
	}
	return all
}

func makeTracedSets(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	debug.SetGCPercent(-1)
	const sources, rounds = 256, 20
	p := newPoller(t, sources)
	r, sets := p.sets(sources, edge)
	for range rounds {
		unix.Close(awakeBegins)
		for range 2 {
			for _, s := range sets {
				s.Set(R)
			}
		}
		unix.Close(awakeEnds)
		if got := p.poll(0); len(got) != sources {
			t.Errorf("%d events of %d", len(got), sources)
		}
	}

	polled := make(chan int)
	go func() {
		events := netpoll.NewEvents(sources)
		for range rounds {
			n, _ := p.Poll.Poll(events, -1)
			polled <- n
		}
	}()
	for i := range rounds {
		time.Sleep(5 * time.Millisecond) // it is only likely that the poller sleeps then
		before := r.Wakeups()
		unix.Close(asleepBegins)
		sets[i].Set(R)
		unix.Close(asleepEnds)
		<-polled
		if n := r.Wakeups() - before; n > 1 {
			t.Errorf("%d wake-ups for one Set", n)
		}
	}
	if n := r.Wakeups(); n == 0 {
		t.Error("the poller never slept")
	}
}
