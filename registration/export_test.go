package registration

// Wakeups returns how often the Poll of r was woken from its sleep.
func (r *Registration) Wakeups() uint64 { return r.node.Queue().Wakeups() }
