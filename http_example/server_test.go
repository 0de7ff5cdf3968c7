package main

import (
	"net"
	"testing"
)

func TestSiteURL(t *testing.T) {
	for _, test := range []struct {
		host   string
		addr   string
		secure bool
		want   string
	}{
		{"127.0.0.1", "127.0.0.1:8080", false, "http://127.0.0.1:8080/"},
		{"127.0.0.1", "127.0.0.1:8080", true, "https://127.0.0.1:8080/"},
		{"", "[::]:8080", false, "http://localhost:8080/"},
		{"0.0.0.0", "0.0.0.0:80", false, "http://localhost:80/"},
		{"::", "[::]:80", false, "http://localhost:80/"},
		{"::1", "[::1]:9", false, "http://[::1]:9/"},
		{"box.test", "192.0.2.1:5", false, "http://box.test:5/"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", test.addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := siteURL(test.host, addr, test.secure); got != test.want {
			t.Errorf("listening on %q, %v: %s, want %s", test.host, addr, got, test.want)
		}
	}
}
