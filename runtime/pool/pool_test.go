package pool_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/moor-net/moor/runtime/pool"
)

// task is a function as a runtime.Task.
type task func()

func (t task) Run() { t() }

func TestTasksRunBoundedAndNoneIsLost(t *testing.T) {
	const size, tasks = 4, 10000
	p, err := pool.New(pool.Config{Size: size, Queue: 10})
	if err != nil {
		t.Fatal(err)
	}
	var running, most, ran atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range tasks / 4 {
				p.Go(task(func() {
					n := running.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					runtime.Gosched()
					running.Add(-1)
					ran.Add(1)
				}))
			}
		})
	}
	wg.Wait()
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ran.Load() != tasks || most.Load() > size {
		t.Errorf("%d of %d tasks ran, at most %d at the same time", ran.Load(), tasks, most.Load())
	}
	if st := p.Stats(); st.Running != 0 || st.Waiting != 0 || st.Done != tasks {
		t.Errorf("%+v", st)
	}
}

// fill occupies the only goroutine of p until release is closed.
func fill(p *pool.Pool, release chan struct{}) {
	started := make(chan struct{})
	p.Go(task(func() { close(started); <-release }))
	<-started
}

func TestFullPoolRefusesSubmitAndKeepsGo(t *testing.T) {
	p, err := pool.New(pool.Config{Size: 1, Queue: 2})
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	fill(p, release)
	var order []int
	for i := range 2 {
		if err := p.Submit(task(func() { order = append(order, i) })); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Submit(task(func() {})); err != pool.ErrFull {
		t.Errorf("Submit to a full pool: %v", err)
	}
	<-p.Room() // as many wait as may
	p.Go(task(func() { order = append(order, 2) }))
	room := p.Room()
	select {
	case <-room:
		t.Error("there is room although more wait than may")
	default:
	}
	if st := p.Stats(); st.Waiting != 3 || st.Refused != 1 || st.Delayed != 1 || st.Running != 1 || st.Size != 1 {
		t.Errorf("%+v", st)
	}
	close(release)
	<-room
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
		t.Errorf("order %v", order)
	}
}

func TestPanicAndGoexitEndTheirTaskAlone(t *testing.T) {
	values := make(chan any, 1)
	p, err := pool.New(pool.Config{Size: 1, Panic: func(v any, stack []byte) { values <- v }})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan struct{})
	p.Go(task(func() { panic("value") }))
	p.Go(task(runtime.Goexit))
	p.Go(task(func() { close(ran) }))
	<-ran
	if v := <-values; v != "value" {
		t.Errorf("Panic was told %v", v)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := p.Stats(); st.Panics != 1 || st.Done != 3 || st.Running != 0 {
		t.Errorf("%+v", st)
	}
}

func TestShutdownRefusesSubmitAndRunsGo(t *testing.T) {
	p, err := pool.New(pool.Config{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	fill(p, release)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown: %v", err)
	}
	if err := p.Shutdown(ctx); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Shutdown: %v", err)
	}
	if err := p.Submit(task(func() {})); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Submit: %v", err)
	}
	ran := make(chan struct{})
	p.Go(task(func() { close(ran) }))
	<-ran
	close(release)
}
