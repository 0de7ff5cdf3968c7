package measure

import "testing"

func TestMedianAndSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   Statistic
	}{
		{[]float64{3}, Statistic{3, 3, 3}},
		{[]float64{4, 1}, Statistic{2.5, 1, 4}},
		{[]float64{9, 1, 2}, Statistic{2, 1, 9}},
		{[]float64{5, 1, 4, 2}, Statistic{3, 1, 5}},
	} {
		if got := Summarize(test.values); got != test.want {
			t.Errorf("Summarize(%v) = %v, want %v", test.values, got, test.want)
		}
	}
}
