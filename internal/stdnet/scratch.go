package stdnet

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
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

// generator makes one Scratch.
type generator struct {
	tc      Toolchain
	module  string
	dir     string
	src     *source
	shims   *shims
	exports *exportData
	std     *types.Package
	lib     *library
	base    map[*testFile][]edit
}

// Generate makes the suite for the module that dir belongs to.
func Generate(tc Toolchain, dir string) (*Scratch, error) {
	g := &generator{tc: tc}
	if err := g.load(dir); err != nil {
		return nil, err
	}
	units := g.src.units()
	g.replace(units)

	s := &Scratch{
		Module:     g.module,
		ModuleDir:  g.dir,
		Dropped:    make(map[string]string),
		Library:    g.lib.String(),
		Overridden: len(g.lib.objects),
		Missing:    g.lib.missing,
		files:      make(map[string][]byte),
		testdata:   make(map[string]string),
	}
	for _, over := range []string{OverStd, OverLibrary} {
		s.testdata[path.Join(over, "net", "testdata")] = filepath.Join(g.src.dir, "testdata")
		s.testdata[path.Join(over, "testdata")] = filepath.Join(g.src.dir, "..", "testdata")
	}
	kept := newSelection(units)
	if err := g.narrow(kept, OverStd, stdLibrary(), s.files); err != nil {
		return nil, err
	}
	ours := kept.clone()
	if err := g.narrow(ours, OverLibrary, g.lib, s.files); err != nil {
		return nil, err
	}
	for _, u := range units {
		if !u.test {
			continue
		}
		if !kept.wanted[u] {
			s.Dropped[u.name] = kept.reason(u)
			continue
		}
		t := Test{Name: u.name, File: u.file.name}
		for name := range kept.namesOf(u) {
			t.Concerns = t.Concerns || overridable(name)
			t.Reaches = t.Reaches || g.lib.objects[name] != nil
		}
		if !ours.wanted[u] {
			t.Lost = ours.reason(u)
		}
		s.Tests = append(s.Tests, t)
	}
	return s, g.moduleFiles(s)
}

// load reads the module, Go's tests, the shims and the library.
func (g *generator) load(dir string) error {
	gomod, err := g.tc.env(dir, "GOMOD")
	if err != nil {
		return err
	}
	if gomod == "" || gomod == os.DevNull {
		return fmt.Errorf("%s is in no module", dir)
	}
	g.dir = filepath.Dir(gomod)
	out, err := g.tc.output(g.dir, "list", "-m")
	if err != nil {
		return err
	}
	g.module = strings.TrimSpace(string(out))
	if g.src, err = loadSource(g.tc, g.dir); err != nil {
		return err
	}
	shimRoot := g.module + "/internal/stdnet/shim"
	patterns := map[string]bool{"net": true, "os": true, "testing": true, shimRoot + "/...": true}
	for _, o := range overrides {
		for _, pkg := range o.packages {
			patterns[g.module+"/"+pkg] = true
		}
	}
	for _, f := range g.src.files {
		for _, spec := range f.syntax.Imports {
			if p := importPath(spec); !internalPath(p) && p != "unsafe" && p != "C" {
				patterns[p] = true
			}
		}
	}
	list, err := g.tc.list(g.dir, false, slices.Sorted(maps.Keys(patterns))...)
	if err != nil {
		return err
	}
	for _, p := range list {
		if strings.HasPrefix(p.ImportPath, g.module+"/") && len(p.GoFiles) > 0 && p.Export == "" {
			return fmt.Errorf("%s does not build: %s", p.ImportPath, p.Error.Err)
		}
	}
	g.exports = newExportData(token.NewFileSet(), list)
	if g.std, err = g.exports.Import("net"); err != nil {
		return err
	}
	if g.shims, err = newShims(g.exports, shimRoot, list); err != nil {
		return err
	}
	if g.lib, err = findLibrary(g.exports, g.module, g.std); err != nil {
		return err
	}
	g.base = make(map[*testFile][]edit)
	for _, f := range g.src.files {
		g.base[f] = g.src.rewrites(f, g.shims)
	}
	return nil
}

// replace marks the functions and methods of the tests that a shim stands in
// for.
func (g *generator) replace(units []*unit) {
	for _, u := range units {
		for _, obj := range u.objects {
			if _, ok := obj.(*types.Func); !ok {
				continue
			}
			shim := g.shims.forName(obj.Name())
			if recv := receiverOf(obj); recv != nil {
				shim = nil
				if !g.src.inTest[recv] {
					shim = g.shims.forMethod(recv.Name(), obj.Name())
				}
			}
			if shim != nil {
				u.replaced, u.uses = true, nil
			}
		}
	}
}

// packagePath is the import path of one of the scratch packages. It lies in
// the module's own tree, so that the internal shims can be imported.
func (g *generator) packagePath(over string) string {
	return g.module + "/internal/stdnet/scratch/" + over + "/net"
}

// narrow drops from the selection what does not compile over lib, and leaves
// the rest in files.
func (g *generator) narrow(sel *selection, over string, lib *library, files map[string][]byte) error {
	for {
		emitted, err := g.emit(sel, over, lib)
		if err != nil {
			return err
		}
		failures, err := g.compile(emitted, g.packagePath(over))
		if err != nil {
			return err
		}
		if len(failures) == 0 {
			for name, text := range emitted {
				files[path.Join(over, "net", name)] = text
			}
			return nil
		}
		for _, f := range failures {
			u := sel.at(g.src, f.file, f.line)
			if u == nil || !sel.wanted[u] {
				return fmt.Errorf("%s:%d of the package over %s: %s", f.file, f.line, over, f.message)
			}
			sel.drop(u, f.message)
		}
		sel.settle()
	}
}

// emit writes one scratch package.
func (g *generator) emit(sel *selection, over string, lib *library) (map[string][]byte, error) {
	var own []types.Object
	for _, name := range g.src.net.Scope().Names() {
		own = append(own, g.src.net.Scope().Lookup(name))
	}
	for _, u := range sel.units {
		if !u.replaced {
			own = slices.DeleteFunc(own, func(obj types.Object) bool { return slices.Contains(u.objects, obj) })
		}
	}
	text, err := facade(g.std, lib, g.shims, own)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"facade.go": text}
	files["setup_test.go"] = setupFile(g.shims, sel.has(setup))
	for _, f := range g.src.files {
		edits := slices.Clone(g.base[f])
		kept := false
		for _, u := range sel.units {
			if u.file != f {
				continue
			}
			if sel.wanted[u] && !u.replaced {
				kept = true
			} else {
				edits = append(edits, edit{start: u.start, end: u.end})
			}
		}
		if kept {
			files[f.name] = apply(f.text, append(edits, g.imports(f, sel.importsOf(f), over)...))
		}
	}
	return files, nil
}

// imports returns the edits that leave a file with the imports it needs.
func (g *generator) imports(f *testFile, needed map[*ast.ImportSpec]bool, over string) []edit {
	var edits []edit
	offset := func(pos token.Pos) int { return g.src.fset.Position(pos).Offset }
	for _, decl := range f.syntax.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.IMPORT {
			continue
		}
		for _, s := range gen.Specs {
			spec := s.(*ast.ImportSpec)
			at := importPath(spec)
			shim := g.shims.forPackage(at)
			var e edit
			switch {
			case f.external && at == "net":
				e = edit{offset(spec.Path.Pos()), offset(spec.Path.End()), fmt.Sprintf("%q", g.packagePath(over))}
			case needed[spec] && shim != nil:
				e = edit{offset(spec.Path.Pos()), offset(spec.Path.End()), fmt.Sprintf("%q", shim.Path())}
			case (needed[spec] || spec.Name != nil && spec.Name.Name == "_") && g.exports.has(at):
				continue
			case gen.Lparen.IsValid():
				e = edit{start: offset(spec.Pos()), end: offset(spec.End())}
			default:
				e = edit{start: offset(gen.Pos()), end: offset(gen.End())}
			}
			edits = append(edits, e)
		}
	}
	return edits
}

// failure is one complaint of the type checker.
type failure struct {
	file    string
	line    int
	message string
}

// compile type-checks a scratch package with its tests.
func (g *generator) compile(files map[string][]byte, pkgPath string) ([]failure, error) {
	var failures []failure
	fset := token.NewFileSet()
	conf := types.Config{Importer: g.exports, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) {
			at := e.Fset.Position(e.Pos)
			failures = append(failures, failure{at.Filename, at.Line, e.Msg})
		}
	}}
	var internal, external []*ast.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := parser.ParseFile(fset, name, files[name], parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(f.Name.Name, "_test") {
			external = append(external, f)
		} else {
			internal = append(internal, f)
		}
	}
	pkg, _ := conf.Check(pkgPath, fset, internal, nil)
	conf.Importer = substitute{g.exports, map[string]*types.Package{pkgPath: pkg}}
	conf.Check(pkgPath+"_test", fset, external, nil)
	return failures, nil
}

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
