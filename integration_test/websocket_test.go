package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	gorilla "github.com/gorilla/websocket"
)

const messageLimit = 64 << 20

// webSocketServers echo messages, each in the way of its library.
var webSocketServers = map[string]http.HandlerFunc{
	"gorilla": func(w http.ResponseWriter, r *http.Request) {
		c, err := (&gorilla.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, message, err := c.ReadMessage()
			if err != nil {
				return
			}
			if err := c.WriteMessage(kind, message); err != nil {
				return
			}
		}
	},
	"coder": func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(messageLimit)
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, message); err != nil {
				return
			}
		}
	},
	"gobwas": func(w http.ResponseWriter, r *http.Request) {
		c, rw, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		serveGobwas(c, rw)
	},
}

// serveGobwas echoes until the peer closes. What was read with the request is
// in rw's buffer.
func serveGobwas(c net.Conn, rw io.Reader) {
	defer c.Close()
	stream := struct {
		io.Reader
		io.Writer
	}{rw, c}
	for {
		message, kind, err := wsutil.ReadClientData(stream)
		if err != nil {
			return
		}
		if err := wsutil.WriteServerMessage(c, kind, message); err != nil {
			return
		}
	}
}

// A webSocket is a client of one of the libraries.
type webSocket interface {
	// send sends a binary message in frames of at most so many bytes.
	send(message []byte, frame int) error
	receive() ([]byte, error)
	// close says goodbye and closes the connection.
	close() error
}

// webSocketClients open connections to an address.
var webSocketClients = map[string]func(ctx context.Context, s *stack, address string) (webSocket, error){
	"gorilla": func(ctx context.Context, s *stack, address string) (webSocket, error) {
		// The library sends a frame whenever its buffer is full.
		d := gorilla.Dialer{NetDialContext: s.dialer().DialContext, WriteBufferSize: 4096}
		c, _, err := d.DialContext(ctx, "ws://"+address, nil)
		return gorillaSocket{c}, err
	},
	"coder": func(ctx context.Context, s *stack, address string) (webSocket, error) {
		client := &http.Client{Transport: &http.Transport{DialContext: s.dialer().DialContext}}
		c, _, err := coder.Dial(ctx, "ws://"+address, &coder.DialOptions{HTTPClient: client})
		if err == nil {
			c.SetReadLimit(messageLimit)
		}
		return coderSocket{ctx, c}, err
	},
	"gobwas": func(ctx context.Context, s *stack, address string) (webSocket, error) {
		c, _, _, err := ws.Dialer{NetDial: s.dialer().DialContext}.Dial(ctx, "ws://"+address)
		return gobwasSocket{c}, err
	},
}

type gorillaSocket struct{ *gorilla.Conn }

func (c gorillaSocket) send(message []byte, frame int) error {
	w, err := c.NextWriter(gorilla.BinaryMessage)
	if err != nil {
		return err
	}
	for ; len(message) > frame; message = message[frame:] {
		if _, err := w.Write(message[:frame]); err != nil {
			return err
		}
	}
	if _, err := w.Write(message); err != nil {
		return err
	}
	return w.Close()
}

func (c gorillaSocket) receive() ([]byte, error) {
	_, message, err := c.ReadMessage()
	return message, err
}

func (c gorillaSocket) close() error {
	defer c.Close()
	return c.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, ""), time.Now().Add(time.Minute))
}

type coderSocket struct {
	ctx context.Context
	*coder.Conn
}

func (c coderSocket) send(message []byte, frame int) error {
	w, err := c.Writer(c.ctx, coder.MessageBinary)
	if err != nil {
		return err
	}
	for ; len(message) > frame; message = message[frame:] {
		if _, err := w.Write(message[:frame]); err != nil {
			return err
		}
	}
	if _, err := w.Write(message); err != nil {
		return err
	}
	return w.Close()
}

func (c coderSocket) receive() ([]byte, error) {
	_, message, err := c.Read(c.ctx)
	return message, err
}

func (c coderSocket) close() error {
	defer c.CloseNow()
	if err := c.Write(c.ctx, coder.MessageText, nil); err != nil {
		return err
	}
	_, _, err := c.Read(c.ctx)
	return err
}

type gobwasSocket struct{ net.Conn }

func (c gobwasSocket) send(message []byte, frame int) error {
	w := wsutil.NewWriterSize(c, ws.StateClientSide, ws.OpBinary, frame)
	if _, err := w.Write(message); err != nil {
		return err
	}
	return w.Flush()
}

func (c gobwasSocket) receive() ([]byte, error) {
	message, _, err := wsutil.ReadServerData(c)
	return message, err
}

func (c gobwasSocket) close() error {
	defer c.Close()
	return ws.WriteFrame(c, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))))
}

// serveHTTP serves until the test ends and returns the address.
func serveHTTP(t *testing.T, s *stack, srv *http.Server) string {
	t.Helper()
	ln := s.listen(t)
	served := make(chan struct{})
	go func() {
		defer close(served)
		if srv.TLSConfig != nil {
			srv.ServeTLS(ln, "", "")
			return
		}
		srv.Serve(ln)
	}()
	t.Cleanup(func() { srv.Close(); <-served })
	return ln.Addr().String()
}

func echoMessages(c webSocket, sizes, frames []int) error {
	for i, size := range sizes {
		for _, frame := range frames {
			if frame < size/1000 {
				continue
			}
			sent := content(byte(i), size)
			if err := c.send(sent, frame); err != nil {
				return fmt.Errorf("sending %d bytes in frames of %d: %w", size, frame, err)
			}
			got, err := c.receive()
			if err != nil || !bytes.Equal(got, sent) {
				return fmt.Errorf("%d bytes in frames of %d came back as %d, or changed: %w", size, frame, len(got), err)
			}
		}
	}
	return nil
}

// Every library's client talks to every library's server.
func TestWebSockets(t *testing.T) {
	for serverName, handler := range webSocketServers {
		for clientName, dial := range webSocketClients {
			t.Run(clientName+" to "+serverName, func(t *testing.T) {
				s := newStack(t)
				address := serveHTTP(t, s, &http.Server{Handler: handler})
				t.Run("messages", func(t *testing.T) {
					c, err := dial(t.Context(), s, address)
					if err != nil {
						t.Fatal(err)
					}
					sizes := []int{0, 1, 125, 126, 4095, 4096, 65535, 65536, 100_000, 1 << 20}
					if err := echoMessages(c, sizes, []int{1, 1000, 5000, 1 << 20}); err != nil {
						t.Error(err)
					}
					if err := c.close(); err != nil {
						t.Error(err)
					}
				})
				t.Run("clients", func(t *testing.T) {
					var wg sync.WaitGroup
					for range 20 {
						wg.Go(func() {
							c, err := dial(t.Context(), s, address)
							if err != nil {
								t.Error(err)
								return
							}
							if err := echoMessages(c, []int{1, 100, 1000, 10_000}, []int{100, 4096}); err != nil {
								t.Error(err)
							}
							if err := c.close(); err != nil {
								t.Error(err)
							}
						})
					}
					wg.Wait()
				})
			})
		}
	}
}

// gobwas/ws upgrades a connection without net/http in between.
func TestWebSocketUpgradeOfConn(t *testing.T) {
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
				if _, err := ws.Upgrade(c); err != nil {
					t.Error(err)
					c.Close()
					return
				}
				serveGobwas(c, c)
			})
		}
	})
	for name, dial := range webSocketClients {
		c, err := dial(t.Context(), s, ln.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := echoMessages(c, []int{1, 1000, 1 << 20}, []int{1000, 100_000}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A message that does not come is given up, and the server learns of it.
func TestWebSocketDeadline(t *testing.T) {
	s := newStack(t)
	ended := make(chan error, 1)
	address := serveHTTP(t, s, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := (&gorilla.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			ended <- err
			return
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, _, err = c.ReadMessage()
		ended <- err
	})})
	c, err := webSocketClients["gorilla"](t.Context(), s, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	start := time.Now()
	if e, ok := (<-ended).(net.Error); !ok || !e.Timeout() {
		t.Errorf("ReadMessage returned %v", e)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("ReadMessage returned after %v", took)
	}
}
