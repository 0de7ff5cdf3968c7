package server

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

func TestEveryServerEchoes(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			start, err := Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			addr, err := start(Config{Addr: "127.0.0.1:0", Procs: 1, Buf: 100})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				c, err := net.Dial("tcp", addr.String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				sent := bytes.Repeat([]byte("0123456789abc"), 1000)
				if _, err := c.Write(sent); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(sent))
				if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
					t.Fatalf("what came back differs (%v)", err)
				}
				if err := c.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if n, err := c.Read(got); n != 0 || err != io.EOF {
					t.Errorf("after the client ended its side: %d bytes, %v", n, err)
				}
			}
		})
	}
}

func TestUnknownServerIsAnError(t *testing.T) {
	if _, err := Lookup("nobody"); err == nil {
		t.Error("there is a server named nobody")
	}
}
