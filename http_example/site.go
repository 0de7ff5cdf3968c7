package main

import "net/http"

// newSite routes the page, the page's own files and the endpoints.
func newSite(f *feed, idle *idleClient, opts options, url string) (http.Handler, error) {
	listed := endpoints(opts.listenerName(), f, idle)
	page, err := newPage(opts, url, listed)
	if err != nil {
		return nil, err
	}
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page)
	mux.Handle("GET /page/{name}", assets)
	for _, e := range listed {
		for _, method := range e.Methods {
			mux.Handle(method+" "+e.Path, e.handler)
		}
	}
	return guarded(mux), nil
}

// guarded sets the header that keeps browsers from taking an answer for
// something else than it says: /echo sends back whatever it was sent.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
