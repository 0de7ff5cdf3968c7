package slots

import "testing"

// Connections come and go, and events look them up, without garbage.
func TestPlacesThatWereThereAreTakenWithoutAllocating(t *testing.T) {
	var table Table[int]
	kept := table.Take(func(_ Handle, v *int) { *v = 7 })
	table.Free(table.Take(func(Handle, *int) {}), func(*int) {})
	if n := testing.AllocsPerRun(1000, func() {
		h := table.Take(func(_ Handle, v *int) { *v = 8 })
		if *table.Get(h) != 8 || *table.Get(kept) != 7 {
			t.Error("a value is not at its handle")
		}
		table.Free(h, func(v *int) { *v = 0 })
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
