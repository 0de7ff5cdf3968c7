package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// profile returns an empty directory for a browser, which may go on writing
// into it for a moment after its end.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "moor-browser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestHTTPExamplePage looks at http_example's page with a browser, and has the
// server open idle connections by the page's button.
func TestHTTPExamplePage(t *testing.T) {
	program(t, "chromium", "chromium")
	path := filepath.Join(t.TempDir(), "http_example")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/moor-net/moor/http_example")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, mode := range []struct {
		name, arg string
		listener  string // as the headline has it
		parks     bool
	}{
		{name: "parking", arg: "-park", listener: "moor’s listener", parks: true},
		{name: "not parking", arg: "-park=false", listener: "moor’s listener"},
		{name: "std", arg: "-std", listener: "the standard library’s listener"},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			line := start(t, "serving", path, "-addr", "127.0.0.1:0", mode.arg)
			_, rest, _ := strings.Cut(line, "serving ")
			url, _, _ := strings.Cut(rest, " ")
			b := startBrowser(t)
			tryPage(b, url, mode.listener, mode.parks)
			if len(b.faults) > 0 {
				t.Errorf("the page complains:\n%s", strings.Join(b.faults, "\n"))
			}
			b.eval("console.error('on purpose')", nil)
			if b.eval("0", nil); !strings.Contains(strings.Join(b.faults, "\n"), "on purpose") {
				t.Error("a complaint of the page would not be noticed")
			}
		})
	}
}

// figure is an expression for a figure of the page, which is a number.
func figure(name string) string {
	return fmt.Sprintf("Number(document.querySelector('dd[data-figure=%s]').textContent.replaceAll(',', ''))", name)
}

const text = "document.getElementById('%s').textContent"

// tryPage expects live figures, opens and closes idle connections, and expects
// the figures to follow.
func tryPage(b *browser, url, listener string, parks bool) {
	b.t.Helper()
	b.navigate(url)
	b.await("document.getElementById('state')?.dataset.state === 'live'")
	var headline, uptime string
	b.eval(fmt.Sprintf(text, "listener"), &headline)
	if headline != listener {
		b.t.Errorf("the page says it is on %q, want %q", headline, listener)
	}
	var shown []string
	b.eval(`[...document.querySelectorAll('[data-parking]')].filter((e) => e.checkVisibility()).map((e) => e.dataset.parking)`, &shown)
	for _, value := range shown {
		if value != fmt.Sprint(parks) {
			b.t.Errorf("the page shows what holds with parking %s", value)
		}
	}

	// The figures are there and change by themselves.
	b.eval(fmt.Sprintf(text, "uptime"), &uptime)
	b.await(fmt.Sprintf(text, "uptime") + fmt.Sprintf(" !== %q", uptime))
	b.await(figure("connections") + " >= 1 && " + figure("active") + " >= 1 && " + figure("goroutines") + " >= 1")
	b.await("[...document.querySelectorAll('svg.chart')].filter((c) => c.querySelector('.line')).length >= 3")
	if strings.HasPrefix(listener, "moor") {
		b.await("document.querySelectorAll('#loops tbody tr').length >= 1")
	}

	// The field has bounds, and out of these nothing is opened.
	var valid bool
	b.eval("document.getElementById('idle-number').value = 5100, document.getElementById('idle').checkValidity()", &valid)
	if valid {
		b.t.Error("the field takes 5100")
	}

	const n = 300
	b.eval(fmt.Sprintf("document.getElementById('idle-number').value = %d", n), nil)
	b.await("!document.getElementById('idle-open').disabled")
	b.eval("document.getElementById('idle-open').click()", nil)
	b.await(fmt.Sprintf(text, "idle-result") + fmt.Sprintf(".startsWith('%d opened in ')", n))
	b.await(figure("connections") + fmt.Sprintf(" > %d", n))
	if parks {
		b.await(figure("parked") + fmt.Sprintf(" >= %d && ", n) + figure("goroutines") + " < 100")
	} else {
		b.await(figure("active") + fmt.Sprintf(" > %d && ", n) + figure("parked") + " === 0 && " +
			figure("goroutines") + fmt.Sprintf(" > %d", n))
	}
	b.await("document.querySelector('dd[data-figure=bytes_per_connection]').textContent.endsWith('B')")
	b.await("document.querySelector('#chart-share .line') !== null")

	b.await("!document.getElementById('idle-close').disabled")
	b.eval("document.getElementById('idle-close').click()", nil)
	b.await(fmt.Sprintf(text, "idle-result") + fmt.Sprintf(" === '%d closed.'", n))
	b.await(figure("connections") + " < 20")
	b.await("document.getElementById('idle-close').disabled")
}
