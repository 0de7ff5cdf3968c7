package main

import (
	"fmt"
	"net/http"
	"time"
)

// eventTimeout is how long a viewer may take to accept one event. It is what
// frees the stream of a viewer that vanished without a word.
const eventTimeout = 10 * time.Second

// events streams a feed as server-sent events (WHATWG HTML, 9.2):
//
//	history   once at the beginning, an array of points, oldest first
//	sample    one sample, at the beginning and whenever there is a new one
//	bye       the server is stopping; nothing follows
func events(f *feed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !f.join() {
			w.Header().Set("Retry-After", "5")
			http.Error(w, "too many viewers, or stopping; try again later", http.StatusServiceUnavailable)
			return
		}
		defer f.leave()
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		stream(w, r.Context().Done(), f)
	}
}

// stream writes f's events to w until the viewer is gone, the feed ends, or w
// fails.
func stream(w http.ResponseWriter, gone <-chan struct{}, f *feed) {
	control := http.NewResponseController(w)
	send := func(format string, args ...any) error {
		if err := control.SetWriteDeadline(time.Now().Add(eventTimeout)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return err
		}
		return control.Flush()
	}

	past, err := f.past()
	if err != nil || send("retry: 2000\n\nevent: history\ndata: %s\n\n", past) != nil {
		return
	}
	for {
		latest, changed := f.look()
		if send("event: sample\ndata: %s\n\n", latest) != nil {
			return
		}
		select {
		case <-changed:
		case <-gone:
			return
		case <-f.ended:
			send("event: bye\ndata: {}\n\n")
			return
		}
	}
}
