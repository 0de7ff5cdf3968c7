package main

import (
	"errors"
	"flag"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		args string
		want options
	}{
		{"", options{addr: "127.0.0.1:8080", park: true}},
		{"-std", options{addr: "127.0.0.1:8080", std: true}},
		{"-std -park=false", options{addr: "127.0.0.1:8080", std: true}},
		{"-std=false -park", options{addr: "127.0.0.1:8080", park: true}},
		{"-park=false", options{addr: "127.0.0.1:8080"}},
		{"-addr :0 -tls", options{addr: ":0", park: true, tls: true}},
		{"--addr=[::1]:80 --std=true --tls=false", options{addr: "[::1]:80", std: true}},
	} {
		got, err := parseOptions(strings.Fields(test.args))
		if err != nil || got != test.want {
			t.Errorf("%q gives %+v, %v; want %+v", test.args, got, err, test.want)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, args := range []string{"-port 80", "-std=perhaps", "-addr", "serve", "-std now", "-- x",
		"-park=perhaps", "-park off", "-std -park", "-park=true -std"} {
		got, err := parseOptions(strings.Fields(args))
		if err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q gives %+v, %v; want an error", args, got, err)
		}
	}
}

func TestUsageExplainsEveryFlag(t *testing.T) {
	newFlags(new(options)).VisitAll(func(f *flag.Flag) {
		if !strings.Contains(usage, "\n  -"+f.Name+" ") {
			t.Errorf("the usage text does not explain -%s", f.Name)
		}
	})
}
