//go:build unix

package parker

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The scheduler's side of what this package is linked to, in the Go version in
// use: names, parameters and numbers.
func TestSchedulerIsAsExpected(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("the sources of the Go version in use are needed to compare with: %v", err)
	}
	for file, wants := range map[string][]string{
		"proc.go": {
			`//go:linkname gopark\nfunc gopark\(unlockf func\(\*g, unsafe\.Pointer\) bool, lock unsafe\.Pointer, reason waitReason, traceReason traceBlockReason, traceskip int\) \{`,
			`//go:linkname goready\nfunc goready\(gp \*g, traceskip int\) \{`,
			`//go:linkname goyield\nfunc goyield\(\) \{`,
			`(?s)func goyield_m\(gp \*g\) \{.*?\n\trunqput\(pp, gp, false\)\n`,
		},
		"runtime2.go":     {`type waitReason uint8`, `waitReasonZero .*= iota.*\n\s*waitReasonGCAssistMarking.*\n\s*waitReasonIOWait`},
		"traceruntime.go": {`type traceBlockReason uint8`, `traceBlockGeneric traceBlockReason = iota\n\s*traceBlockForever\n\s*traceBlockNet\n`},
	} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src", "runtime", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !regexp.MustCompile(want).Match(text) {
				t.Errorf("runtime/%s has no %s", file, want)
			}
		}
	}
}
