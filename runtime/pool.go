package runtime

// A Task is something that a Pool's goroutines run.
type Task interface {
	Run()
}

// A Pool runs tasks that may block, which loops must not. Package runtime/pool
// has one.
type Pool interface {
	// Go runs t on one of the pool's goroutines, or keeps it until one is
	// free; it does not wait. No task is lost, so whoever calls it bounds how
	// many there are: a server has at most one for each connection, which it
	// does not read meanwhile.
	Go(t Task)
	// Room returns a channel that is closed once the pool has room for more
	// than what it keeps. A server accepts no connections before.
	Room() <-chan struct{}
}
