//go:build linux || windows

package conn

import "reflect"

// isOf reports whether v's type is one of the package's own.
func isOf(pkg string, v any) bool {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == pkg
}
