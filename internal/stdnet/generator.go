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

// Config says what the suite is generated for.
type Config struct {
	Toolchain Toolchain
	// Dir is a directory of the module that the suite becomes part of.
	Dir string
	// Library is the import path below which the library's packages conn and
	// listener are; empty means the module's own.
	Library string
}

// generator makes one Scratch.
type generator struct {
	tc      Toolchain
	library string
	module  string
	dir     string
	src     *source
	shims   *shims
	exports *exportData
	std     *types.Package
	lib     *library
	base    map[*testFile][]edit
}

// Generate makes the suite.
func Generate(conf Config) (*Scratch, error) {
	g := &generator{tc: conf.Toolchain, library: conf.Library}
	if err := g.load(conf.Dir); err != nil {
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
	if g.library == "" {
		g.library = g.module
	}
	if g.src, err = loadSource(g.tc, g.dir); err != nil {
		return err
	}
	shimRoot := g.module + "/internal/stdnet/shim"
	patterns := map[string]bool{"net": true, "os": true, "testing": true, shimRoot + "/...": true}
	for _, o := range overrides {
		for _, pkg := range o.packages {
			patterns[g.library+"/"+pkg] = true
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
	if g.lib, err = findLibrary(g.exports, g.library, g.std); err != nil {
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
