package stdnet

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// overrides says where the library declares what replaces a name of package
// net. The first package that exports the name wins; a name that none of them
// exports stays std's and is reported. Everything else of package net, IPConn
// and its like among it, is std's anyway.
var overrides = []struct {
	name     string
	packages []string
}{
	{"Dial", []string{"conn"}},
	{"DialTCP", []string{"conn"}},
	{"DialTimeout", []string{"conn"}},
	{"DialUDP", []string{"conn"}},
	{"DialUnix", []string{"conn"}},
	{"Dialer", []string{"conn"}},
	{"FileConn", []string{"conn"}},
	{"FileListener", []string{"listener"}},
	{"FilePacketConn", []string{"conn", "listener"}},
	{"Listen", []string{"listener"}},
	{"ListenConfig", []string{"listener"}},
	{"ListenMulticastUDP", []string{"listener", "conn"}},
	{"ListenPacket", []string{"listener", "conn"}},
	{"ListenTCP", []string{"listener"}},
	{"ListenUDP", []string{"listener", "conn"}},
	{"ListenUnix", []string{"listener"}},
	{"ListenUnixgram", []string{"listener", "conn"}},
	{"TCPConn", []string{"conn"}},
	{"TCPListener", []string{"listener"}},
	{"UDPConn", []string{"conn"}},
	{"UnixConn", []string{"conn"}},
	{"UnixListener", []string{"listener"}},
}

// overridable reports whether the library is meant to replace a name.
func overridable(name string) bool {
	for _, o := range overrides {
		if o.name == name {
			return true
		}
	}
	return false
}

// library is what the library offers in place of package net.
type library struct {
	// objects are the overridden names.
	objects map[string]types.Object
	// missing are the names that the library has not got.
	missing []string
	// differences are exported methods, fields and signatures of std's that
	// the library's replacements lack or have otherwise.
	differences []string
}

// stdLibrary overrides nothing: std measured against itself.
func stdLibrary() *library { return &library{objects: make(map[string]types.Object)} }

// findLibrary looks up the overridden names in the packages below root.
func findLibrary(imp *exportData, root string, std *types.Package) (*library, error) {
	lib := stdLibrary()
	packages := make(map[string]*types.Package)
	for _, o := range overrides {
		for _, name := range o.packages {
			path := root + "/" + name
			if !imp.has(path) {
				continue
			}
			if packages[name] == nil {
				pkg, err := imp.Import(path)
				if err != nil {
					return nil, err
				}
				packages[name] = pkg
			}
			if obj := packages[name].Scope().Lookup(o.name); obj != nil && lib.objects[o.name] == nil {
				lib.objects[o.name] = obj
			}
		}
		if lib.objects[o.name] == nil {
			lib.missing = append(lib.missing, o.name)
		}
	}
	lib.compare(std)
	return lib, nil
}

// compare fills in the differences.
func (lib *library) compare(std *types.Package) {
	for _, o := range overrides {
		ours, theirs := lib.objects[o.name], std.Scope().Lookup(o.name)
		if ours == nil || theirs == nil {
			continue
		}
		if _, ok := theirs.(*types.TypeName); !ok {
			lib.compareMember(o.name, ours, theirs)
			continue
		}
		for member := range members(theirs.Type()) {
			want, _, _ := types.LookupFieldOrMethod(types.NewPointer(theirs.Type()), true, nil, member)
			got, _, _ := types.LookupFieldOrMethod(types.NewPointer(ours.Type()), true, nil, member)
			lib.compareMember(o.name+"."+member, got, want)
		}
	}
	slices.Sort(lib.differences)
}

// compareMember notes a difference between two functions, methods or fields.
func (lib *library) compareMember(name string, got, want types.Object) {
	if got == nil {
		lib.differences = append(lib.differences, name+" is missing")
		return
	}
	if g, w := lib.typeString(got.Type()), lib.typeString(want.Type()); g != w {
		lib.differences = append(lib.differences, fmt.Sprintf("%s is %s, std has %s", name, g, w))
	}
}

// typeString writes a type with the overridden names as if they were std's,
// and without the names of parameters.
func (lib *library) typeString(t types.Type) string {
	if sig, ok := t.(*types.Signature); ok {
		bare := func(tuple *types.Tuple) *types.Tuple {
			var vars []*types.Var
			for v := range tuple.Variables() {
				vars = append(vars, types.NewParam(0, nil, "", v.Type()))
			}
			return types.NewTuple(vars...)
		}
		t = types.NewSignatureType(nil, nil, nil, bare(sig.Params()), bare(sig.Results()), sig.Variadic())
	}
	return types.TypeString(t, func(p *types.Package) string {
		for _, obj := range lib.objects {
			if p == obj.Pkg() {
				return "net"
			}
		}
		return p.Path()
	})
}

// members yields the exported methods and fields of a named type.
func members(t types.Type) map[string]bool {
	names := make(map[string]bool)
	for sel := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		if sel.Obj().Exported() {
			names[sel.Obj().Name()] = true
		}
	}
	if st, ok := t.Underlying().(*types.Struct); ok {
		for f := range st.Fields() {
			if f.Exported() && !f.Embedded() {
				names[f.Name()] = true
			}
		}
	}
	return names
}

// String summarizes what is overridden, one line a package.
func (lib *library) String() string {
	byPackage := make(map[string][]string)
	for name, obj := range lib.objects {
		byPackage[obj.Pkg().Name()] = append(byPackage[obj.Pkg().Name()], name)
	}
	var b strings.Builder
	for _, pkg := range []string{"conn", "listener"} {
		if names := byPackage[pkg]; len(names) > 0 {
			slices.Sort(names)
			fmt.Fprintf(&b, "from %s: %s\n", pkg, strings.Join(names, ", "))
		}
	}
	if len(lib.missing) > 0 {
		fmt.Fprintf(&b, "WARNING: not in the library, std's own is run instead: %s\n", strings.Join(lib.missing, ", "))
	}
	for _, d := range lib.differences {
		fmt.Fprintf(&b, "API differs: %s\n", d)
	}
	return b.String()
}
