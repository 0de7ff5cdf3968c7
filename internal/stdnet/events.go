package stdnet

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
)

// Outcome is how a test ended.
type Outcome int

// The outcomes, from best to worst: of a test that ran more than once, the
// worst counts.
const (
	None  Outcome = iota // it did not run
	Pass                 // it passed
	Skip                 // it skipped itself
	Fail                 // it failed
	Crash                // the process ended in the middle of it
	Lost                 // it does not compile
)

// String returns the word for the outcome.
func (o Outcome) String() string {
	return [...]string{"-", "pass", "skip", "FAIL", "CRASH", "LOST"}[o]
}

// Result is a test's outcome with what it printed.
type Result struct {
	Outcome Outcome
	Output  string
}

// Results holds the outcomes of tests and subtests by their full names.
type Results map[string]Result

// add takes in another outcome of a test.
func (r Results) add(name string, res Result) {
	if old, ok := r[name]; !ok || res.Outcome > old.Outcome {
		r[name] = res
	}
}

// testEvent is one record of `go test -json`, as far as it is used.
type testEvent struct {
	Action string
	Test   string
	Output string
}

// log follows the events of one test process.
type eventLog struct {
	results Results
	// started and paused tell the tests that have begun and not ended; order
	// keeps the top-level ones in the order they began.
	started map[string]bool
	paused  map[string]bool
	output  map[string]*strings.Builder
	// other is what was printed outside of all tests, build errors included.
	other strings.Builder
	// ended is set when the package itself has ended.
	ended bool
	// failed is set when it ended in failure.
	failed bool
}

// maxOutput bounds what is kept of one test's output.
const maxOutput = 64 << 10

// readEvents follows the events until the stream ends.
func readEvents(r io.Reader) (*eventLog, error) {
	log := &eventLog{
		results: make(Results),
		started: make(map[string]bool),
		paused:  make(map[string]bool),
		output:  make(map[string]*strings.Builder),
	}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var ev testEvent
		if err := json.Unmarshal(scanner.Bytes(), &ev); err != nil {
			log.print("", scanner.Text()+"\n")
			continue
		}
		log.take(ev)
	}
	return log, scanner.Err()
}

// take handles one event.
func (log *eventLog) take(ev testEvent) {
	switch ev.Action {
	case "output", "build-output":
		log.print(ev.Test, ev.Output)
		return
	case "run", "cont":
		log.started[ev.Test] = true
		delete(log.paused, ev.Test)
		return
	case "pause":
		log.paused[ev.Test] = true
		return
	}
	var outcome Outcome
	switch ev.Action {
	case "pass":
		outcome = Pass
	case "skip":
		outcome = Skip
	case "fail":
		outcome = Fail
	default:
		return
	}
	if ev.Test == "" {
		log.ended, log.failed = true, outcome == Fail
		return
	}
	delete(log.started, ev.Test)
	delete(log.paused, ev.Test)
	res := Result{Outcome: outcome}
	if b := log.output[ev.Test]; b != nil {
		res.Output = b.String()
	}
	delete(log.output, ev.Test)
	log.results.add(ev.Test, res)
}

// print keeps what a test printed.
func (log *eventLog) print(test, text string) {
	b := &log.other
	if test != "" {
		if log.output[test] == nil {
			log.output[test] = new(strings.Builder)
		}
		b = log.output[test]
	}
	if b.Len() < maxOutput {
		b.WriteString(text)
	}
}
