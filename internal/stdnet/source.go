package stdnet

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
)

// source is Go's own package net for one target, its tests included.
type source struct {
	fset  *token.FileSet
	dir   string
	files []*testFile
	// info holds what every identifier of the test files stands for. It is
	// incomplete where the files do not type-check.
	info *types.Info
	// net is the package with its in-package tests.
	net *types.Package
	// inTest tells the objects that a test file declares.
	inTest map[types.Object]bool
}

// testFile is one _test.go file of package net.
type testFile struct {
	name     string
	text     []byte
	syntax   *ast.File
	external bool // it belongs to package net_test
}

// loadSource parses and type-checks package net as the go command would build
// its test for the target.
func loadSource(tc Toolchain, dir string) (*source, error) {
	list, err := tc.list(dir, true, "net")
	if err != nil {
		return nil, err
	}
	var pkg *listedPackage
	for i := range list {
		if list[i].ImportPath == "net" {
			pkg = &list[i]
		}
	}
	if pkg == nil || len(pkg.TestGoFiles) == 0 {
		return nil, fmt.Errorf("the installed Go has no tests of package net")
	}
	s := &source{
		fset:   token.NewFileSet(),
		dir:    pkg.Dir,
		inTest: make(map[types.Object]bool),
		info: &types.Info{
			Types:      make(map[ast.Expr]types.TypeAndValue),
			Defs:       make(map[*ast.Ident]types.Object),
			Uses:       make(map[*ast.Ident]types.Object),
			Implicits:  make(map[ast.Node]types.Object),
			Selections: make(map[*ast.SelectorExpr]*types.Selection),
		},
	}
	var own, internal, external []*ast.File
	for _, name := range append(pkg.GoFiles, pkg.CgoFiles...) {
		f, err := parser.ParseFile(s.fset, filepath.Join(s.dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		own = append(own, f)
	}
	for i, name := range append(pkg.TestGoFiles, pkg.XTestGoFiles...) {
		f, err := s.parseTest(name, i >= len(pkg.TestGoFiles))
		if err != nil {
			return nil, err
		}
		if f.external {
			external = append(external, f.syntax)
		} else {
			internal = append(internal, f.syntax)
		}
	}
	s.check(newExportData(s.fset, list), append(own, internal...), external)
	return s, nil
}

// parseTest reads one test file.
func (s *source) parseTest(name string, external bool) (*testFile, error) {
	path := filepath.Join(s.dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(s.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &testFile{name: name, text: text, syntax: syntax, external: external}
	s.files = append(s.files, f)
	return f, nil
}

// check resolves the identifiers. Errors are left aside: they come from
// packages that were compiled against another copy of package net, and a
// declaration that really does not compile is found when it is emitted.
func (s *source) check(imp types.Importer, internal, external []*ast.File) {
	conf := types.Config{Importer: imp, Error: func(error) {}, FakeImportC: true}
	s.net, _ = conf.Check("net", s.fset, internal, s.info)
	conf.Importer = substitute{imp, map[string]*types.Package{"net": s.net}}
	conf.Check("net_test", s.fset, external, s.info)
	for _, f := range s.files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if obj := s.info.Defs[id]; obj != nil {
					s.inTest[obj] = true
				}
			}
			return true
		})
	}
}

// substitute is an importer with some packages replaced.
type substitute struct {
	types.Importer
	packages map[string]*types.Package
}

// Import returns the replacement if there is one.
func (s substitute) Import(path string) (*types.Package, error) {
	if pkg := s.packages[path]; pkg != nil {
		return pkg, nil
	}
	return s.Importer.Import(path)
}
