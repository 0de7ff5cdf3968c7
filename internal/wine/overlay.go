package wine

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
)

// A patch is a change to one file of the standard library: a text that is
// inserted, without a new line, so that line numbers stay as they are.
type patch struct {
	file   string // below GOROOT/src
	text   string
	place  func(*ast.File) []token.Pos // where the text goes
	effect string
}

var patches = []patch{
	{
		file: "internal/syscall/windows/at_windows.go",
		// STATUS_NOT_IMPLEMENTED. Windows says STATUS_INVALID_INFO_CLASS where
		// it can't delete with POSIX semantics.
		text:   ", NTStatus(0xC0000002)",
		place:  caseIn("Deleteat", "STATUS_INVALID_INFO_CLASS"),
		effect: "deleting files",
	},
	{
		file: "net/fd_windows.go",
		// WSAEOPNOTSUPP.
		text:   "; if err == syscall.Errno(10045) { err = nil }",
		place:  callWith("WSAIoctl", "SIO_UDP_NETRESET"),
		effect: "making UDP sockets",
	},
}

// Overlay patches copies of the standard library's files in goroot, writes them
// to dir, and returns the path of an overlay file as go build -overlay takes
// it. It fails when a place to be patched is not found exactly once.
func Overlay(goroot, dir string) (string, error) {
	replace := make(map[string]string)
	for _, p := range patches {
		original := filepath.Join(goroot, "src", filepath.FromSlash(p.file))
		src, err := os.ReadFile(original)
		if err != nil {
			return "", err
		}
		if src, err = p.apply(src); err != nil {
			return "", fmt.Errorf("%s: %w", original, err)
		}
		patched := filepath.Join(dir, filepath.Base(original))
		if err := os.WriteFile(patched, src, 0o666); err != nil {
			return "", err
		}
		replace[original] = patched
	}
	list, err := json.Marshal(struct{ Replace map[string]string }{replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o666)
}

// apply returns src with the patch.
func (p *patch) apply(src []byte) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, p.file, src, 0)
	if err != nil {
		return nil, err
	}
	places := p.place(file)
	if len(places) != 1 {
		return nil, fmt.Errorf("%d places found to patch instead of one: this Go needs another patch for %s under Wine", len(places), p.effect)
	}
	src = slices.Insert(src, fset.Position(places[0]).Offset, []byte(p.text)...)
	if _, err := parser.ParseFile(token.NewFileSet(), p.file, src, 0); err != nil {
		return nil, fmt.Errorf("after the patch: %w", err)
	}
	return src, nil
}

// caseIn finds, in a function, the ends of a constant's name in lists of cases.
func caseIn(function, constant string) func(*ast.File) []token.Pos {
	return func(file *ast.File) (places []token.Pos) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Name.Name != function {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if clause, ok := n.(*ast.CaseClause); ok {
					for _, e := range clause.List {
						if id, ok := e.(*ast.Ident); ok && id.Name == constant {
							places = append(places, id.End())
						}
					}
				}
				return true
			})
		}
		return places
	}
}

// callWith finds the ends of assignments to err of what a function of another
// package returns that is called with a constant of a third package.
func callWith(function, constant string) func(*ast.File) []token.Pos {
	named := func(e ast.Expr, name string) bool {
		sel, ok := e.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == name
	}
	return func(file *ast.File) (places []token.Pos) {
		ast.Inspect(file, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			if !ok || len(a.Lhs) != 1 {
				return true
			}
			id, ok := a.Lhs[0].(*ast.Ident)
			call, called := a.Rhs[0].(*ast.CallExpr)
			if ok && called && id.Name == "err" && named(call.Fun, function) &&
				slices.ContainsFunc(call.Args, func(e ast.Expr) bool { return named(e, constant) }) {
				places = append(places, a.End())
			}
			return true
		})
		return places
	}
}
