package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	maxBytes = 64 << 20 // what /bytes sends at most
	maxEcho  = 16 << 20 // what /echo sends back at most
	// echoTimeout is how long /echo waits for the next piece of a body, and
	// for the client to take it back.
	echoTimeout = 30 * time.Second
	chunkSize   = 16 << 10
)

// endpoint is one of the site's addresses apart from the page's own files. The
// page lists them, so this is all that a visitor is told.
type endpoint struct {
	Path    string
	Query   string // an example, with its question mark
	Methods []string
	Summary string
	Curl    string // what comes between curl and the address in the example
	handler http.Handler
}

// Linked reports whether a browser can follow a link to the endpoint.
func (e endpoint) Linked() bool { return slices.Contains(e.Methods, http.MethodGet) }

// endpoints returns the site's endpoints, in the order of the page's list.
func endpoints(listenerName string, f *feed, idle *idleClient) []endpoint {
	return []endpoint{
		{
			Path: "/hello", Methods: []string{"GET"},
			Summary: "One line of text, the least a server can do.",
			handler: hello(listenerName),
		},
		{
			Path: "/bytes", Query: "?n=1000", Methods: []string{"GET"},
			Summary: "As many bytes as you ask for, up to 64 MiB.",
			handler: http.HandlerFunc(sendBytes),
		},
		{
			Path: "/echo", Methods: []string{"POST", "PUT"},
			Summary: "Streams the request’s body back while it comes, up to 16 MiB. Type lines and see them return.",
			Curl:    "-N -T .",
			handler: http.HandlerFunc(echo),
		},
		{
			Path: "/stats", Methods: []string{"GET"},
			Summary: "This page’s figures as JSON, a second old at most.",
			handler: stats(f),
		},
		{
			Path: "/events", Methods: []string{"GET"},
			Summary: "The same every second, as server-sent events.",
			Curl:    "-N",
			handler: events(f),
		},
		{
			Path: "/idle/open", Query: "?n=1000", Methods: []string{"POST"},
			Summary: "Opens idle connections to this server, from itself, up to 5,000, for four minutes.",
			Curl:    "-X POST",
			handler: sameOrigin(openIdle(idle)),
		},
		{
			Path: "/idle/close", Methods: []string{"POST"},
			Summary: "Closes them again.",
			Curl:    "-X POST",
			handler: sameOrigin(closeIdle(idle)),
		},
	}
}

// sameOrigin refuses what a page of another site makes a browser send.
func sameOrigin(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(next)
}

func hello(listenerName string) http.HandlerFunc {
	text := "Hello from net/http on " + listenerName + ".\n"
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, text)
	}
}

func stats(f *feed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		latest, _ := f.look()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Write(append(latest[:len(latest):len(latest)], '\n'))
	}
}

// pattern is what /bytes repeats.
var pattern = func() (b [chunkSize]byte) {
	for i := range b {
		b[i] = "0123456789abcdef"[i%16]
	}
	return b
}()

func sendBytes(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 0 || n > maxBytes {
		http.Error(w, fmt.Sprintf("n must be a number from 0 to %d, as in /bytes?n=1000", maxBytes), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	if r.Method == http.MethodHead {
		return
	}
	for n > 0 {
		sent, err := w.Write(pattern[:min(n, chunkSize)])
		if err != nil {
			return
		}
		n -= sent
	}
}

// echo sends the body back piece by piece as it arrives. Once the answer has
// begun there is no status left to report a failure with, so it breaks off and
// the client sees an incomplete answer.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > maxEcho {
		http.Error(w, fmt.Sprintf("the body must not exceed %d bytes", maxEcho), http.StatusRequestEntityTooLarge)
		return
	}
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	body := http.MaxBytesReader(w, r.Body, maxEcho)
	chunk := make([]byte, chunkSize)
	for {
		err := echoNext(control, w, body, chunk)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// echoNext sends back the next piece of body. It returns io.EOF after the last.
func echoNext(control *http.ResponseController, w io.Writer, body io.Reader, chunk []byte) error {
	if err := control.SetReadDeadline(time.Now().Add(echoTimeout)); err != nil {
		return err
	}
	n, end := body.Read(chunk)
	if n > 0 {
		if err := control.SetWriteDeadline(time.Now().Add(echoTimeout)); err != nil {
			return err
		}
		if _, err := w.Write(chunk[:n]); err != nil {
			return err
		}
		if err := control.Flush(); err != nil {
			return err
		}
	}
	return end
}
