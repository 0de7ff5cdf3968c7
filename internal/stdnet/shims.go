package stdnet

import (
	"go/token"
	"go/types"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shims are the replacements for what the tests use and a package outside
// Go's own tree cannot reach. What exists is found by looking at the packages
// under shim/, so a new shim needs no entry anywhere.
type shims struct {
	// root is the import path of the shims for package net itself.
	root string
	// own is that package: supportsIPv4 is replaced by its SupportsIPv4, the
	// method isWildcard of TCPAddr by its TCPAddrIsWildcard.
	own *types.Package
	// packages replaces Go's internal packages, by their import path.
	packages map[string]*types.Package
}

// newShims finds the shims among the packages of the module's import path root.
func newShims(imp types.Importer, root string, list []listedPackage) (*shims, error) {
	s := &shims{root: root, packages: make(map[string]*types.Package)}
	var err error
	if s.own, err = imp.Import(root); err != nil {
		return nil, err
	}
	for _, p := range list {
		if name, ok := strings.CutPrefix(p.ImportPath, root+"/"); ok {
			if s.packages[name], err = imp.Import(p.ImportPath); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// internalPath reports whether only Go's own packages may import the path.
func internalPath(importPath string) bool {
	for elem := range strings.SplitSeq(importPath, "/") {
		if elem == "internal" {
			return true
		}
	}
	return false
}

// forPackage returns what replaces an internal package, or nil.
func (s *shims) forPackage(importPath string) *types.Package {
	if !internalPath(importPath) {
		return nil
	}
	return s.packages[path.Base(importPath)]
}

// forName returns what replaces an unexported name of package net, or nil.
func (s *shims) forName(name string) types.Object {
	if token.IsExported(name) {
		return nil
	}
	return s.lookup(upperFirst(strings.TrimLeft(name, "_")))
}

// forMethod returns the function that replaces a method, or nil.
func (s *shims) forMethod(typeName, method string) types.Object {
	return s.lookup(methodFunction(typeName, method))
}

func (s *shims) lookup(name string) types.Object {
	if obj := s.own.Scope().Lookup(name); obj != nil && obj.Exported() {
		return obj
	}
	return nil
}

// methodFunction names the function that a method is turned into.
func methodFunction(typeName, method string) string {
	return typeName + upperFirst(method)
}

// upperFirst makes the first letter a capital.
func upperFirst(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[n:]
}

// isInterface reports whether obj is a type whose values are of any type that
// has the right methods.
func isInterface(obj types.Object) bool {
	t, ok := obj.(*types.TypeName)
	return ok && types.IsInterface(t.Type())
}
