// Package conn has network connections that are package net's in every
// respect but how they wait: a blocked call sleeps until an event loop of
// package runtime wakes it, and an idle connection holds no goroutine and no
// buffer.
//
// Names, signatures, defaults and error values are those of package net; a
// program changes an import and nothing else. Any number of goroutines may
// call any method of a connection at the same time.
package conn
