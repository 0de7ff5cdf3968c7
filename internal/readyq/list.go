package readyq

// A list is a chain of nodes that its holder owns the links of.
type list struct {
	first, last *Node
}

func (l *list) empty() bool { return l.first == nil }

func (l *list) append(n *Node) {
	n.next = nil
	if l.first == nil {
		l.first = n
	} else {
		l.last.next = n
	}
	l.last = n
}

// shift removes the first node. Its link is cleared, so that a node that lives
// on does not keep others in memory.
func (l *list) shift() *Node {
	n := l.first
	l.first, n.next = n.next, nil
	if l.first == nil {
		l.last = nil
	}
	return n
}

// appendReversed appends a chain of nodes, the last one first.
func (l *list) appendReversed(newest *Node) {
	if newest == nil {
		return
	}
	var first *Node
	for n := newest; n != nil; {
		n.next, first, n = first, n, n.next
	}
	l.join(&list{first, newest})
}

// join moves all nodes of other to the end of l.
func (l *list) join(other *list) {
	if other.first == nil {
		return
	}
	if l.first == nil {
		l.first = other.first
	} else {
		l.last.next = other.first
	}
	l.last = other.last
	*other = list{}
}
