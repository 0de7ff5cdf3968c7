package main

import (
	"encoding/json"
	"testing"
	"time"
)

func TestFeedKeepsABoundedHistory(t *testing.T) {
	f := newFeed()
	start := time.Unix(1_000_000, 0).UTC()
	for i := range historyLength + 7 {
		if err := f.publish(sample{point: point{Time: start.Add(time.Duration(i) * time.Second)}}); err != nil {
			t.Fatal(err)
		}
	}
	encoded, err := f.past()
	if err != nil {
		t.Fatal(err)
	}
	var points []point
	if err := json.Unmarshal(encoded, &points); err != nil {
		t.Fatal(err)
	}
	if len(points) != historyLength {
		t.Fatalf("%d points, want %d", len(points), historyLength)
	}
	for i, p := range points {
		if want := start.Add(time.Duration(i+7) * time.Second); !p.Time.Equal(want) {
			t.Fatalf("point %d is of %v, want %v", i, p.Time, want)
		}
	}
}

func TestFeedTellsOfANewSample(t *testing.T) {
	f := newFeed()
	_, changed := f.look()
	select {
	case <-changed:
		t.Fatal("changed before there was anything new")
	default:
	}
	if err := f.publish(sample{Listener: "first"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Fatal("not told of a new sample")
	}
	latest, changed := f.look()
	var got sample
	if err := json.Unmarshal(latest, &got); err != nil || got.Listener != "first" {
		t.Errorf("latest is %s (%v)", latest, err)
	}
	select {
	case <-changed:
		t.Error("told of the same sample again")
	default:
	}
}

func TestFeedAdmitsNobodyAtItsEnd(t *testing.T) {
	f := newFeed()
	f.endStreams()
	f.endStreams() // once more is harmless
	if f.join() {
		t.Error("a viewer joined a feed that has ended")
	}
}
