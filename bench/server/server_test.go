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
		s, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Start[Echo] == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			addr, err := s.Start[Echo](Config{Addr: "127.0.0.1:0", Procs: 1, Buf: 100})
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

// Those that are to be chosen between have something to say for themselves, and
// a way to be run.
func TestEveryServerIsComplete(t *testing.T) {
	for _, name := range Names() {
		s, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != name || s.About == "" || (len(s.Start) == 0) == (s.Command == nil) {
			t.Errorf("server %s: %+v", name, s)
		}
	}
}

func TestForeignRefusesANameTwice(t *testing.T) {
	if err := Foreign("std", []string{"true"}); err == nil {
		t.Error("there are two servers named std")
	}
	if err := Foreign("nothing", nil); err == nil {
		t.Error("there is a server without a command")
	}
}

func TestATenthOfTheMessagesSleep(t *testing.T) {
	n := 0
	for first := range 256 {
		if Sleeps(byte(first)) {
			n++
		}
	}
	if n < 25 || n > 26 {
		t.Errorf("%d of 256", n)
	}
}

func TestMemoryIsOfThisProcess(t *testing.T) {
	before := takeMemory()
	kept := make([]byte, 1<<20)
	after := takeMemory()
	if before.Heap == 0 || before.Stack == 0 || before.Goroutines == 0 || before.Mark <= 0 {
		t.Errorf("memory %+v", before)
	}
	if after.Heap < before.Heap+uint64(len(kept))/2 {
		t.Errorf("%d bytes more with %d bytes more in use", after.Heap-before.Heap, len(kept))
	}
	kept[0] = 1
}
