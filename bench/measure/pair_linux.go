package measure

import (
	"time"

	"github.com/moor-net/moor/bench/load"
)

// Pair is one run of server a and, right after it, one of server b.
type Pair struct {
	A load.Result `json:"a"`
	B load.Result `json:"b"`
	// Ratio is a's CPU time per request by b's.
	Ratio float64 `json:"ratio"`
	// Elsewhere is the share of one CPU that went to neither server nor
	// client, in the run of the two where it was more.
	Elsewhere float64 `json:"elsewhere"`
	// Noisy says that Elsewhere was over the limit.
	Noisy bool `json:"noisy"`
}

func newPair(a, b load.Result, noise float64) Pair {
	elsewhere := max(share(a.Elsewhere, a.Wall), share(b.Elsewhere, b.Wall))
	return Pair{
		A:         a,
		B:         b,
		Ratio:     CPUPerRequest(a) / CPUPerRequest(b),
		Elsewhere: elsewhere,
		Noisy:     elsewhere > noise,
	}
}

// CPUPerRequest is the server's CPU time for one request in microseconds.
func CPUPerRequest(r load.Result) float64 {
	return micros(r.ServerCPU) / float64(r.Requests)
}

func share(part, whole time.Duration) float64 { return float64(part) / float64(whole) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Figures are the statistics of one server in one row.
type Figures struct {
	// CPUPerRequest is the server's CPU time per request in microseconds.
	CPUPerRequest Statistic `json:"cpu_us_per_request"`
	// Rate is answered requests per second.
	Rate Statistic `json:"requests_per_second"`
	// Utilization is the share of the CPUs given to the server it used.
	Utilization Statistic `json:"utilization"`
	// ClientCPUPerRequest is the client's CPU time, in microseconds.
	ClientCPUPerRequest Statistic `json:"client_cpu_us_per_request"`
	P50                 Statistic `json:"p50_us"`
	P99                 Statistic `json:"p99_us"`
	// Calls are the system calls of a traced run, nil if there was none.
	Calls Calls `json:"calls,omitempty"`
}

func newFigures(runs []load.Result, procs int) Figures {
	over := func(figure func(load.Result) float64) Statistic {
		values := make([]float64, len(runs))
		for i, r := range runs {
			values[i] = figure(r)
		}
		return summarize(values)
	}
	return Figures{
		CPUPerRequest: over(CPUPerRequest),
		Rate:          over(func(r load.Result) float64 { return float64(r.Requests) / r.Wall.Seconds() }),
		Utilization:   over(func(r load.Result) float64 { return share(r.ServerCPU, r.Wall*time.Duration(procs)) }),
		ClientCPUPerRequest: over(func(r load.Result) float64 {
			return micros(r.ClientCPU) / float64(r.Requests)
		}),
		P50: over(func(r load.Result) float64 { return micros(r.P50) }),
		P99: over(func(r load.Result) float64 { return micros(r.P99) }),
	}
}

// Row is what was found with one number of connections.
type Row struct {
	Conns int     `json:"conns"`
	Pairs []Pair  `json:"pairs"`
	A     Figures `json:"a"`
	B     Figures `json:"b"`
	// Ratio is over the pairwise ratios, which cancel what changes slowly on
	// the machine; it need not be the ratio of the two medians.
	Ratio Statistic `json:"ratio"`
	// Used is the number of pairs in the statistics: the quiet ones, or all
	// when none was quiet. Noisy says the latter.
	Used  int  `json:"used"`
	Noisy bool `json:"noisy"`
}

func newRow(conns int, pairs []Pair, procs int) Row {
	var used []Pair
	for _, p := range pairs {
		if !p.Noisy {
			used = append(used, p)
		}
	}
	noisy := len(used) == 0
	if noisy {
		used = pairs
	}
	var a, b []load.Result
	var ratios []float64
	for _, p := range used {
		a, b, ratios = append(a, p.A), append(b, p.B), append(ratios, p.Ratio)
	}
	return Row{
		Conns: conns,
		Pairs: pairs,
		A:     newFigures(a, procs),
		B:     newFigures(b, procs),
		Ratio: summarize(ratios),
		Used:  len(used),
		Noisy: noisy,
	}
}
