package metrics

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/moor-net/moor/runtime"
)

// A Page gathers figures. Those of one name belong together, whoever adds
// them, and have one help text: the first one given. The zero Page is empty.
// It is not safe for concurrent use.
type Page struct {
	families []*family
	byName   map[string]*family
}

// A family is what has one name.
type family struct {
	name, kind, help string
	samples          bytes.Buffer
}

func (p *Page) family(name, kind, help string) *family {
	f := p.byName[name]
	if f == nil {
		f = &family{name: name, kind: kind, help: help}
		if p.byName == nil {
			p.byName = make(map[string]*family)
		}
		p.byName[name] = f
		p.families = append(p.families, f)
	}
	return f
}

// Gauge adds a figure that goes up and down. name has letters, digits and
// underscores, and labels are names and values in turn.
func (p *Page) Gauge(name, help string, value float64, labels ...string) {
	p.family(name, "gauge", help).sample("", value, labels)
}

// Counter adds a figure that only grows.
func (p *Page) Counter(name, help string, value float64, labels ...string) {
	p.family(name, "counter", help).sample("", value, labels)
}

// Histogram adds durations, in seconds.
func (p *Page) Histogram(name, help string, d runtime.Durations, labels ...string) {
	f := p.family(name, "histogram", help)
	var n uint64
	for i, count := range d.Buckets {
		n += count
		bound := math.Inf(1)
		if i < len(d.Buckets)-1 {
			bound = d.Bound(i).Seconds()
		}
		f.sample("_bucket", float64(n), append(labels[:len(labels):len(labels)], "le", number(bound)))
	}
	f.sample("_sum", d.Sum.Seconds(), labels)
	f.sample("_count", float64(n), labels)
}

func (f *family) sample(suffix string, value float64, labels []string) {
	b := &f.samples
	b.WriteString(f.name)
	b.WriteString(suffix)
	for i := 0; i+1 < len(labels); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(labels[i])
		b.WriteString(`="`)
		escaped.WriteString(b, labels[i+1])
		b.WriteByte('"')
	}
	if len(labels) > 1 {
		b.WriteByte('}')
	}
	b.WriteByte(' ')
	b.WriteString(number(value))
	b.WriteByte('\n')
}

var (
	escaped     = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	escapedHelp = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

// number returns v as the format has it.
func number(v float64) string {
	if math.IsInf(v, 0) {
		return fmt.Sprintf("%+f", v)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// WriteTo implements io.WriterTo: it writes the page in the text format.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	var text bytes.Buffer
	for _, f := range p.families {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", f.name, escapedHelp.Replace(f.help), f.name, f.kind)
		text.Write(f.samples.Bytes())
	}
	return text.WriteTo(w)
}
