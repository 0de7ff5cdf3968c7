package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// idleAnswer is what /idle/open and /idle/close answer.
type idleAnswer struct {
	Opened  int     `json:"opened"`
	Closed  int     `json:"closed"`
	Held    int     `json:"held"` // after that
	Seconds float64 `json:"seconds"`
}

// openIdle opens as many idle connections as the query's n says.
func openIdle(idle *idleClient) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < leastIdle || n > mostIdle {
			http.Error(w, fmt.Sprintf("n must be a number from %d to %d, as in /idle/open?n=1000", leastIdle, mostIdle),
				http.StatusBadRequest)
			return
		}
		began := time.Now()
		if err := idle.open(r.Context(), n); err != nil {
			http.Error(w, "no connections opened: "+err.Error(), idleStatus(err))
			return
		}
		answerIdle(w, idleAnswer{Opened: n, Held: idle.count(), Seconds: time.Since(began).Seconds()})
	}
}

// closeIdle closes all idle connections.
func closeIdle(idle *idleClient) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		n := idle.close()
		answerIdle(w, idleAnswer{Closed: n, Held: idle.count(), Seconds: time.Since(began).Seconds()})
	}
}

func answerIdle(w http.ResponseWriter, answer idleAnswer) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}
