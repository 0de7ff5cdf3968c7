package conn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

const tlsVariable = "MOOR_TEST_TLS"

// tlsParts are those of nettest.TestConn that crypto/tls passes over package
// net. PastTimeout, FutureTimeout and ConcurrentMethods write again after a
// Write has timed out, and crypto/tls says that its state is corrupt then.
const tlsParts = "BasicIO|PingPong|RacyRead|RacyWrite|ReadTimeout|WriteTimeout|PresentTimeout|CloseTimeout"

// TestNettestTLS runs itself again, since parts of a test can be chosen on the
// command line alone.
func TestNettestTLS(t *testing.T) {
	if os.Getenv(tlsVariable) != "" {
		for range *rounds {
			nettest.TestConn(t, tlsPipe(t))
		}
		return
	}
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.v", "-test.cpu="+strconv.Itoa(runtime.GOMAXPROCS(0)), "-test.run=^TestNettestTLS$/^("+tlsParts+")", "-rounds="+strconv.Itoa(*rounds))
	cmd.Env = append(os.Environ(), tlsVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for part := range strings.SplitSeq(tlsParts, "|") {
		if n := strings.Count(string(out), "--- PASS: TestNettestTLS/"+part); n != *rounds {
			t.Errorf("%s passed %d times of %d\n%s", part, n, *rounds, out)
		}
	}
}

// tlsPipe makes two conns of crypto/tls over connected ones of ours.
func tlsPipe(t *testing.T) nettest.MakePipe {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	client := &tls.Config{InsecureSkipVerify: true} // nettest is about bytes, not about trust
	plain := tcpPipe("tcp", "127.0.0.1:0")
	return func() (net.Conn, net.Conn, func(), error) {
		p1, p2, stop, err := plain()
		if err != nil {
			return nil, nil, nil, err
		}
		c1, c2 := tls.Client(p1, client), tls.Server(p2, server)
		// A time-out during the handshake would end the connection.
		shaken := make(chan error, 1)
		go func() { shaken <- c2.Handshake() }()
		if err = c1.Handshake(); err == nil {
			err = <-shaken
		}
		if err != nil {
			stop()
			return nil, nil, nil, err
		}
		return c1, c2, func() { c1.Close(); c2.Close() }, nil
	}
}
