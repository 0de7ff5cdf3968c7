package netpoll

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// All tests run with the memory of requests checked: see blockPool.
func init() { pollBlocks.check = true }

// VerifyPollBlocks reports memory that the kernel wrote to although it was given
// back.
func VerifyPollBlocks() error { return pollBlocks.verify() }

// PollBlocksLent returns the number of blocks that are not given back.
func PollBlocksLent() int {
	pollBlocks.mu.Lock()
	defer pollBlocks.mu.Unlock()
	return pollBlocks.lent
}

// Packets returns the counts of a Poll's requests that are begun, and of sockets
// that are gone but wait for a packet.
func Packets(p *Poll) (requests, gone int) {
	p.sel.mu.Lock()
	defer p.sel.mu.Unlock()
	return p.sel.requests, p.sel.gone
}

// PostStray puts a packet of somebody else's handle at a Poll's port that has no
// OVERLAPPED.
func PostStray(p *Poll) error { return p.sel.port.post(foreignKey) }

// RefuseRequests makes the driver refuse all requests of a Poll, until works is
// called: they go to a handle that is none.
func RefuseRequests(p *Poll) (works func()) {
	const none = 0x7ffffff0
	s := p.sel
	s.mu.Lock()
	defer s.mu.Unlock()
	handles := make(map[*afd]windows.Handle)
	for _, a := range s.afds {
		handles[a] = a.handle
		a.handle = none
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for a, h := range handles {
			a.handle = h
		}
	}
}

// RefuseWakes makes the system refuse all wake-ups of a Poll, until works is called:
// they go to a port that is none. Neither may happen while somebody wakes.
func RefuseWakes(p *Poll) (works func()) {
	s := p.sel
	set := func(to port) {
		s.mu.Lock() // those that are owed
		defer s.mu.Unlock()
		s.wakes = to
	}
	set(port{0x7ffffff0})
	return func() { set(s.port) }
}

// verify reports a block that was written to after it was given back, and makes
// the others available again.
func (p *blockPool) verify() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.freed {
		if *b.bytes() != poison {
			return fmt.Errorf("the memory of a request was written to after its packet: % x", *b.bytes())
		}
	}
	p.free = append(p.free, p.freed...)
	p.freed = nil
	return nil
}
