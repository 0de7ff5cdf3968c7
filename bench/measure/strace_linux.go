package measure

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Calls are system calls per request by name.
type Calls map[string]float64

// Total is the number of system calls per request.
func (c Calls) Total() float64 {
	total := 0.0
	for _, n := range c {
		total += n
	}
	return total
}

// ErrNoStrace says that system calls cannot be counted.
var ErrNoStrace = errors.New("strace is not installed (Debian package strace)")

// CountCalls runs a server under strace for a number of requests and returns
// its system calls per request. The server is quiet when strace attaches and
// when it leaves, so the calls are those of just these requests, and of what
// the runtime does by itself meanwhile. Tracing makes every call slow: calls
// that follow from time (nanosleep, futex, how many events a wait returns) are
// not what they are in a run at full speed; reads and writes are.
func (b Bench) CountCalls(ctx context.Context, serve ServerSpec, spec LoadSpec, requests int) (calls Calls, err error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, ErrNoStrace
	}
	s, err := b.StartServer(ctx, serve)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	client, err := b.StartClient(ctx, s, spec, requests)
	if err != nil {
		return nil, err
	}
	summary, err := traced(ctx, strace, s.PID(), func() error { return client.Requests(requests) })
	if err = errors.Join(err, client.Stop()); err != nil {
		return nil, err
	}
	return parseSummary(summary, requests)
}

// traced returns the summary of what process pid calls while work runs.
func traced(ctx context.Context, strace string, pid int, work func() error) ([]byte, error) {
	cmd := exec.CommandContext(ctx, strace, "-f", "-c", "-p", strconv.Itoa(pid))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stderr)
	// Once all threads are attached it says so. Then it prints nothing but
	// new threads until it is interrupted, and the summary after that.
	first, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(first, "attached") {
		return nil, errors.Join(fmt.Errorf("strace: %s", strings.TrimSpace(first)), cmd.Process.Kill(), cmd.Wait())
	}
	workErr := work()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return nil, errors.Join(workErr, err, cmd.Wait())
	}
	summary := new(bytes.Buffer)
	_, err = lines.WriteTo(summary)
	// The exit status tells that it was interrupted, which it was meant to be.
	var exit *exec.ExitError
	if wait := cmd.Wait(); !errors.As(wait, &exit) {
		err = errors.Join(err, wait)
	}
	return summary.Bytes(), errors.Join(workErr, err)
}

// parseSummary reads the table of strace -c: its fourth column is the number
// of calls, the last one the name; the column of errors before it may be
// blank.
func parseSummary(summary []byte, requests int) (Calls, error) {
	calls := Calls{}
	for line := range bytes.Lines(summary) {
		fields := strings.Fields(string(line))
		if len(fields) != 5 && len(fields) != 6 {
			continue
		}
		name := fields[len(fields)-1]
		n, err := strconv.Atoi(fields[3])
		if err != nil || name == "total" {
			continue
		}
		calls[name] += float64(n) / float64(requests)
	}
	if len(calls) == 0 {
		return nil, fmt.Errorf("strace counted no calls: %s", bytes.TrimSpace(summary))
	}
	return calls, nil
}

// String lists the calls, the most frequent first; what comes to less than
// one in a hundred requests is left out.
func (c Calls) String() string {
	names := slices.SortedFunc(maps.Keys(c), func(x, y string) int {
		return cmp.Or(cmp.Compare(c[y], c[x]), strings.Compare(x, y))
	})
	var list []string
	for _, name := range names {
		if c[name] >= .01 {
			list = append(list, fmt.Sprintf("%s %.2f", name, c[name]))
		}
	}
	return strings.Join(list, ", ")
}
