package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// A stack is this library on a Runtime of the test's own. At the test's end
// every connection and listener on it must have been closed.
type stack struct {
	rt *moorrt.Runtime
}

func newStack(t *testing.T) *stack {
	t.Helper()
	rt, err := moorrt.New(moorrt.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := rt.Shutdown(ctx); err != nil {
			t.Errorf("descriptors were left over at the end: %v", err)
		}
	})
	return &stack{rt}
}

// listen listens on a port of 127.0.0.1 until the test ends.
func (s *stack) listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := (&listener.ListenConfig{Runtime: s.rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func (s *stack) dialer() *conn.Dialer { return &conn.Dialer{Runtime: s.rt} }

// dial opens a connection that ends with the test.
func (s *stack) dial(t *testing.T, address string) *conn.TCPConn {
	t.Helper()
	c, err := s.dialer().DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*conn.TCPConn)
}

// tlsConfigs returns both ends' configuration, with a certificate for
// 127.0.0.1 that the client trusts.
func tlsConfigs(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "moor test"}, // curl asks for one
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// content returns n bytes that depend on seed.
func content(seed byte, n int) []byte {
	b := make([]byte, n)
	mathrand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// digest reads r to its end and returns the checksum.
func digest(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}
