package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/moor-net/moor/bench/load"
)

// tick is the unit of proc_stat(5) on every Linux architecture Go runs on.
const tick = time.Second / 100

// A state is how far a server's opening has come, and what it has taken so far.
type state struct {
	at     time.Time
	conns  int // established, both ends counted as one
	free   int64
	rss    int64         // the server's
	user   time.Duration // of all processes
	kernel time.Duration // theirs, and interrupts
	server [2]time.Duration
}

// watch prints every so often how many connections there are and what opened
// them, until ctx ends. It reads what the kernel counts anyway, so that neither
// server nor client has a part in it.
func watch(ctx context.Context, w io.Writer, pid int, every time.Duration) {
	last, err := look(pid)
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		var now state
		if now, err = look(pid); err == nil {
			fmt.Fprintf(w, "%s\n", now.since(last))
			last = now
		}
	}
	fmt.Fprintf(w, "no more progress will be shown: %v\n", err)
}

func look(pid int) (s state, err error) {
	s.at = time.Now()
	var failed [5]error
	s.conns, failed[0] = field("/proc/net/sockstat", "TCP: inuse ")
	s.conns /= 2
	s.free, failed[1] = load.Memory("MemFree")
	columns, err := numbers("/proc/stat", "cpu ")
	if failed[2] = err; err == nil && len(columns) > 6 {
		s.user = time.Duration(columns[0]+columns[1]) * tick
		s.kernel = time.Duration(columns[2]+columns[5]+columns[6]) * tick
	}
	// The name, in brackets, is the only column that is no number; user and
	// system time are the twelfth and thirteenth after it (proc_pid_stat(5)).
	columns, err = numbers(fmt.Sprintf("/proc/%d/stat", pid), ") ")
	if failed[3] = err; err == nil && len(columns) > 12 {
		s.server = [2]time.Duration{time.Duration(columns[11]) * tick, time.Duration(columns[12]) * tick}
	}
	kib, err := field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
	s.rss, failed[4] = int64(kib)<<10, err
	return s, errors.Join(failed[:]...)
}

// since says what has come about after an earlier state.
func (s state) since(last state) string {
	wall := s.at.Sub(last.at)
	share := func(now, before time.Duration) float64 { return 100 * float64(now-before) / float64(wall) }
	return fmt.Sprintf("%d connections, %.0f a second; user %.0f %%, kernel %.0f %% of one CPU, of these the server %.0f and %.0f; it has %d MB, %d MB are free",
		s.conns, float64(s.conns-last.conns)/wall.Seconds(), share(s.user, last.user), share(s.kernel, last.kernel),
		share(s.server[0], last.server[0]), share(s.server[1], last.server[1]), s.rss/1e6, s.free/1e6)
}

// field is the number that follows prefix.
func field(file, prefix string) (int, error) {
	all, err := numbers(file, prefix)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s has nothing after %q", file, prefix)
	}
	if err != nil {
		return 0, err
	}
	return int(all[0]), nil
}

// numbers are those that follow prefix on its line; words among them count as 0.
func numbers(file, prefix string) ([]int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, rest, _ := bytes.Cut(text, []byte(prefix))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	var all []int64
	for _, word := range bytes.Fields(line) {
		n, _ := strconv.ParseInt(string(word), 10, 64)
		all = append(all, n)
	}
	return all, nil
}
