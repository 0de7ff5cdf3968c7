package runtime

import "sync"

// A handleSet holds the Handles that belong to a loop, for Shutdown.
type handleSet struct {
	mu  sync.Mutex
	all map[*Handle]struct{}
}

func (s *handleSet) add(h *Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*Handle]struct{})
	}
	s.all[h] = struct{}{}
}

func (s *handleSet) remove(h *Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, h)
}

// shut closes the Handles of the kinds that which selects, without waiting for
// their users.
func (s *handleSet) shut(which func(Kind) bool) {
	var list []*Handle
	s.mu.Lock()
	for h := range s.all {
		if which(h.kind) {
			list = append(list, h)
		}
	}
	s.mu.Unlock()
	for _, h := range list {
		h.Shut()
	}
}
