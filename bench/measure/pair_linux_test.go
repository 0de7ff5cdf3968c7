package measure

import (
	"testing"
	"time"

	"github.com/moor-net/moor/bench/load"
)

// result is a run of one second with so much server CPU time per request.
func result(perRequest, elsewhere time.Duration) load.Result {
	const requests = 1000
	return load.Result{
		Requests:  requests,
		Wall:      time.Second,
		ServerCPU: requests * perRequest,
		ClientCPU: requests * perRequest / 2,
		Elsewhere: elsewhere,
		P50:       2 * perRequest,
	}
}

func TestRatioIsTheMedianWithinPairs(t *testing.T) {
	// The machine slows down from pair to pair. The ratio of the medians
	// would be 30/20.
	row := newRow(8, []Pair{
		newPair(result(5*time.Microsecond, 0), result(10*time.Microsecond, 0), .05),
		newPair(result(30*time.Microsecond, 0), result(20*time.Microsecond, 0), .05),
		newPair(result(36*time.Microsecond, 0), result(40*time.Microsecond, 0), .05),
	}, 1)
	if want := (Statistic{.9, .5, 1.5}); row.Ratio != want {
		t.Errorf("ratio %v, want %v", row.Ratio, want)
	}
	if want := (Statistic{30, 5, 36}); row.A.CPUPerRequest != want {
		t.Errorf("CPU per request %v, want %v", row.A.CPUPerRequest, want)
	}
	if row.A.P50.Median != 60 || row.A.Rate.Median != 1000 || row.A.Utilization.Median != .03 || row.A.ClientCPUPerRequest.Median != 15 {
		t.Errorf("figures %+v", row.A)
	}
	if row.Used != 3 || row.Noisy {
		t.Errorf("%d pairs used, noisy %v", row.Used, row.Noisy)
	}
}

func TestNoisyPairsAreLeftOut(t *testing.T) {
	quiet := result(10*time.Microsecond, 40*time.Millisecond)
	noisy := result(90*time.Microsecond, 60*time.Millisecond)
	row := newRow(1, []Pair{
		newPair(quiet, noisy, .05),
		newPair(quiet, quiet, .05),
		newPair(noisy, quiet, .05),
	}, 1)
	if row.Used != 1 || row.Noisy || row.Ratio != (Statistic{1, 1, 1}) {
		t.Errorf("%d pairs used, noisy %v, ratio %v", row.Used, row.Noisy, row.Ratio)
	}
	if !row.Pairs[0].Noisy || row.Pairs[1].Noisy || !row.Pairs[2].Noisy {
		t.Errorf("marks of the pairs: %+v", row.Pairs)
	}
}

func TestRowWithoutQuietPairsIsNoisy(t *testing.T) {
	noisy := result(90*time.Microsecond, 60*time.Millisecond)
	row := newRow(1, []Pair{newPair(noisy, noisy, .05), newPair(noisy, noisy, .05)}, 1)
	if !row.Noisy || row.Used != 2 {
		t.Errorf("noisy %v, %d pairs used", row.Noisy, row.Used)
	}
}
