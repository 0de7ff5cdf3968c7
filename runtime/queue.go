package runtime

import (
	"sync"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// A job is something to be run on a loop. It is also how a side knows whom to
// tell: see waiter.go.
type job struct {
	next *job
	to   any // a *Notice, a Watcher or a func()
}

func (j *job) run() {
	switch to := j.to.(type) {
	case *Notice:
		to.run()
	case func():
		to()
	case Watcher:
		to.Wake()
	}
}

// A queue holds the jobs that other goroutines have for a loop, in order. The
// first one sets a registration, which wakes the loop.
type queue struct {
	mu          sync.Mutex
	first, last *job
	ended       bool // the loop has: jobs run where they come from
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
		j.run()
		return
	}
	j.next = nil
	if q.last != nil {
		q.last.next = j
		q.last = j
		q.mu.Unlock()
		return
	}
	q.first, q.last = j, j
	q.mu.Unlock()
	q.signal.Set(netpoll.Readable) // fails when the loop is ending, which runs j too
}

// run runs the jobs that were queued when it is called; those that they queue
// come with the next turn.
func (q *queue) run() {
	q.mu.Lock()
	j := q.first
	q.first, q.last = nil, nil
	q.mu.Unlock()
	for j != nil {
		next := j.next // it may be queued again by what it runs
		j.next = nil
		j.run()
		j = next
	}
}

// end runs what is left. From then on jobs run where they are posted.
func (q *queue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.run()
}

// Post arranges for f to be called on the loop, after everything that was
// posted before. It may be called from any goroutine and does not wait. f must
// not block: all FDs of the loop wait for it. On a loop that has ended f is
// called at once.
func (l *Loop) Post(f func()) { l.queue.post(&job{to: f}) }

func (l *Loop) post(j *job) {
	if n, ok := j.to.(*Notice); ok {
		n.enqueue()
	}
	l.queue.post(j)
}
