// Package pool runs tasks that may block on a bounded number of goroutines. It
// is a runtime.Pool, for servers of package listener and for whoever else has
// tasks, over the worker goroutines of github.com/panjf2000/ants.
//
// It is a package of its own because importing ants starts two goroutines: a
// program that needs no pool has none of that.
package pool

import (
	"context"
	"errors"
	"log"
	"net"
	goruntime "runtime"
	"runtime/debug"
	"sync"

	"github.com/panjf2000/ants/v2"

	"github.com/moor-net/moor/runtime"
)

// Config says how a Pool is made. The zero Config is the default.
type Config struct {
	// Size is how many tasks run at the same time; 256 for each CPU that
	// GOMAXPROCS allows when zero. Goroutines are started when they are
	// needed and end when they have had nothing to do for a second or two.
	Size int
	// Queue is how many tasks may wait for a goroutine before the pool is
	// full; four times Size when zero, none when negative.
	Queue int
	// Panic is told of tasks that panic; log.Printf when nil.
	Panic func(value any, stack []byte)
}

// A Pool runs tasks. Its methods may be called from any goroutine. Any number
// of servers may share one.
type Pool struct {
	workers *ants.PoolWithFuncGeneric[runtime.Task]
	config  Config

	mu      sync.Mutex
	queue   []runtime.Task // queue[head:] wait, oldest first
	head    int
	running int
	closed  bool
	room    chan struct{} // closed when there is; nil if nobody has asked
	empty   chan struct{} // closed when nothing runs any more after Shutdown

	done, refused, delayed, panics uint64
}

// Stats are a Pool's figures at one moment.
type Stats struct {
	Size    int    // of the pool
	Running int    // tasks that run
	Waiting int    // tasks that wait
	Done    uint64 // tasks that have ended
	Refused uint64 // calls of Submit that found the pool full
	Delayed uint64 // calls of Go that found the pool full
	Panics  uint64 // tasks that panicked
}

// ErrFull is returned by Submit when as many tasks wait as may.
var ErrFull = errors.New("pool: full")

// open is the channel of a Pool that has room.
var open = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// New makes a Pool. The caller ends it with Shutdown.
func New(config Config) (*Pool, error) {
	if config.Size <= 0 {
		config.Size = 256 * goruntime.GOMAXPROCS(0)
	}
	switch {
	case config.Queue == 0:
		config.Queue = 4 * config.Size
	case config.Queue < 0:
		config.Queue = 0
	}
	p := &Pool{config: config, empty: make(chan struct{})}
	var err error
	// The bound is p's own: ants would make callers wait.
	p.workers, err = ants.NewPoolWithFuncGeneric(-1, p.work)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Go implements runtime.Pool: it runs t when a goroutine is free, after all
// tasks that wait already, and does not wait itself. It takes tasks beyond the
// queue's bound too. After Shutdown t runs on a goroutine of its own.
func (p *Pool) Go(t runtime.Task) { p.add(t, true) }

// Submit is Go for tasks that may be refused: it returns ErrFull if as many
// wait as may, and net.ErrClosed after Shutdown.
func (p *Pool) Submit(t runtime.Task) error { return p.add(t, false) }

func (p *Pool) add(t runtime.Task, always bool) error {
	p.mu.Lock()
	full := p.waiting() >= p.config.Queue
	switch {
	case p.closed && !always:
		p.mu.Unlock()
		return net.ErrClosed
	case p.closed:
		p.mu.Unlock()
		go p.do(t)
	case p.running < p.config.Size:
		p.running++
		p.mu.Unlock()
		p.start(t)
	case full && !always:
		p.refused++
		p.mu.Unlock()
		return ErrFull
	default:
		if full {
			p.delayed++
		}
		p.push(t)
		p.mu.Unlock()
	}
	return nil
}

// waiting returns the number of tasks that wait. p.mu is held.
func (p *Pool) waiting() int { return len(p.queue) - p.head }

// push puts t behind all others. p.mu is held.
func (p *Pool) push(t runtime.Task) {
	if p.head > 0 && len(p.queue) == cap(p.queue) {
		n := copy(p.queue, p.queue[p.head:])
		clear(p.queue[n:])
		p.queue, p.head = p.queue[:n], 0
	}
	p.queue = append(p.queue, t)
}

// start gives t to a goroutine; it counts as running already.
func (p *Pool) start(t runtime.Task) {
	if p.workers.Invoke(t) != nil {
		go p.work(t)
	}
}

// work is what a goroutine does: t, and then whatever waits.
func (p *Pool) work(t runtime.Task) {
	ended := false
	defer func() {
		if ended {
			return
		}
		// The task called runtime.Goexit.
		if t := p.next(); t != nil {
			p.start(t)
		}
	}()
	for t != nil {
		p.do(t)
		t = p.next()
	}
	ended = true
}

// next returns the oldest task that waits. When it returns nil the caller no
// longer counts as running.
func (p *Pool) next() runtime.Task {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.waiting() == 0 {
		p.queue, p.head = nil, 0
		p.running--
		if p.closed && p.running == 0 {
			close(p.empty)
		}
		return nil
	}
	t := p.queue[p.head]
	p.queue[p.head] = nil
	p.head++
	if p.room != nil && p.waiting() <= p.config.Queue {
		close(p.room)
		p.room = nil
	}
	return t
}

// do runs t.
func (p *Pool) do(t runtime.Task) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		p.mu.Lock()
		p.panics++
		p.mu.Unlock()
		if p.config.Panic != nil {
			p.config.Panic(v, debug.Stack())
		} else {
			log.Printf("pool: panic: %v\n%s", v, debug.Stack())
		}
	}()
	t.Run()
}

// Room implements runtime.Pool: the channel it returns is closed while no more
// tasks wait than may.
func (p *Pool) Room() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting() <= p.config.Queue {
		return open
	}
	if p.room == nil {
		p.room = make(chan struct{})
	}
	return p.room
}

// Shutdown makes Submit refuse everything, waits until no task runs or waits,
// and ends the goroutines. When ctx ends first it returns ctx's error, and the
// goroutines end when their tasks do. A second call returns net.ErrClosed.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return net.ErrClosed
	}
	p.closed = true
	if p.running == 0 {
		close(p.empty)
	}
	p.mu.Unlock()
	defer p.workers.Release()
	select {
	case <-p.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats returns the pool's figures.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Size: p.config.Size, Running: p.running, Waiting: p.waiting(),
		Done: p.done, Refused: p.refused, Delayed: p.delayed, Panics: p.panics}
}

var _ runtime.Pool = (*Pool)(nil)
