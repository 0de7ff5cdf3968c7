// Package socktest stands in for net/internal/socktest as far as tests use it
// to keep calls from reaching the system that would fail there anyway. It
// filters nothing. What counts sockets or makes up errors is left out, so that
// the tests that rely on it drop out.
package socktest

// Switch would redirect system calls on sockets.
type Switch struct{}

// Set does nothing.
func (*Switch) Set(FilterType, Filter) {}

// FilterType names the system call that a filter is for.
type FilterType int

// The calls whose filters tests can do without.
const (
	FilterConnect FilterType = iota
	FilterListen
)

// Filter would be asked before a system call.
type Filter func(*Status) (AfterFilter, error)

// AfterFilter would be asked after a system call.
type AfterFilter func(*Status) error

// Status would describe the socket of a system call.
type Status struct{}
