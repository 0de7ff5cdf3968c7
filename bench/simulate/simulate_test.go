package simulate

import (
	"strings"
	"testing"
)

func TestAllStepsSucceed(t *testing.T) {
	var out strings.Builder
	step, end := Write(&out)
	if err := Run(20000, step); err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"slots", "deadlines", "registrations"} {
		if !strings.Contains(out.String(), "\n"+want) {
			t.Errorf("no %s in:\n%s", want, &out)
		}
	}
}

func BenchmarkTenMillion(b *testing.B) {
	for b.Loop() {
		if err := Run(10_000_000, func(s Step) {
			b.ReportMetric(float64(s.Each.Nanoseconds()), strings.ReplaceAll(s.Structure+"-"+s.Operation, " ", "-")+"-ns")
		}); err != nil {
			b.Fatal(err)
		}
	}
}
