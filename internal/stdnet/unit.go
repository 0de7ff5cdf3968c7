package stdnet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unit is the smallest piece of a test file that is kept or dropped: a
// function, a method, one spec of a var or type declaration, a const group.
type unit struct {
	file *testFile
	// start and end are the piece's bytes in the file.
	start, end int
	// name is what reports call it.
	name string
	// test is set for a test function.
	test bool
	// root is set for what has effects without being called: an init function
	// and a variable that discards its value.
	root bool
	// objects are what the unit declares, uses the units it refers to,
	// imports the import specs it needs, exported the names of package net.
	objects  []types.Object
	uses     []*unit
	imports  map[*ast.ImportSpec]bool
	exported map[string]bool
	// replaced is set for a method that a shim stands in for.
	replaced bool
	// reason says why the unit is unwanted, whether it compiles or not.
	reason string
}

// harmful are tests that change the machine they run on.
var harmful = map[string]string{
	"TestInterfaceArrivalAndDeparture":          "adds and removes network interfaces",
	"TestInterfaceArrivalAndDepartureZoneCache": "adds and removes network interfaces",
	"TestPointToPointInterface":                 "adds and removes network interfaces",
}

// kind of a top-level function by its name.
type functionKind int

const (
	helper functionKind = iota
	testFunction
	unwanted // benchmarks, examples, fuzz tests and TestMain
)

// kindOf classifies a top-level function the way the testing package does.
func kindOf(decl *ast.FuncDecl) functionKind {
	name := decl.Name.Name
	switch {
	case decl.Recv != nil:
		return helper
	case name == "TestMain":
		return unwanted
	case hasTestPrefix(name, "Test"):
		return testFunction
	case hasTestPrefix(name, "Benchmark"), hasTestPrefix(name, "Example"), hasTestPrefix(name, "Fuzz"):
		return unwanted
	}
	return helper
}

// hasTestPrefix reports whether name is prefix alone or prefix and a word.
func hasTestPrefix(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || !unicode.IsLower(r)
}

// units cuts the test files into units and finds what each refers to.
func (s *source) units() []*unit {
	var all []*unit
	owner := make(map[types.Object]*unit)
	nodes := make(map[*unit]ast.Node)
	for _, f := range s.files {
		for _, decl := range f.syntax.Decls {
			for _, node := range pieces(decl) {
				u := s.newUnit(f, node)
				for _, obj := range u.objects {
					owner[obj] = u
				}
				all = append(all, u)
				nodes[u] = node
			}
		}
	}
	for _, u := range all {
		s.resolve(u, nodes[u], owner)
	}
	return all
}

// pieces returns the nodes that can be dropped one without the other. Imports
// are none of them: they follow from what is kept.
func pieces(decl ast.Decl) []ast.Node {
	gen, ok := decl.(*ast.GenDecl)
	switch {
	case !ok:
		return []ast.Node{decl}
	case gen.Tok == token.IMPORT:
		return nil
	case gen.Tok == token.CONST || !gen.Lparen.IsValid():
		return []ast.Node{gen}
	}
	var specs []ast.Node
	for _, spec := range gen.Specs {
		specs = append(specs, spec)
	}
	return specs
}

// newUnit describes the declaration in node.
func (s *source) newUnit(f *testFile, node ast.Node) *unit {
	u := &unit{
		file:     f,
		start:    s.fset.Position(node.Pos()).Offset,
		end:      s.fset.Position(node.End()).Offset,
		imports:  make(map[*ast.ImportSpec]bool),
		exported: make(map[string]bool),
	}
	declare := func(id *ast.Ident) {
		if u.name == "" {
			u.name = id.Name
		}
		if obj := s.info.Defs[id]; obj != nil {
			u.objects = append(u.objects, obj)
		}
	}
	specs := []ast.Spec{}
	switch n := node.(type) {
	case *ast.FuncDecl:
		declare(n.Name)
		u.root = n.Recv == nil && n.Name.Name == "init"
		switch kindOf(n) {
		case testFunction:
			u.test = true
			u.reason = harmful[n.Name.Name]
		case unwanted:
			u.reason = "not a test"
		}
	case *ast.GenDecl:
		specs = n.Specs
	case ast.Spec:
		specs = []ast.Spec{n}
	}
	for _, spec := range specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			declare(spec.Name)
		case *ast.ValueSpec:
			for _, id := range spec.Names {
				declare(id)
				u.root = u.root || id.Name == "_"
			}
		}
	}
	return u
}

// resolve fills in what the unit refers to. A method belongs to its type: what
// uses the type needs the method too, since an interface may be the only one
// to call it.
func (s *source) resolve(u *unit, node ast.Node, owner map[types.Object]*unit) {
	specs := make(map[types.Object]*ast.ImportSpec)
	for _, spec := range u.file.syntax.Imports {
		if spec.Name != nil {
			specs[s.info.Defs[spec.Name]] = spec
		} else {
			specs[s.info.Implicits[spec]] = spec
		}
	}
	ast.Inspect(node, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		obj := s.info.Uses[id]
		if obj == nil {
			return true
		}
		if spec := specs[obj]; spec != nil {
			u.imports[spec] = true
		}
		if other := owner[obj]; other != nil && other != u {
			u.use(other)
		} else if obj.Pkg() == s.net && obj.Exported() && obj.Parent() == s.net.Scope() {
			u.exported[obj.Name()] = true
		}
		return true
	})
	decl, ok := node.(*ast.FuncDecl)
	if !ok || decl.Recv == nil {
		return
	}
	if recv := receiverOf(s.info.Defs[decl.Name]); recv != nil && owner[recv] != nil {
		owner[recv].use(u)
	}
}

// use notes that the unit refers to another.
func (u *unit) use(other *unit) {
	if !slices.Contains(u.uses, other) {
		u.uses = append(u.uses, other)
	}
}

// receiverOf returns the type that a method belongs to, or nil.
func receiverOf(obj types.Object) *types.TypeName {
	fn, ok := obj.(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return nil
	}
	t := fn.Signature().Recv().Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if named, ok := t.(*types.Named); ok {
		return named.Obj()
	}
	return nil
}
