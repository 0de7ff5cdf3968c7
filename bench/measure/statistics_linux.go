package measure

import "slices"

// Statistic sums up one figure over several runs.
type Statistic struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarize returns the statistic of values, of which there must be at least
// one. The median of an even number of values is the mean of the middle two.
func Summarize(values []float64) Statistic {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Statistic{
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
		Min:    sorted[0],
		Max:    sorted[n-1],
	}
}
