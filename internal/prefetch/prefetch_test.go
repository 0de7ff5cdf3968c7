//go:build amd64 || arm64

package prefetch

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/moor-net/moor/internal/goroutine"
)

// What is hinted at for a goroutine that sleeps is where it sleeps.
func TestAGoroutinesStackIsWhereItSleeps(t *testing.T) {
	type place struct{ g, at uintptr }
	asleep, wake := make(chan place, 1), make(chan bool)
	ended := make(chan bool)
	go func() {
		deep() // the stack does not move from now on
		var local byte
		asleep <- place{goroutine.ID(), uintptr(unsafe.Pointer(&local))}
		<-wake
		runtime.KeepAlive(&local)
		close(ended)
	}()
	p := <-asleep
	for !sleepsInReceive() {
		runtime.Gosched()
	}
	if sp := sleepsAt(p.g); sp > p.at || p.at-sp > 1024 {
		t.Errorf("the goroutine sleeps at %#x and has a variable at %#x: too far apart", sp, p.at)
	}
	close(wake)
	<-ended
}

//go:noinline
func deep() byte {
	var frame [16 << 10]byte
	i := len(os.Args) // not known to the compiler
	frame[i]++
	return frame[2*i]
}

// sleepsInReceive reports whether the test's goroutine has come to its receive.
func sleepsInReceive() bool {
	buf := make([]byte, 64<<10)
	for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(s, "TestAGoroutinesStackIsWhereItSleeps.func1") && strings.Contains(s, "[chan receive") {
			return true
		}
	}
	return false
}

// What is hinted at for a function are its variables, shared ones also where they are.
func TestAClosuresVariablesAreWhereItLeadsTo(t *testing.T) {
	a, b := new([8]byte), 0
	f := func() *[8]byte { b++; a[0]++; return a }
	words := Closure(f)
	a, b = f(), b+1 // a changes too, so that f shares both
	want := []uintptr{uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&b))}
	if got := words[1:]; !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
		t.Errorf("the variables are at %#x, want %#x", got, want)
	}
	if at := *(*uintptr)(unsafe.Pointer(&f)); words[0] != at {
		t.Errorf("the function value is %#x, want %#x", words[0], at)
	}
}

func TestABufferIsWhereItBegins(t *testing.T) {
	p := make([]byte, 9)
	if a := Buffer(p[3:]); a != uintptr(unsafe.Pointer(&p[3])) {
		t.Errorf("Buffer = %#x, want %p", a, &p[3])
	}
	if a := Buffer(nil); a != 0 {
		t.Errorf("Buffer = %#x for no buffer", a)
	}
}

// Addresses of no memory, and none at all, do no harm.
func TestAnyAddressWillDo(t *testing.T) {
	for _, a := range []uintptr{0, 1, 4096, ^uintptr(0), 1 << 63, 1 << 47} {
		Lines(a, 3)
		Lines(a, 0)
	}
	Goroutine(0)
	Stack(0)
}

func TestNothingIsAllocated(t *testing.T) {
	g := goroutine.ID()
	f := func() (uintptr, *testing.T) { return g, t }
	if n := testing.AllocsPerRun(100, func() {
		Lines(g, 2)
		Goroutine(g)
		Stack(g)
		Lines(Buffer(nil), 1)
		Closure(f)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The line apart from the others is where synctest's bubble is, at which the scheduler
// looks: the one word of it that a test can set.
func TestTheLineApartHasTheBubble(t *testing.T) {
	const word = 8                                                                   // behind coroarg
	bubble := func() uintptr { return sleepsAt(goroutine.ID() + apart + word - 56) } // which reads at 56
	before := bubble()
	synctest.Test(t, func(*testing.T) {
		if in := bubble(); before != 0 || in == 0 {
			t.Errorf("a bubble changes %#x to %#x", before, in)
		}
	})
}

func BenchmarkStack(b *testing.B) {
	g := goroutine.ID()
	for b.Loop() {
		Stack(g)
	}
}
