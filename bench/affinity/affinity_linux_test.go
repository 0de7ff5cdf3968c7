package affinity

import (
	"slices"
	"testing"
)

func TestParseReadsListsOfCPUs(t *testing.T) {
	for list, want := range map[string][]int{"": nil, "0": {0}, "3,1,3": {1, 3}, "1023": {1023}} {
		if got, err := Parse(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("Parse(%q) = %v, %v, want %v", list, got, err, want)
		}
	}
	for _, list := range []string{"x", "-1", "1,", "0-3", "1024"} {
		if got, err := Parse(list); err == nil {
			t.Errorf("Parse(%q) = %v", list, got)
		}
	}
}

func TestAllowedNamesACPU(t *testing.T) {
	if cpus, err := Allowed(); err != nil || len(cpus) == 0 {
		t.Errorf("allowed are %v, %v", cpus, err)
	}
}
