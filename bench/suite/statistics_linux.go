package suite

import "github.com/moor-net/moor/bench/measure"

// quiet tells whether a turn's figures are to be believed.
func quiet(f Figures, noise float64) bool { return f["elsewhere"] <= noise }

// Median is that of one server's figure, over its quiet turns, or over all if
// none was: then noisy is true. ok is false where there is no such figure.
func (o *Outcome) Median(server, figure string, noise float64) (s measure.Statistic, noisy, ok bool) {
	return o.statistic(noise, func(round map[string]Figures) (float64, bool, bool) {
		f, there := round[server]
		value, has := f[figure]
		return value, quiet(f, noise), there && has
	})
}

// Ratio is that of a server's figure by another's, within rounds, so that what
// changes slowly on the machine cancels.
func (o *Outcome) Ratio(server, base, figure string, noise float64) (s measure.Statistic, noisy, ok bool) {
	return o.statistic(noise, func(round map[string]Figures) (float64, bool, bool) {
		f, b := round[server], round[base]
		value, has := f[figure]
		by, hasBase := b[figure]
		return value / by, quiet(f, noise) && quiet(b, noise), has && hasBase && by != 0
	})
}

// statistic sums up what value says of each round: a number, whether it was
// quiet, and whether there is one.
func (o *Outcome) statistic(noise float64, value func(map[string]Figures) (float64, bool, bool)) (s measure.Statistic, noisy, ok bool) {
	var calm, all []float64
	for _, round := range o.Rounds {
		v, quiet, there := value(round)
		if !there {
			continue
		}
		all = append(all, v)
		if quiet {
			calm = append(calm, v)
		}
	}
	switch {
	case len(all) == 0:
		return s, false, false
	case len(calm) == 0:
		return measure.Summarize(all), true, true
	}
	return measure.Summarize(calm), false, true
}
