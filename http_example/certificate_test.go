package main

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestCertificateHolds(t *testing.T) {
	now := time.Now()
	for host, names := range map[string][]string{
		"":           {"localhost", "127.0.0.1", "::1"},
		"0.0.0.0":    {"localhost", "127.0.0.1", "::1"},
		"localhost":  {"localhost", "127.0.0.1", "::1"},
		"127.0.0.9":  {"localhost", "127.0.0.9"},
		"192.0.2.7":  {"localhost", "192.0.2.7"},
		"fe80::1%lo": {"localhost", "fe80::1"},
		"box.test":   {"localhost", "box.test"},
	} {
		cert, err := newCertificate(host, now)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(parsed)
		for _, name := range names {
			if _, err := parsed.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now}); err != nil {
				t.Errorf("listening on %q, as %s: %v", host, name, err)
			}
		}
		for _, name := range []string{"other.test", "0.0.0.0", "198.51.100.1"} {
			if err := parsed.VerifyHostname(name); err == nil {
				t.Errorf("listening on %q, it also holds for %s", host, name)
			}
		}
		if err := parsed.CheckSignature(parsed.SignatureAlgorithm, parsed.RawTBSCertificate, parsed.Signature); err != nil {
			t.Error(err)
		}
		if !parsed.NotAfter.After(now.Add(7*24*time.Hour)) || parsed.NotAfter.After(now.Add(366*24*time.Hour)) {
			t.Errorf("valid until %v", parsed.NotAfter)
		}
	}
}

func TestCertificatesDiffer(t *testing.T) {
	a, err := newCertificate("", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b, err := newCertificate("", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if fingerprint(a) == fingerprint(b) {
		t.Error("two servers have the same certificate")
	}
}
