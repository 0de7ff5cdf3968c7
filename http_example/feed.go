package main

import (
	"encoding/json"
	"fmt"
	"sync"
)

// historyLength is how many points a new viewer gets at once: two minutes at
// one sample a second.
const historyLength = 120

// maxViewers bounds the streams that one server feeds.
const maxViewers = 256

// feed holds the latest sample and the points before it, and tells any number
// of viewers when there is a new one. A viewer that is slow misses samples and
// delays nobody. Its methods may be called concurrently.
type feed struct {
	mu      sync.Mutex
	history []point       // oldest first
	latest  []byte        // the latest sample as JSON
	changed chan struct{} // closed and replaced with every sample
	viewers int

	end   sync.Once
	ended chan struct{} // closed when streams have to end
}

func newFeed() *feed {
	return &feed{
		history: make([]point, 0, historyLength),
		changed: make(chan struct{}),
		ended:   make(chan struct{}),
	}
}

// publish makes s the latest sample.
func (f *feed) publish(s sample) error {
	encoded, err := json.Marshal(s) // once, for all viewers
	if err != nil {
		return fmt.Errorf("encode sample: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.history) == historyLength {
		copy(f.history, f.history[1:])
		f.history = f.history[:historyLength-1]
	}
	f.history = append(f.history, s.point)
	f.latest = encoded
	close(f.changed)
	f.changed = make(chan struct{})
	return nil
}

// look returns the latest sample as JSON, and a channel that is closed as soon
// as there is a newer one.
func (f *feed) look() (latest []byte, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest, f.changed
}

// past returns the points up to the latest sample as a JSON array.
func (f *feed) past() ([]byte, error) {
	f.mu.Lock()
	points := append([]point(nil), f.history...)
	f.mu.Unlock()
	return json.Marshal(points)
}

// join admits one more viewer, who calls leave in the end. It reports false
// when there are too many, or when streams have to end.
func (f *feed) join() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.ended:
		return false
	default:
	}
	if f.viewers == maxViewers {
		return false
	}
	f.viewers++
	return true
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers--
}

// endStreams makes every viewer leave and admits no more.
func (f *feed) endStreams() {
	f.end.Do(func() { close(f.ended) })
}
