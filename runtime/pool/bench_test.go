package pool_test

import (
	"sync"
	"testing"

	"github.com/moor-net/moor/runtime/pool"
)

// counted is a task that is one object for all its runs.
type counted struct{ wg sync.WaitGroup }

func (c *counted) Run() { c.wg.Done() }

func BenchmarkGo(b *testing.B) {
	for name, size := range map[string]int{"one": 1, "many": 64} {
		b.Run(name, func(b *testing.B) {
			p, err := pool.New(pool.Config{Size: size})
			if err != nil {
				b.Fatal(err)
			}
			var c counted
			b.ReportAllocs()
			for b.Loop() {
				c.wg.Add(1)
				p.Go(&c)
				c.wg.Wait()
			}
			if err := p.Shutdown(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// A task of a connection that is served over and over makes no garbage.
func TestTasksDoNotAllocate(t *testing.T) {
	p, err := pool.New(pool.Config{Size: 4})
	if err != nil {
		t.Fatal(err)
	}
	var c counted
	run := func() {
		c.wg.Add(1)
		p.Go(&c)
		c.wg.Wait()
	}
	for range 100 {
		run() // workers are started
	}
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}
