package wine_test

import (
	"bytes"
	"encoding/json"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moor-net/moor/internal/wine"
)

// replaced reads what an overlay file replaces.
func replaced(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &overlay); err != nil {
		t.Fatal(err)
	}
	return overlay.Replace
}

func TestOverlayPatchesTheInstalledGo(t *testing.T) {
	path, err := wine.Overlay(build.Default.GOROOT, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := replaced(t, path)
	if len(files) != 2 {
		t.Errorf("%d files are replaced, want 2", len(files))
	}
	for original, patched := range files {
		before, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(patched)
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsAbs(patched) {
			t.Errorf("%s is not absolute", patched)
		}
		if bytes.Equal(before, after) {
			t.Errorf("%s is as it was", original)
		}
		if bytes.Count(before, []byte("\n")) != bytes.Count(after, []byte("\n")) {
			t.Errorf("%s has other line numbers", original)
		}
	}
}

const (
	deleteat = `package windows
func Deleteat() error {
	switch err {
	case nil:
		return nil
	case STATUS_INVALID_INFO_CLASS, // a comment
		STATUS_NOT_SUPPORTED:
		return fallback()
	}
	return err
}
`
	control = `package net
func (fd *netFD) init() error {
	var err error
	err = syscall.WSAIoctl(fd, windows.SIO_UDP_CONNRESET)
	if err != nil {
		return err
	}
	err = syscall.WSAIoctl(fd, windows.SIO_UDP_NETRESET)
	if err != nil {
		return err
	}
	return nil
}
`
)

// standardLibrary writes a GOROOT with the two files.
func standardLibrary(t *testing.T, windows, net string) string {
	t.Helper()
	root := t.TempDir()
	for name, src := range map[string]string{"internal/syscall/windows/at_windows.go": windows, "net/fd_windows.go": net} {
		path := filepath.Join(root, "src", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestOverlayInsertsAtTheRightPlace(t *testing.T) {
	root := standardLibrary(t, deleteat, control)
	path, err := wine.Overlay(root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"at_windows.go": strings.Replace(deleteat, "CLASS,", "CLASS, NTStatus(0xC0000002),", 1),
		"fd_windows.go": strings.Replace(control, "NETRESET)", "NETRESET); if err == syscall.Errno(10045) { err = nil }", 1),
	}
	for original, patched := range replaced(t, path) {
		got, err := os.ReadFile(patched)
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(original); string(got) != want[name] {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want[name])
		}
	}
}

// A Go whose files have changed is not tested without the patch.
func TestOverlayRefusesAnUnknownGo(t *testing.T) {
	for name, root := range map[string]string{
		"other constant":  standardLibrary(t, strings.Replace(deleteat, "INVALID_INFO_CLASS", "OTHER", 1), control),
		"other function":  standardLibrary(t, strings.Replace(deleteat, "Deleteat", "Remove", 1), control),
		"two places":      standardLibrary(t, deleteat, strings.Replace(control, "CONNRESET", "NETRESET", 1)),
		"no call":         standardLibrary(t, deleteat, strings.Replace(control, "NETRESET", "OTHER", 1)),
		"not a Go file":   standardLibrary(t, deleteat, "net"),
		"no such library": t.TempDir(),
	} {
		if _, err := wine.Overlay(root, t.TempDir()); err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), root) {
			t.Errorf("%s: %v does not name the file", name, err)
		}
	}
}
