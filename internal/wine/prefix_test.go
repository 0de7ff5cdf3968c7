//go:build unix

package wine_test

import (
	"path/filepath"
	"testing"

	"github.com/moor-net/moor/internal/wine"
)

func TestSessionsHavePrefixesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[string]bool)
	var releases []func() error
	for range wine.MaxPrefixes {
		path, release, err := wine.TakePrefix(dir)
		if err != nil {
			t.Fatal(err)
		}
		if seen[path] {
			t.Errorf("%s was given out twice", path)
		}
		seen[path] = true
		releases = append(releases, release)
	}
	if path, _, err := wine.TakePrefix(dir); err == nil {
		t.Errorf("one more than there are: %s", path)
	}
	if err := releases[2](); err != nil {
		t.Fatal(err)
	}
	path, release, err := wine.TakePrefix(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "2"); path != want {
		t.Errorf("got %s, want %s, which was let go of", path, want)
	}
	release()
}

func TestVersionsHavePrefixesOfTheirOwn(t *testing.T) {
	old, new := wine.Versioned("wine-8.0 (Debian 8.0~repack-4)"), wine.Versioned("wine-10.0")
	if old == new {
		t.Errorf("both are in %s", old)
	}
	if name := filepath.Base(old); name != "wine-8.0__Debian_8.0_repack-4_-1" {
		t.Errorf("the directory's name is %q", name)
	}
}
