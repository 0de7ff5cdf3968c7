package stdnet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

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
			case (needed[spec] || spec.Name != nil && spec.Name.Name == "_") && !internalPath(at) && g.exports.has(at):
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
