package stdnet

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// flawed generates the suite for the library with faults in testdata.
func flawed(t *testing.T) *Scratch {
	t.Helper()
	s, err := Generate(Config{Dir: ".", Library: "github.com/moor-net/moor/internal/stdnet/testdata/flawed"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatTheLibraryLacksIsSaid(t *testing.T) {
	s := flawed(t)
	if s.Overridden != 4 {
		t.Errorf("%d names overridden, want Dial, TCPConn, TCPListener and ListenConfig", s.Overridden)
	}
	if !slices.Contains(s.Missing, "UDPConn") || slices.Contains(s.Missing, "TCPConn") {
		t.Errorf("missing: %v", s.Missing)
	}
	for _, want := range []string{
		"from conn: Dial, TCPConn\n",
		"from listener: ListenConfig, TCPListener\n",
		"std's own is run instead: DialTCP,",
		"API differs: TCPConn.SetNoDelay is func() error, std has func(bool) error\n",
	} {
		if !strings.Contains(s.Library, want) {
			t.Errorf("no %q in:\n%s", want, s.Library)
		}
	}
	if strings.Contains(s.Library, "SetLinger") {
		t.Errorf("SetLinger has std's signature, and yet:\n%s", s.Library)
	}
}

func TestAFlawedLibraryIsFoundOut(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and runs two test binaries")
	}
	s := flawed(t)
	dir := t.TempDir()
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	tests, _, err := Select(s.Tests, "^(TestConnClose|TestReadTimeout|TestNotTemporaryRead|TestListenerClose|TestListenConfigControl)$", false)
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{Dir: dir, Timeout: time.Minute, Log: t.Logf}
	rows, err := r.RunBoth(tests)
	if err != nil {
		t.Fatal(err)
	}
	if err := Baseline(rows); err != nil {
		t.Error(err)
	}
	got := make(map[string]Row)
	for _, row := range rows {
		if row.Std.Outcome == Fail {
			t.Errorf("%s fails over std:\n%s", row.Name, row.Std.Output)
		}
		got[row.Name] = row
	}
	for name, want := range map[string]Outcome{
		"TestConnClose":           Pass,
		"TestListenerClose":       Pass,
		"TestReadTimeout":         Fail,
		"TestNotTemporaryRead":    Crash,
		"TestListenConfigControl": Lost,
		wholeProcess:              Crash,
	} {
		if res := got[name].Library; res.Outcome != want {
			t.Errorf("%s: %v over the flawed library, want %v\n%s", name, res.Outcome, want, res.Output)
		}
	}
	if again := got["TestReadTimeout"].Again; again != Fail {
		t.Errorf("TestReadTimeout on its own: %v, want a failure again", again)
	}
}
