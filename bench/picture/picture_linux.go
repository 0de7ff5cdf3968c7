// Package picture draws results as SVG that is readable on light and on dark
// ground.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/moor-net/moor/bench/suite"
)

// ErrNotMeasured says that results lack what a picture shows.
var ErrNotMeasured = errors.New("not measured")

// pictures are what WriteAll draws, by the name of the file.
var pictures = []struct {
	file string
	draw func(*suite.Results) (*plot.Plot, string, error)
}{
	{"bench_cpu.svg", cpu},
	{"bench_memory.svg", memory},
	{"bench_tail.svg", tail},
}

// WriteAll draws every picture into dir and returns the names of the files. One
// for which results lack figures is left out, and the error says so.
func WriteAll(results *suite.Results, dir string) (files []string, err error) {
	for _, p := range pictures {
		drawn, about, drawErr := p.draw(results)
		var text []byte
		if drawErr == nil {
			text, drawErr = svg(drawn, about)
		}
		if drawErr == nil {
			name := filepath.Join(dir, p.file)
			drawErr = os.WriteFile(name, text, 0o644)
			files = append(files, name)
		}
		if drawErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.file, drawErr))
		}
	}
	return files, err
}

const (
	width  = 22 * vg.Centimeter
	height = 11 * vg.Centimeter
	// legendAt is how far right of the axis legends are.
	legendAt = width - 6.2*vg.Centimeter
)

// ink is a colour that nothing else has. In the file it becomes the colour of
// text on whatever ground there is.
var ink = color.RGBA{1, 2, 3, 255}

// faint is what lines have that only guide the eye: visible on both grounds.
var faint = color.RGBA{45, 45, 45, 90} // premultiplied, as color.RGBA is

const (
	inkText = "#010203"
	style   = "<style>svg{color:#24292f}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
)

// colours are of middle brightness: those of this library cool, others warm,
// package net grey.
var colours = map[string]color.RGBA{
	"moor":          {0x3b, 0x82, 0xf6, 255},
	"event":         {0x10, 0xa3, 0x9a, 255},
	"coroutine":     {0x22, 0xb8, 0xe6, 255},
	"burst":         {0x8b, 0x5c, 0xf6, 255},
	"park":          {0x4f, 0x9d, 0x4f, 255},
	"fasthttp-moor": {0x7d, 0xa8, 0x2b, 255},
	"std":           {0x8a, 0x93, 0x9e, 255},
	"cloudwego":     {0xe0, 0x8e, 0x1d, 255},
	"fasthttp":      {0xc9, 0x6f, 0x4a, 255},
	"go-epoll":      {0xb5, 0x9f, 0x3b, 255},
	"c-epoll":       {0xe0, 0x56, 0x3f, 255},
	"c-uring":       {0xc9, 0x3f, 0x7c, 255},
}

func colour(server string) color.Color {
	if c, ok := colours[server]; ok {
		return c
	}
	return color.RGBA{0xa8, 0x6f, 0xb8, 255} // a program of the command line
}

// legend names servers in the order in which they are drawn everywhere.
var legend = []string{"std", "moor", "coroutine", "event", "burst", "park", "fasthttp", "fasthttp-moor", "cloudwego", "go-epoll", "c-epoll", "c-uring"}

// inOrder returns the servers of wanted, in the legend's order.
func inOrder(wanted []string) []string {
	var names, others []string
	in := map[string]bool{}
	for _, name := range wanted {
		in[name] = true
	}
	for _, name := range legend {
		if in[name] {
			names = append(names, name)
			delete(in, name)
		}
	}
	for _, name := range wanted {
		if in[name] {
			others = append(others, name)
		}
	}
	return append(names, others...)
}

// sheet is an empty plot in ink.
func sheet(title, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // whatever ground there is
	p.Title.Text = title
	p.Title.Padding = vg.Points(6)
	p.Y.Label.Text = y
	for _, s := range []*draw.TextStyle{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		s.Color = ink
		s.Font.Variant = "Sans"
	}
	p.Title.TextStyle.Font.Size = font.Length(12)
	for _, l := range []*draw.LineStyle{&p.X.LineStyle, &p.Y.LineStyle, &p.X.Tick.LineStyle, &p.Y.Tick.LineStyle} {
		l.Color = ink
	}
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(3)
	p.Legend.ThumbnailWidth = vg.Points(16)
	return p
}

// svg draws p. about says in words what is to be seen.
func svg(p *plot.Plot, about string) ([]byte, error) {
	canvas := vgsvg.New(width, height)
	p.Draw(draw.New(canvas))
	var drawn bytes.Buffer
	if _, err := canvas.WriteTo(&drawn); err != nil {
		return nil, err
	}
	text := strings.NewReplacer(inkText, "currentColor", "Liberation Sans", "Liberation Sans,Arial,sans-serif").Replace(drawn.String())
	start := strings.Index(text, "<svg")
	if start < 0 {
		return nil, errors.New("what was drawn is no SVG")
	}
	end := start + strings.Index(text[start:], ">") + 1
	words := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(about)
	return []byte(text[:end] + style + "<title>" + words + "</title>" + text[end:]), nil
}
