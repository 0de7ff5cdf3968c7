package stdnet

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// edit replaces the bytes [start, end) of a file. The line breaks in there
// survive, so that a position in an emitted file is one in Go's own.
type edit struct {
	start, end int
	text       string
}

// apply makes the edits; one that lies inside another is swallowed by it.
func apply(text []byte, edits []edit) []byte {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.start < at {
			continue
		}
		out.Write(text[at:e.start])
		out.WriteString(e.text)
		for range bytes.Count(text[e.start:e.end], []byte("\n")) - strings.Count(e.text, "\n") {
			out.WriteByte('\n')
		}
		at = e.end
	}
	out.Write(text[at:])
	return out.Bytes()
}

// rewriter finds the edits that the kept declarations of a file need to live
// outside Go's tree:
//   - a method that a test file declares on a type of package net becomes a
//     function, since the type is an alias of a foreign one;
//   - so does a method that a shim replaces;
//   - a pointer to an unexported type becomes the shim's interface;
//   - a connection's descriptor, passed to a function that a shim replaces,
//     becomes the connection.
type rewriter struct {
	*source
	shims *shims
	file  *testFile
	edits []edit
}

// rewrites returns a file's edits, imports left aside.
func (s *source) rewrites(f *testFile, sh *shims) []edit {
	r := &rewriter{source: s, shims: sh, file: f}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			r.declaration(n)
		case *ast.CallExpr:
			r.call(n)
		case *ast.StarExpr:
			r.star(n)
		}
		return true
	})
	return r.edits
}

func (r *rewriter) offset(pos token.Pos) int { return r.fset.Position(pos).Offset }

func (r *rewriter) text(n ast.Node) string {
	return string(r.file.text[r.offset(n.Pos()):r.offset(n.End())])
}

func (r *rewriter) replace(from, to token.Pos, text string) {
	r.edits = append(r.edits, edit{r.offset(from), r.offset(to), text})
}

// foreign reports whether a method belongs to a type of package net that no
// test file declares, and how the function is called that takes its place.
func (r *rewriter) foreign(method types.Object) (function string, ok bool) {
	recv := receiverOf(method)
	if recv == nil || recv.Pkg() != r.net || r.inTest[recv] {
		return "", false
	}
	if !r.inTest[method] && r.shims.forMethod(recv.Name(), method.Name()) == nil {
		return "", false
	}
	return methodFunction(recv.Name(), method.Name()), true
}

// declaration turns a method of a foreign type into a function.
func (r *rewriter) declaration(decl *ast.FuncDecl) {
	function, ok := r.foreign(r.info.Defs[decl.Name])
	if !ok {
		return
	}
	receiver := r.text(decl.Recv)
	receiver = strings.TrimSuffix(strings.TrimPrefix(receiver, "("), ")")
	if decl.Type.Params.NumFields() > 0 {
		receiver += ", "
	}
	r.replace(decl.Recv.Pos(), decl.Type.Params.Opening+1, function+"("+receiver)
}

// call turns the call of such a method into a call of the function.
func (r *rewriter) call(call *ast.CallExpr) {
	if id, ok := call.Fun.(*ast.Ident); ok {
		if obj := r.info.Uses[id]; obj != nil && obj.Parent() == r.net.Scope() && r.shims.forName(id.Name) != nil {
			r.descriptors(call.Args)
		}
		return
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	selection := r.info.Selections[sel]
	if selection == nil || selection.Kind() != types.MethodVal || len(selection.Index()) > 1 {
		return
	}
	function, ok := r.foreign(selection.Obj())
	if !ok {
		return
	}
	receiver := r.text(sel.X)
	_, have := selection.Recv().(*types.Pointer)
	_, want := selection.Obj().(*types.Func).Signature().Recv().Type().(*types.Pointer)
	switch {
	case want && !have:
		receiver = "&" + receiver
	case have && !want:
		receiver = "*" + receiver
	}
	if len(call.Args) > 0 {
		receiver += ", "
	}
	r.replace(call.Pos(), call.Lparen+1, function+"("+receiver)
}

// descriptors turns arguments that are a connection's descriptor into the
// connection itself.
func (r *rewriter) descriptors(args []ast.Expr) {
	for _, arg := range args {
		sel, ok := arg.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		field := r.info.Selections[sel]
		if field != nil && field.Kind() == types.FieldVal && field.Obj().Pkg() == r.net && field.Obj().Name() == "fd" {
			r.replace(sel.X.End(), sel.End(), "")
		}
	}
}

// star drops the star before a type that a shim declares as an interface.
func (r *rewriter) star(star *ast.StarExpr) {
	var shim types.Object
	switch x := star.X.(type) {
	case *ast.Ident:
		if obj := r.info.Uses[x]; obj != nil && obj.Pkg() == r.net && !r.inTest[obj] {
			shim = r.shims.forName(x.Name)
		}
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok {
			if name, ok := r.info.Uses[id].(*types.PkgName); ok {
				if pkg := r.shims.forPackage(name.Imported().Path()); pkg != nil {
					shim = pkg.Scope().Lookup(x.Sel.Name)
				}
			}
		}
	}
	if isInterface(shim) {
		r.replace(star.Star, star.X.Pos(), "")
	}
}

// importPath returns what an import spec names.
func importPath(spec *ast.ImportSpec) string {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return path
}
