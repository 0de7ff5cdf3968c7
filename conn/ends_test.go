package conn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync/atomic"
)

// writingEnd returns a pipe's.
func writingEnd() *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	runtime.AddCleanup(w, func(r *os.File) { r.Close() }, r)
	return w
}

// readingEnd returns that of a pipe that holds text and ends then.
func readingEnd(text string) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	w.WriteString(text)
	w.Close()
	return r
}

// regular returns a regular file that is gone when it is closed.
func regular() *os.File {
	f, err := vanishing(filepath.Join(os.TempDir(), fmt.Sprintf("moor-%d-%d", os.Getpid(), regulars.Add(1))))
	if err != nil {
		panic(err)
	}
	return f
}

var (
	regulars    atomic.Int64
	regularName = regexp.MustCompile(`[^ "]*moor-\d+-\d+`)
)
