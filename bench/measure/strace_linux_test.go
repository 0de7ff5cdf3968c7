package measure

import (
	"maps"
	"math"
	"testing"
)

func TestCallsOfAStraceSummary(t *testing.T) {
	calls, err := parseSummary([]byte(`strace: Process 4711 detached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.30    0.012260           3      4000      2000 read
 30.65    0.006130           3      2000           write
  8.05    0.001610          26        60           epoll_pwait
------ ----------- ----------- --------- --------- ----------------
100.00    0.020000           3      6060      2000 total
`), 2000)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Calls{"read": 2, "write": 1, "epoll_pwait": .03}); !maps.Equal(calls, want) {
		t.Errorf("calls %v, want %v", calls, want)
	}
	if math.Abs(calls.Total()-3.03) > 1e-9 { // the order of the sum is not fixed
		t.Errorf("total %v", calls.Total())
	}
	if want := "read 2.00, write 1.00, epoll_pwait 0.03"; calls.String() != want {
		t.Errorf("printed as %q, want %q", calls.String(), want)
	}
}

func TestSummaryWithoutCallsIsAnError(t *testing.T) {
	if calls, err := parseSummary([]byte("strace: Process 4711 detached\n"), 10); err == nil {
		t.Errorf("calls %v", calls)
	}
}
