package fdmutex

import "testing"

func TestUncontendedLocksDoNotAllocate(t *testing.T) {
	var m Mutex
	if n := testing.AllocsPerRun(1000, func() {
		if !m.Lock(Read) || !m.Lock(Write) || !m.Ref() {
			t.Error("an open mutex was not to be had")
		}
		m.Unref()
		m.Unlock(Write)
		m.Unlock(Read)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
