package sockerr_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/moor-net/moor/internal/sockerr"
)

func TestRefusedByNobody(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Listen("tcp4", ln.Addr().String()); !sockerr.InUse(err) {
		t.Errorf("%v is not told to be in use", err)
	}
	ln.Close()
	if _, err := net.Dial("tcp4", ln.Addr().String()); !sockerr.Refused(err) {
		t.Errorf("%v is not told to be refused", err)
	}
}

func TestBrokenIsWhatWritesEndWith(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.(*net.TCPConn).SetLinger(0)
	s.Close()
	for err == nil {
		_, err = c.Write(make([]byte, 1<<10))
	}
	if !sockerr.Broken(err) {
		t.Errorf("%v is not told to be broken", err)
	}
}

func TestOthersAreNone(t *testing.T) {
	for _, err := range []error{nil, io.EOF, errors.New("x"), net.ErrClosed} {
		for name, is := range map[string]func(error) bool{"Reset": sockerr.Reset, "Broken": sockerr.Broken, "Refused": sockerr.Refused,
			"InUse": sockerr.InUse, "NotConnected": sockerr.NotConnected, "NoFamily": sockerr.NoFamily, "Scarce": sockerr.Scarce} {
			if is(err) {
				t.Errorf("%v is told to be %s", err, name)
			}
		}
	}
}
