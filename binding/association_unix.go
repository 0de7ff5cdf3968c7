//go:build unix

package binding

import "github.com/moor-net/moor/netpoll"

// association and familyAssociation are empty: a Slot says everything.
type (
	association       struct{}
	familyAssociation struct{}
)

func (association) rearm(b *Binding, slot netpoll.Slot, ready netpoll.Ready) error {
	return (*b.owner()).Rearm(slot, ready)
}

func (association) forget(b *Binding, slot netpoll.Slot) error { return (*b.owner()).Forget(slot) }

// fixed reports why the object can't belong to another Poll.
func (association) fixed(*Binding) error { return nil }

// shared returns what duplicates of the object will share.
func (b *Binding) shared() familyAssociation { return familyAssociation{} }
