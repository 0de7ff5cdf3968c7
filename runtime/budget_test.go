package runtime

import (
	"testing"

	"github.com/moor-net/moor/internal/sys"
)

// Whatever a coroutine calls that never has to wait, it gives way after 128 KiB or 32
// calls. One that is new runs when those have had their turn that were ready before it.
// Nobody takes the loop over here.
func TestEveryCallUsesTheBudget(t *testing.T) {
	batch := func() *sys.Batch {
		b := sys.NewBatch(1, 1)
		b.Add([][]byte{make([]byte, 1)}, nil)
		return b
	}
	one := []byte("x")
	// Calls of a, after something was written to it. What they return does not matter:
	// one that fails counts too.
	for name, call := range map[string]func(a *FD){
		"Read":       func(a *FD) { a.Read(make([]byte, 1)) },
		"Write":      func(a *FD) { a.Write(one) },
		"Writev":     func(a *FD) { a.Writev(&[][]byte{one}) },
		"ReadFrom":   func(a *FD) { a.ReadFrom(make([]byte, 1), new(sys.RawAddr)) },
		"ReadMsg":    func(a *FD) { a.ReadMsg(make([]byte, 1), nil, 0, new(sys.RawAddr)) },
		"WriteTo":    func(a *FD) { a.WriteTo(one, new(sys.RawAddr)) },
		"WriteMsg":   func(a *FD) { a.WriteMsg(one, nil, nil) },
		"ReadBatch":  func(a *FD) { a.ReadBatch(batch(), 0) },
		"WriteBatch": func(a *FD) { a.WriteBatch(batch(), 0) },
		"Accept":     func(a *FD) { a.Accept(new(sys.RawAddr)) },
		"RawRead":    func(a *FD) { a.RawRead(func(uintptr) bool { return true }) },
		"RawWrite":   func(a *FD) { a.RawWrite(func(uintptr) bool { return true }) },
	} {
		t.Run(name, func(t *testing.T) {
			rt := startPatient(t, 1)
			a, b := pair(t, rt)
			const most = 2 * defaultBudget / leastCharge
			if _, err := b.Write(make([]byte, 2*most)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "what was written comes", func() bool { return sys.Readable(a.Sysfd()) })
			var cs Coroutines
			ran := make(chan int, 1)
			cs.Go(rt.Loop(0), func() {
				calls, other := 0, false
				cs.Go(rt.Loop(0), func() { other = true })
				for calls <= most && !other {
					call(a)
					calls++
				}
				ran <- calls
			})
			if n := within(t, ran, "the coroutine"); n > most {
				t.Errorf("another coroutine has not run after %d calls", n)
			}
		})
	}
}
