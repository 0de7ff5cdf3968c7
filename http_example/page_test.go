package main

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestPageSaysWhatItRunsOn(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		response, body := s.get("/")
		want, other := "moor", "std"
		if _, stats := s.get("/stats"); strings.Contains(stats, `"listener":"std"`) {
			want, other = other, want
		}
		shown := regexp.MustCompile(`data-only="` + want + `">`)
		hidden := regexp.MustCompile(`data-only="` + other + `" hidden>`)
		if !shown.MatchString(body) || !hidden.MatchString(body) {
			t.Errorf("the page doesn't show the parts for %s alone", want)
		}
		parked := strings.Contains(body, `data-parking="true">`) && strings.Contains(body, `data-parking="false" hidden>`)
		if parked != (want == "moor") {
			t.Errorf("on %s the page says that idle connections are parked: %v", want, parked)
		}
		protocol := "<dd>HTTP/1.1</dd>"
		if response.TLS != nil {
			protocol = "<dd>HTTP/2, TLS</dd>"
		}
		if !strings.Contains(body, protocol) {
			t.Errorf("the page doesn't contain %s", protocol)
		}
	})
}

func TestPageListsEveryEndpoint(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	_, body := s.get("/")
	for _, e := range endpoints("", newFeed(), nil) {
		if !strings.Contains(body, s.url+e.Path) {
			t.Errorf("no command for %s", e.Path)
		}
	}
}

func TestPageCommandsHoldNoHostFromAStranger(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	for host, shown := range map[string]bool{
		"example.test:8080": true,
		"[::1]:8080":        true,
		"a$(reboot)":        false,
		"a;reboot":          false,
		"a&b":               false,
	} {
		request, err := http.NewRequest("GET", s.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		got := baseURL("http://fallback/", request)
		if strings.Contains(got, host) != shown {
			t.Errorf("host %q gives %s", host, got)
		}
	}
}

// TestPageIsWholeByItself follows what the page and its files refer to.
func TestPageIsWholeByItself(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	outside := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9]`)
	reference := regexp.MustCompile(`(?:src|href)="(/page/[^"]+)"|from "\./([^"]+)"`)
	files, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		t.Fatal(err)
	}
	referred := make(map[string]bool)
	for _, file := range files {
		content, err := pageFiles.ReadFile("page/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), "http://www.w3.org/2000/svg", "") // a name, not an address
		if found := outside.FindString(text); found != "" {
			t.Errorf("%s refers to another host: %s", file.Name(), found)
		}
		for _, match := range reference.FindAllStringSubmatch(text, -1) {
			referred[match[1]+strings.TrimSuffix("/page/"+match[2], "/page/")] = true
		}
	}
	if len(referred) < 5 {
		t.Fatalf("only %v found", referred)
	}
	for path := range referred {
		response, body := s.get(path)
		kind := response.Header.Get("Content-Type")
		if response.StatusCode != 200 || body == "" || kind == "" {
			t.Errorf("%s: %s, %q, %d bytes", path, response.Status, kind, len(body))
		}
	}
	if want := len(files) - 1; len(referred) != want { // but for the page itself
		t.Errorf("%d files are referred to, %d are embedded", len(referred), want)
	}
}

func TestPageMayLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	response, body := s.get("/")
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	// The policy forbids what the page must therefore not contain.
	if inline := regexp.MustCompile(`<style|<script>| style=| on[a-z]+=`).FindString(body); inline != "" {
		t.Errorf("the page contains %q, which its policy forbids", inline)
	}
}

func TestAssetIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	first, _ := s.get("/page/style.css")
	request, err := http.NewRequest("GET", s.url+"/page/style.css", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("If-None-Match", first.Header.Get("ETag"))
	second, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	second.Body.Close()
	if second.StatusCode != http.StatusNotModified {
		t.Errorf("%s for the same tag", second.Status)
	}
}
