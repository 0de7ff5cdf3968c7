package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func TestMeterCountsConnectionsOnce(t *testing.T) {
	var m meter
	for _, step := range []struct {
		state http.ConnState
		open  int64
	}{
		{http.StateNew, 1}, {http.StateActive, 1}, {http.StateIdle, 1}, {http.StateActive, 1},
		{http.StateNew, 2}, {http.StateHijacked, 1}, {http.StateClosed, 0},
	} {
		m.track(nil, step.state)
		if got := m.connections.Load(); got != step.open {
			t.Fatalf("after %v: %d open, want %d", step.state, got, step.open)
		}
	}
}

func TestMeterCountsConcurrentRequests(t *testing.T) {
	var m meter
	handler := m.count(http.NotFoundHandler())
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 100 {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			}
		})
	}
	clients.Wait()
	if got := m.requests.Load(); got != 800 {
		t.Errorf("%d requests counted, want 800", got)
	}
}
