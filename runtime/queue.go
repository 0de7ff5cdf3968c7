package runtime

import (
	"sync"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// A job is something to be run on a loop. It is also how a side knows whom to
// tell: see waiter.go.
type job struct {
	next *job
	to   Watcher // a *coroutine, a *noticeJob, a jobFunc, or a Watch's
}

func (j *job) run() { j.to.Wake() }

// A jobFunc is a function as a job.
type jobFunc func()

// Wake implements Watcher.
func (f jobFunc) Wake() { f() }

// A queue holds the jobs that other goroutines have for a loop, in order. The
// first one sets a registration, which wakes the loop.
type queue struct {
	mu          sync.Mutex
	first, last *job
	since       int64  // when first was posted, or one before it
	queued      int64  // jobs in the queue
	posted      uint64 // jobs that ever were
	ended       bool   // the loop has: jobs run where they come from
	source      *registration.Registration
	signal      *registration.SetReadiness
}

// init registers the queue with the loop's Poll.
func (q *queue) init(p *netpoll.Poll) error {
	q.source, q.signal = registration.New()
	return p.Register(q.source, queueToken, netpoll.Readable, netpoll.Edge)
}

// post queues j, which is in no queue.
func (q *queue) post(j *job) {
	q.mu.Lock()
	if q.ended {
		q.mu.Unlock()
		if co, ok := j.to.(*coroutine); ok {
			go co.alone() // there is no driver
		} else {
			j.run()
		}
		return
	}
	j.next = nil
	q.queued++
	q.posted++
	if q.last != nil {
		q.last.next = j
		q.last = j
		q.mu.Unlock()
		return
	}
	q.first, q.last = j, j
	q.since = mono.Now()
	q.mu.Unlock()
	q.signal.Set(netpoll.Readable) // fails when the loop is ending, which runs j too
}

// jobsPerTurn bounds the jobs of a turn: events come between them and the rest, and
// of these a turn has few.
const jobsPerTurn = 64

// run runs the jobs that were queued when it is called, up to jobsPerTurn; what
// they queue comes with the next turn, and so does the rest.
func (q *queue) run(m *meter) {
	q.mu.Lock()
	j, n := q.first, 0
	var last *job
	for next := j; next != nil && n < jobsPerTurn; next = next.next {
		last = next
		n++
	}
	if last == nil {
		q.mu.Unlock()
		return
	}
	rest := last.next
	last.next = nil
	if q.first = rest; rest == nil {
		q.last = nil
	}
	q.queued -= int64(n)
	since := q.since
	q.mu.Unlock()
	m.jobs(since)
	for j != nil {
		next := j.next // it may be queued again by what it runs
		j.next = nil
		j.run()
		j = next
	}
	if rest != nil {
		q.signal.Set(netpoll.Readable) // fails when the loop is ending, which runs the rest too
	}
}

// end runs what is left. From then on jobs run where they are posted.
func (q *queue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	var unused meter
	for queued, _ := q.counts(); queued > 0; queued, _ = q.counts() {
		q.run(&unused)
	}
}

// counts returns the number of jobs in the queue and of those that ever were.
func (q *queue) counts() (queued int64, posted uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.queued, q.posted
}

// Post arranges for f to be called on the loop, after everything that was
// posted before. It may be called from any goroutine and does not wait. f must
// not block: all FDs of the loop wait for it. On a loop that has ended f is
// called at once.
func (l *Loop) Post(f func()) { l.queue.post(&job{to: jobFunc(f)}) }

func (l *Loop) post(j *job) {
	if n, ok := j.to.(*noticeJob); ok {
		(*Notice)(n).enqueue()
	}
	l.queue.post(j)
}
