package integration_test

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
)

// socatListener starts a socat that gives every connection to cat, and returns
// its address.
func socatListener(t *testing.T) string {
	t.Helper()
	line := start(t, "listening on", program(t, "socat", "socat"), "-d", "-d", "TCP4-LISTEN:0,bind=127.0.0.1,fork", "EXEC:cat")
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
}

// The end of our half goes through to cat, whose end comes back.
func TestSocatEchoes(t *testing.T) {
	address := socatListener(t)
	s := newStack(t)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			c, err := s.dialer().Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			sent := content(byte(i), 3<<20)
			wg.Go(func() {
				if _, err := c.Write(sent); err != nil {
					t.Error(err)
				}
				if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			got, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back as %d, or changed: %v", len(sent), len(got), err)
			}
		})
	}
	wg.Wait()
}

// socat is the client: it sends a file, ends its half, and stores the echo.
func TestSocatIsEchoed(t *testing.T) {
	path := program(t, "socat", "socat")
	s := newStack(t)
	ln := s.listen(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer ln.Close()
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if _, err := io.Copy(c, c); err != nil {
					t.Error(err)
				}
			})
		}
	})
	for i, size := range []int{0, 1, 100_000, 20 << 20} {
		sent := content(byte(i), size)
		cmd := exec.CommandContext(t.Context(), path, "-t", "30", "-", "TCP4:"+ln.Addr().String())
		cmd.Stdin = bytes.NewReader(sent)
		got, err := cmd.Output()
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came back as %d, or changed: %v", size, len(got), err)
		}
	}
}

// socat is killed and its connection reset: a blocked Read learns of it, and
// what it has read before is whole.
func TestSocatResets(t *testing.T) {
	path := program(t, "socat", "socat")
	s := newStack(t)
	ln := s.listen(t)
	sent := content(1, 100_000)
	for range 20 {
		cmd := exec.CommandContext(t.Context(), path, "-u", "-", "TCP4:"+ln.Addr().String()+",linger=0")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go stdin.Write(sent)
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("before the reset: %v", err)
		}
		read := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			read <- err
		}()
		cmd.Process.Kill()
		if err := <-read; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Read during the reset: %v", err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read after the reset: %d, %v", n, err)
		}
		if _, err := c.Write(sent); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write after the reset: %v", err)
		}
		c.Close()
		cmd.Wait() // its error says that it was killed
	}
}

// Bytes go around: our client, a socat that forwards, our server.
func TestSocatForwards(t *testing.T) {
	path := program(t, "socat", "socat")
	s := newStack(t)
	ln := s.listen(t)
	line := start(t, "listening on", path, "-d", "-d", "TCP4-LISTEN:0,bind=127.0.0.1,fork", "TCP4:"+ln.Addr().String())
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range 10 {
		wg.Go(func() {
			c, err := ln.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := io.Copy(c, c); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			c, err := s.dialer().Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			sent := content(byte(i), 3<<20)
			wg.Go(func() {
				c.Write(sent)
				c.(interface{ CloseWrite() error }).CloseWrite()
			})
			got, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back as %d, or changed: %v", len(sent), len(got), err)
			}
		})
	}
}
