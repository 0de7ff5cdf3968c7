//go:build !race

package parker

import "sync/atomic"

func cas(word *uintptr, old, new uintptr) bool {
	return atomic.CompareAndSwapUintptr(word, old, new)
}
