package stdnet

import (
	"fmt"
	"go/ast"
	"maps"
)

// selection says which units of the test files go into one scratch package.
type selection struct {
	units []*unit
	// dropped holds the units that do not compile, with the reason.
	dropped map[*unit]drop
	// wanted holds the units that a kept test needs, and the roots.
	wanted map[*unit]bool
}

// drop is why a unit cannot be kept: for a reason of its own, or because it
// needs another one.
type drop struct {
	reason string
	needs  *unit
}

// setup is the function that the tests' own TestMain calls to complete the
// tables some tests run through.
const setup = "setupTestData"

// newSelection starts with everything that is not unwanted from the outset.
func newSelection(units []*unit) *selection {
	sel := &selection{units: units, dropped: make(map[*unit]drop)}
	for _, u := range units {
		if u.reason != "" {
			sel.dropped[u] = drop{reason: u.reason}
		}
	}
	sel.settle()
	return sel
}

// clone returns a selection that can be narrowed on its own.
func (sel *selection) clone() *selection {
	c := &selection{units: sel.units, dropped: make(map[*unit]drop)}
	for u, d := range sel.dropped {
		c.dropped[u] = d
	}
	c.settle()
	return c
}

// drop removes a unit and everything that needs it. The first reason stands.
func (sel *selection) drop(u *unit, reason string) {
	if _, ok := sel.dropped[u]; !ok {
		sel.dropped[u] = drop{reason: reason}
	}
}

// settle carries the drops on to what depends on them, and finds out what is
// wanted after that.
func (sel *selection) settle() {
	for changed := true; changed; {
		changed = false
		for _, u := range sel.units {
			if _, ok := sel.dropped[u]; ok {
				continue
			}
			for _, other := range u.uses {
				if _, ok := sel.dropped[other]; ok {
					sel.dropped[u] = drop{needs: other}
					changed = true
					break
				}
			}
		}
	}
	sel.wanted = make(map[*unit]bool)
	for _, u := range sel.units {
		if u.test || u.root || u.name == setup {
			sel.want(u)
		}
	}
}

// want marks a unit and what it needs, unless it was dropped.
func (sel *selection) want(u *unit) {
	if _, ok := sel.dropped[u]; ok || sel.wanted[u] {
		return
	}
	sel.wanted[u] = true
	for _, other := range u.uses {
		sel.want(other)
	}
}

// reason explains a drop down to its cause.
func (sel *selection) reason(u *unit) string {
	d := sel.dropped[u]
	if d.needs == nil {
		return d.reason
	}
	return fmt.Sprintf("needs %s: %s", d.needs.name, sel.reason(d.needs))
}

// has reports whether a unit of that name is kept.
func (sel *selection) has(name string) bool {
	for u := range sel.wanted {
		if u.name == name {
			return true
		}
	}
	return false
}

// at returns the unit that covers a line of a file.
func (sel *selection) at(s *source, file string, line int) *unit {
	for _, u := range sel.units {
		if u.file.name != file {
			continue
		}
		tf := s.fset.File(u.file.syntax.Pos())
		if tf.Line(tf.Pos(u.start)) <= line && line <= tf.Line(tf.Pos(u.end)) {
			return u
		}
	}
	return nil
}

// namesOf returns the exported names of package net that a unit gets to,
// itself or through whatever it needs.
func (sel *selection) namesOf(u *unit) map[string]bool {
	names := make(map[string]bool)
	seen := make(map[*unit]bool)
	var visit func(u *unit)
	visit = func(u *unit) {
		if seen[u] {
			return
		}
		seen[u] = true
		maps.Copy(names, u.exported)
		for _, other := range u.uses {
			visit(other)
		}
	}
	visit(u)
	return names
}

// importsOf returns the import specs that a file's kept units need.
func (sel *selection) importsOf(f *testFile) map[*ast.ImportSpec]bool {
	needed := make(map[*ast.ImportSpec]bool)
	for u := range sel.wanted {
		if u.file == f && !u.replaced {
			for spec := range u.imports {
				needed[spec] = true
			}
		}
	}
	return needed
}
