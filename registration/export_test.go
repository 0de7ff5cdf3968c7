package registration

// Wakeups returns how often the Poll of r was woken from its sleep.
func (r *Registration) Wakeups() uint64 { return r.node.Queue().Wakeups() }

// FireLate runs what Go's timer runs, as it may when t was changed meanwhile.
func (t *Timer) FireLate() { t.fire() }
