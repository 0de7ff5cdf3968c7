// Package simulate fills the library's own data structures with more entries
// than a machine has connections for: slots, deadlines and registrations, as
// they are in the library, with no kernel behind them.
package simulate

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/moor-net/moor/internal/slots"
	"github.com/moor-net/moor/internal/wheel"
	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// A Step is one operation, on each of the entries.
type Step struct {
	Structure, Operation string
	Each                 time.Duration
	// Bytes is the heap that an entry takes, 0 where nothing was added.
	Bytes float64
}

// Run does all steps with n entries and tells progress about each. An entry
// that is lost, found twice or late is an error.
func Run(n int, progress func(Step)) error {
	for _, structure := range []struct {
		name string
		run  func(*simulation) error
	}{{"slots", (*simulation).slots}, {"deadlines", (*simulation).deadlines}, {"registrations", (*simulation).registrations}} {
		s := &simulation{n: n, structure: structure.name, progress: progress, random: rand.New(rand.NewPCG(1, 2))}
		if err := structure.run(s); err != nil {
			return fmt.Errorf("%s: %w", structure.name, err)
		}
	}
	return nil
}

// Write prints steps as they are told to the function it returns; the other one
// ends the table.
func Write(w io.Writer) (step func(Step), end func() error) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "structure\toperation\tns each\tbytes each")
	return func(s Step) {
		size := ""
		if s.Bytes > 0 {
			size = fmt.Sprintf("%.0f", s.Bytes)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", s.Structure, s.Operation, s.Each.Nanoseconds(), size)
	}, t.Flush
}

type simulation struct {
	n         int
	structure string
	progress  func(Step)
	random    *rand.Rand
}

// step times work, which handles all entries.
func (s *simulation) step(operation string, work func() error) error {
	begin := time.Now()
	if err := work(); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	s.progress(Step{Structure: s.structure, Operation: operation, Each: time.Since(begin) / time.Duration(s.n)})
	return nil
}

// grow is step with the memory that it takes.
func (s *simulation) grow(operation string, work func() error) error {
	before := heap()
	begin := time.Now()
	if err := work(); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	took := time.Since(begin)
	s.progress(Step{s.structure, operation, took / time.Duration(s.n), (float64(heap()) - float64(before)) / float64(s.n)})
	return nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// slots is the table that finds a connection by the handle in its event.
func (s *simulation) slots() error {
	var table slots.Table[uint64]
	handles := make([]slots.Handle, s.n)
	find := func(i int) error {
		if v := table.Get(handles[i]); v == nil || *v != uint64(i) {
			return fmt.Errorf("entry %d is not at its handle", i)
		}
		return nil
	}
	return errors.Join(
		s.grow("take", func() error {
			for i := range handles {
				handles[i] = table.Take(func(_ slots.Handle, v *uint64) { *v = uint64(i) })
			}
			return nil
		}),
		s.step("find, in order", func() error {
			for i := range handles {
				if err := find(i); err != nil {
					return err
				}
			}
			return nil
		}),
		s.step("find, at random", func() error {
			for range handles {
				if err := find(s.random.IntN(s.n)); err != nil {
					return err
				}
			}
			return nil
		}),
		s.step("free and take again", func() error {
			for i, old := range handles {
				table.Free(old, func(v *uint64) { *v = 0 })
				handles[i] = table.Take(func(_ slots.Handle, v *uint64) { *v = uint64(i) })
				if table.Current(old) {
					return fmt.Errorf("the old handle of entry %d is still good", i)
				}
			}
			return nil
		}))
}

// span is over how long deadlines lie.
const span = 10 * time.Minute

// deadlines are in the wheel of one loop, on a clock that is moved by hand.
func (s *simulation) deadlines() error {
	var w wheel.Wheel[int]
	timers := make([]wheel.Timer[int], s.n)
	at := func() int64 { return 1 + s.random.Int64N(int64(span)) }
	return errors.Join(
		s.step("set", func() error {
			for i := range timers {
				w.Add(&timers[i], at())
			}
			return nil
		}),
		s.step("move", func() error {
			for i := range timers {
				w.Remove(&timers[i])
				w.Add(&timers[i], at())
			}
			return nil
		}),
		s.step("expire, a turn each millisecond", func() error {
			fired := 0
			var worst error
			for now := int64(0); now <= int64(span+time.Second); now += int64(time.Millisecond) {
				w.Expire(now, func(t *wheel.Timer[int]) {
					fired++
					if late := now - t.When(); late < 0 || late > int64(time.Millisecond)+wheel.Tick {
						worst = fmt.Errorf("a deadline fired %v after its moment", time.Duration(late))
					}
				})
			}
			if fired != s.n || w.Len() != 0 {
				return fmt.Errorf("%d deadlines of %d have fired", fired, s.n)
			}
			return worst
		}))
}

// sample is how many registrations are set at a time: as many connections as
// are busy at the same moment.
const sample = 1000

// registrations are sources in user space, all in one Poll.
func (s *simulation) registrations() error {
	poll, err := netpoll.New()
	if err != nil {
		return err
	}
	defer poll.Close()
	all := make([]*registration.Registration, s.n)
	setters := make([]*registration.SetReadiness, s.n)
	err = s.grow("make and register", func() error {
		for i := range all {
			all[i], setters[i] = registration.New()
			if err := poll.Register(all[i], netpoll.Token(i), netpoll.Readable, netpoll.Edge); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	events := netpoll.NewEvents(sample)
	return errors.Join(
		s.step(fmt.Sprintf("set %d at random, and poll", sample), func() error {
			for range max(1, s.n/sample) {
				if err := s.wake(poll, events, setters); err != nil {
					return err
				}
			}
			return nil
		}),
		s.step("close", func() error {
			for _, r := range all {
				if err := r.Close(); err != nil {
					return err
				}
			}
			return nil
		}))
}

// wake sets some registrations and expects exactly their events.
func (s *simulation) wake(poll *netpoll.Poll, events *netpoll.Events, setters []*registration.SetReadiness) error {
	expected := map[netpoll.Token]bool{}
	for range min(sample, s.n) {
		i := s.random.IntN(s.n)
		expected[netpoll.Token(i)] = true
		if err := errors.Join(setters[i].Set(0), setters[i].Set(netpoll.Readable)); err != nil {
			return err
		}
	}
	for len(expected) > 0 {
		if n, err := poll.Poll(events, time.Second); err != nil || n == 0 {
			return fmt.Errorf("%d events have not come (%v)", len(expected), err)
		}
		for ev := range events.All() {
			if !expected[ev.Token()] {
				return fmt.Errorf("an event of registration %d, which was not set", ev.Token())
			}
			delete(expected, ev.Token())
		}
	}
	return nil
}
