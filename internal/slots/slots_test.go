package slots

import (
	"sync"
	"sync/atomic"
	"testing"
)

func put(t *Table[atomic.Int64], v int64) Handle {
	return t.Take(func(_ Handle, p *atomic.Int64) { p.Store(v) })
}

func drop(p *atomic.Int64) { p.Store(-1) }

func TestHandleOfFormerTenantFindsNothing(t *testing.T) {
	var tab Table[atomic.Int64]
	a := put(&tab, 1)
	if p := tab.Get(a); p == nil || p.Load() != 1 {
		t.Fatal("a tenant is not found")
	}
	if !tab.Free(a, drop) {
		t.Fatal("Free of a tenant reports false")
	}
	b := put(&tab, 2)
	if a.index() != b.index() {
		t.Fatalf("the place %d was not used again, got %d", a.index(), b.index())
	}
	if tab.Get(a) != nil || tab.Current(a) {
		t.Error("the former tenant's handle finds the new tenant")
	}
	if tab.Free(a, drop) {
		t.Error("Free of the former tenant reports true")
	}
	if p := tab.Get(b); p == nil || p.Load() != 2 {
		t.Error("the new tenant was harmed")
	}
}

func TestZeroAndForeignHandlesFindNothing(t *testing.T) {
	var tab Table[atomic.Int64]
	for _, h := range []Handle{0, 1, 1 << 32, 1<<32 | 5000, 2 << 32} {
		if tab.Get(h) != nil || tab.Free(h, drop) {
			t.Errorf("handle %#x finds something in an empty table", uint64(h))
		}
	}
	put(&tab, 1)
	if tab.Get(0) != nil {
		t.Error("the zero handle finds a tenant")
	}
}

func TestRenewEndsTheOldHandle(t *testing.T) {
	var tab Table[atomic.Int64]
	a := put(&tab, 1)
	b := tab.Renew(a, func(p *atomic.Int64) { p.Store(7) })
	if tab.Current(a) {
		t.Error("the old handle still holds")
	}
	if p := tab.Get(b); p == nil || p.Load() != 7 {
		t.Error("the new handle does not find the changed value")
	}
	if tab.Len() != 1 {
		t.Errorf("Len = %d, want 1", tab.Len())
	}
}

func TestEachVisitsExactlyTheTenants(t *testing.T) {
	var tab Table[atomic.Int64]
	want := map[Handle]int64{}
	for i := range int64(1000) {
		h := put(&tab, i)
		if i%3 == 0 {
			tab.Free(h, drop)
		} else {
			want[h] = i
		}
	}
	tab.Each(func(h Handle, p *atomic.Int64) {
		if want[h] != p.Load() {
			t.Errorf("handle %#x holds %d, want %d", uint64(h), p.Load(), want[h])
		}
		delete(want, h)
	})
	if len(want) != 0 {
		t.Errorf("%d tenants were not visited", len(want))
	}
}

// A reader that sees a handle as current before and after it read the value
// has read that tenancy's value, whatever other goroutines do.
func TestValueReadUnderACurrentHandleIsThatTenancys(t *testing.T) {
	var tab Table[atomic.Int64]
	var last atomic.Uint64 // a handle; its place holds the handle itself
	self := func(h Handle, p *atomic.Int64) { p.Store(int64(h)) }
	last.Store(uint64(tab.Take(self)))
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				h := Handle(last.Load())
				p := tab.Get(h)
				if p == nil {
					continue
				}
				v := p.Load()
				if tab.Current(h) && v != int64(h) {
					t.Errorf("handle %#x held %#x", uint64(h), v)
					return
				}
			}
		})
	}
	for range 2 {
		writers.Go(func() {
			for range 20000 {
				h := tab.Take(self)
				last.Store(uint64(h))
				tab.Free(h, drop)
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	if tab.Len() != 1 {
		t.Errorf("Len = %d at the end, want 1", tab.Len())
	}
}

func BenchmarkGet(b *testing.B) {
	var tab Table[atomic.Int64]
	h := put(&tab, 1)
	for b.Loop() {
		if tab.Get(h) == nil {
			b.Fatal("lost")
		}
	}
}

func BenchmarkTakeFree(b *testing.B) {
	var tab Table[atomic.Int64]
	b.ReportAllocs()
	for b.Loop() {
		tab.Free(put(&tab, 1), drop)
	}
}
