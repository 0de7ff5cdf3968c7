package picture

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/moor-net/moor/bench/suite"
)

// group is a place on the X axis with a bar for each server.
type group struct {
	label string
	of    *suite.Outcome
	value func(server string) (float64, bool)
}

// bars draws groups side by side, the servers of each in the legend's order,
// with their values over them. Logarithmic axes begin at floor.
func bars(p *plot.Plot, groups []group, format string, floor float64) error {
	var wanted []string
	seen := map[string]bool{}
	for _, g := range groups {
		for _, name := range g.of.Wanted {
			if _, ok := g.value(name); ok && !seen[name] {
				seen[name] = true
				wanted = append(wanted, name)
			}
		}
	}
	if len(wanted) == 0 {
		return ErrNotMeasured
	}
	servers := inOrder(wanted)
	used := map[string]bool{}
	labels := plotter.XYLabels{}
	var ticks []plot.Tick
	at, highest := 0.0, 0.0
	for _, g := range groups {
		begin := at
		for _, name := range servers {
			value, ok := g.value(name)
			if !ok {
				continue
			}
			label := fmt.Sprintf(format, value) // also of what is too small to be seen
			value = math.Max(value, floor)
			highest = math.Max(highest, value)
			bar, err := plotter.NewPolygon(plotter.XYs{{X: at, Y: floor}, {X: at, Y: value}, {X: at + .85, Y: value}, {X: at + .85, Y: floor}})
			if err != nil {
				return err
			}
			bar.Color = colour(name)
			bar.LineStyle.Width = 0
			p.Add(bar)
			if !used[name] {
				used[name] = true
				p.Legend.Add(name, bar)
			}
			labels.XYs = append(labels.XYs, plotter.XY{X: at + .42, Y: value})
			labels.Labels = append(labels.Labels, label)
			at++
		}
		ticks = append(ticks, plot.Tick{Value: (begin + at - .15) / 2, Label: g.label})
		at += 1.2
	}
	if err := addLabels(p, labels); err != nil {
		return err
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.X.Tick.LineStyle.Width = 0
	// The legend is at the right, its text after its colours: readers have other
	// fonts than the one that this is laid out with.
	p.X.Min, p.X.Max = -.3, at*1.3
	p.Legend.Left, p.Legend.XOffs = true, legendAt
	p.Y.Min, p.Y.Max = floor, highest*1.12
	if floor > 0 {
		p.Y.Max = highest * 2
	}
	return nil
}

func addLabels(p *plot.Plot, labels plotter.XYLabels) error {
	drawn, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range drawn.TextStyle {
		s := &drawn.TextStyle[i]
		s.Color = ink
		s.Font.Variant, s.Font.Size = "Sans", vg.Points(5.8)
		s.XAlign, s.YAlign = text.XCenter, text.YBottom
	}
	drawn.Offset.Y = vg.Points(2)
	p.Add(drawn)
	return nil
}

// noise counts marks of servers that had no quiet turn, which a picture must
// not hide.
type noise struct{ noisy, all int }

func (n *noise) add(noisy bool) {
	n.all++
	if noisy {
		n.noisy++
	}
}

func (n noise) String() string {
	if n.noisy == 0 {
		return ""
	}
	return fmt.Sprintf("\nNOT QUIET: %d of %d figures are from a busy machine", n.noisy, n.all)
}

// cpu is server CPU time per request.
func cpu(r *suite.Results) (*plot.Plot, string, error) {
	var groups []group
	var marks noise
	var words []string
	for _, conns := range []int{1, 64, 1000, 10000} {
		o := r.Outcome(suite.EchoName(conns, 64, 1, 1))
		if o == nil {
			return nil, "", fmt.Errorf("%w: %s", ErrNotMeasured, suite.EchoName(conns, 64, 1, 1))
		}
		groups = append(groups, group{suite.Connections(conns), o, func(server string) (float64, bool) {
			s, _, ok := o.Ratio(server, "std", "cpu_us", r.Noise)
			return s.Median, ok
		}})
		for _, server := range o.Wanted {
			if _, noisy, ok := o.Ratio(server, "std", "cpu_us", r.Noise); ok {
				marks.add(noisy)
			}
		}
		if s, _, ok := o.Median("std", "cpu_us", r.Noise); ok {
			groups[len(groups)-1].label += fmt.Sprintf("\n(std: %.1f µs)", s.Median)
		}
		words = append(words, suite.Connections(conns))
	}
	p := sheet("", "CPU time, package net = 1")
	if err := bars(p, groups, "%.2f", 0); err != nil {
		return nil, "", err
	}
	line(p, 1)
	p.Title.Text = "Server CPU time per request, echo of 64 bytes, one core: less is better" + marks.String()
	return p, "Server CPU time per request by package net's, echo of 64 bytes, with " + strings.Join(words, ", "), nil
}

// line guides the eye across.
func line(p *plot.Plot, y float64) {
	l, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: y}, {X: p.X.Max, Y: y}})
	if err != nil {
		return // two finite points are always a line
	}
	l.Color = faint
	p.Add(l)
}

// memory is what an idle connection takes.
func memory(r *suite.Results) (*plot.Plot, string, error) {
	var groups []group
	for _, kind := range suite.IdleKinds() {
		o := r.Outcome(suite.IdleName(kind))
		if o == nil {
			return nil, "", fmt.Errorf("%w: %s", ErrNotMeasured, suite.IdleName(kind))
		}
		label := strings.TrimPrefix(suite.IdleName(kind), "idle connections: ")
		groups = append(groups, group{label, o, func(server string) (float64, bool) {
			s, _, ok := o.Median(server, "rss", r.Noise)
			return s.Median, ok
		}})
	}
	p := sheet("Resident memory of an idle connection after a request: less is better (logarithmic)", "bytes")
	const floor = 10
	if err := bars(p, groups, "%.0f", floor); err != nil {
		return nil, "", err
	}
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	for y := 100.; y < p.Y.Max; y *= 10 {
		line(p, y)
	}
	return p, "Resident bytes of an idle connection: TCP, HTTP keep-alive, WebSocket, HTTPS", nil
}

// tail is latency quantiles at a fixed rate beside idle connections.
func tail(r *suite.Results) (*plot.Plot, string, error) {
	o := r.Outcome(suite.TailName)
	if o == nil {
		return nil, "", fmt.Errorf("%w: %s", ErrNotMeasured, suite.TailName)
	}
	quantiles := []struct{ figure, label string }{
		{"p50_us", "50 %"}, {"p90_us", "90 %"}, {"p99_us", "99 %"}, {"p999_us", "99.9 %"}, {"max_us", "all"},
	}
	p := sheet("", "latency in µs (logarithmic)")
	var ticks []plot.Tick
	for i, q := range quantiles {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: q.label})
	}
	var marks noise
	for n, name := range inOrder(o.Wanted) {
		var points plotter.XYs
		for i, q := range quantiles {
			s, noisy, ok := o.Median(name, q.figure, r.Noise)
			if !ok {
				continue
			}
			if i == 0 {
				marks.add(noisy)
			}
			points = append(points, plotter.XY{X: float64(i), Y: math.Max(s.Median, 1)})
		}
		if len(points) == 0 {
			continue
		}
		l, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, "", err
		}
		l.Color, dots.Color = colour(name), colour(name)
		l.Width = vg.Points(1.8)
		// Lines that lie on each other are told apart by their dots.
		dots.Shape = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.TriangleGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}}[n%4]
		p.Add(l, dots)
		p.Legend.Add(name, l, dots)
	}
	if marks.all == 0 {
		return nil, "", fmt.Errorf("%w: %s", ErrNotMeasured, suite.TailName)
	}
	p.Title.Text = "Latency of 10,000 requests/s on 64 connections beside 10,000 idle ones" + marks.String()
	p.X.Label.Text = "share of requests that took at most so long"
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	p.X.Max = float64(len(quantiles)) + .1
	p.Legend.Left, p.Legend.XOffs = true, legendAt
	return p, "Latency quantiles at a fixed rate, beside idle connections, of each server", nil
}
