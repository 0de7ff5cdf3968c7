package stdnet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Scratch is the generated test suite: package net twice, over std and over
// the library. Nothing of it needs to be on disk before Write.
type Scratch struct {
	// Module is the import path of the module under test, ModuleDir where it is.
	Module, ModuleDir string
	// Tests are the test functions that compile over std.
	Tests []Test
	// Dropped tells for each other test why it is not among them.
	Dropped map[string]string
	// Library says what of package net the library replaces.
	Library string
	// Overridden is the number of names that it replaces.
	Overridden int
	// Missing are the names that it was meant to replace and has not got.
	Missing []string

	files    map[string][]byte // by slash-separated path
	testdata map[string]string // Go's directories of test data, by where they go
}

// Test is a test function of package net.
type Test struct {
	// Name is the function's name, File the base name of its file.
	Name, File string
	// Concerns is set if the test gets to a name that the library is meant to
	// replace, Reaches if it gets to one that the library does replace.
	Concerns, Reaches bool
	// Lost says why the test does not compile over the library, if so.
	Lost string
}

// What a scratch package runs over, which is also its place in the suite.
const (
	OverStd     = "std"
	OverLibrary = "library"
)

// moduleFiles adds what makes the scratch directory a module: the requirements
// of the module under test and its checksums, so that nothing has to be
// fetched.
func (g *generator) moduleFiles(s *Scratch) error {
	text, err := os.ReadFile(filepath.Join(g.dir, "go.mod"))
	if err != nil {
		return err
	}
	gomod := strings.Replace(string(text), "module "+g.module, "module "+g.module+"/internal/stdnet/scratch", 1)
	s.files["go.mod"] = fmt.Appendf(nil, "%s\nrequire %s v0.0.0\n\nreplace %s => %q\n", gomod, g.module, g.module, g.dir)
	sums, err := os.ReadFile(filepath.Join(g.dir, "go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.files["go.sum"] = sums
	return nil
}

// Write puts the suite into dir, which must be empty or not exist.
func (s *Scratch) Write(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	for name, text := range s.files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o666); err != nil {
			return err
		}
	}
	for to, from := range s.testdata {
		if err := os.CopyFS(filepath.Join(dir, filepath.FromSlash(to)), os.DirFS(from)); err != nil {
			return err
		}
	}
	return nil
}
