package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"runtime"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// contentPolicy allows the page its own files and nothing from elsewhere.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pageView is what the page's template is filled in with.
type pageView struct {
	Std        bool
	Parking    bool
	TLS        bool
	Protocol   string // of the connection that the page was asked for on
	GoVersion  string
	Processors int
	Endpoints  []endpoint
	Base       string // the site's address without the last slash
	LeastIdle  int    // that can be opened in one go
	MostIdle   int
}

// newPage returns the handler of the page itself.
func newPage(opts options, url string, listed []endpoint) (http.Handler, error) {
	page, err := template.New("index.html").
		Funcs(template.FuncMap{"join": strings.Join}).
		ParseFS(pageFiles, "page/index.html")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		err := page.Execute(&body, pageView{
			Std:        opts.std,
			Parking:    opts.park,
			TLS:        opts.tls,
			Protocol:   strings.TrimSuffix(r.Proto, ".0"),
			GoVersion:  strings.Replace(runtime.Version(), "go", "Go ", 1),
			Processors: runtime.GOMAXPROCS(0),
			Endpoints:  listed,
			Base:       strings.TrimSuffix(baseURL(url, r), "/"),
			LeastIdle:  leastIdle,
			MostIdle:   mostIdle,
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Write(body.Bytes())
	}), nil
}

// plainHost matches hosts that mean nothing to a shell: the page puts the host
// into commands that people copy.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// baseURL is the site's address as the visitor knows it, or else as the server
// does.
func baseURL(url string, r *http.Request) string {
	if !plainHost.MatchString(r.Host) {
		return url
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// asset is one of the page's own files.
type asset struct {
	body []byte
	kind string // its media type
	tag  string // its entity tag
}

// assetKinds are the media types by file extension. The system's own table may
// say otherwise, and a browser doesn't run a script of another type.
var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// newAssets returns the handler of the files that the page loads. Browsers keep
// them and ask whether they are still the same.
func newAssets() (http.Handler, error) {
	files, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		return nil, err
	}
	assets := make(map[string]asset)
	for _, file := range files {
		if file.Name() == "index.html" { // a template, not a file of its own
			continue
		}
		body, err := pageFiles.ReadFile("page/" + file.Name())
		if err != nil {
			return nil, err
		}
		assets[file.Name()] = asset{
			body: body,
			kind: assetKinds[path.Ext(file.Name())],
			tag:  fmt.Sprintf(`"%x"`, sha256.Sum256(body)),
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		file, ok := assets[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", file.kind)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", file.tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file.body))
	}), nil
}
