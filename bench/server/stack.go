package server

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// A listen function is all that differs between libraries that offer a
// net.Listener.
type listen func(Config) (net.Listener, error)

// stack has everything that can be served from a net.Listener by blocking code,
// one goroutine and one buffer for each connection.
func stack(listen listen) map[Protocol]Starter {
	return map[Protocol]Starter{
		Echo:      each(listen, echo),
		Deadline:  each(listen, echoWithDeadline),
		Sleepy:    each(listen, echoSleepily),
		HTTP:      from(listen, serveHTTP),
		HTTPS:     from(listen, serveHTTPS),
		WebSocket: each(listen, echoMessages),
		Plain:     each(listen, sendPlain),
		SendFile:  each(listen, sendFile),
		Splice:    from(listen, relay),
	}
}

// from listens and lets serve have the listener on a goroutine of its own. When
// serve ends early the clients can't connect, and say so.
func from(listen listen, serve func(net.Listener, Config) error) Starter {
	return func(cfg Config) (net.Addr, error) {
		ln, err := listen(cfg)
		if err != nil {
			return nil, err
		}
		go serve(ln, cfg)
		return ln.Addr(), nil
	}
}

// each accepts connections and runs handle for each on a goroutine of its own.
func each(listen listen, handle func(c net.Conn, buf []byte)) Starter {
	return from(listen, func(ln net.Listener, cfg Config) error {
		for {
			c, err := ln.Accept()
			if err != nil {
				return err
			}
			go handle(c, make([]byte, cfg.Buf))
		}
	})
}

// echo answers with what it reads until either side fails or the peer is done.
func echo(c net.Conn, buf []byte) {
	defer c.Close()
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

func echoWithDeadline(c net.Conn, buf []byte) {
	defer c.Close()
	for {
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return
		}
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// SleepyTime is how long a handler of Sleepy sleeps.
const SleepyTime = 50 * time.Millisecond

// Sleeps tells whether a message, by its first byte, makes the handler sleep:
// a tenth of all do.
func Sleeps(first byte) bool { return first < 26 }

func echoSleepily(c net.Conn, buf []byte) {
	defer c.Close()
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if Sleeps(buf[0]) {
			time.Sleep(SleepyTime)
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// path is the handler of all net/http servers.
func path(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, r.URL.Path)
}

// newHTTP is the server that all of net/http's have.
func newHTTP(cfg Config) *http.Server {
	return &http.Server{Handler: http.HandlerFunc(path), IdleTimeout: cfg.IdleTimeout}
}

func serveHTTP(ln net.Listener, cfg Config) error { return newHTTP(cfg).Serve(ln) }

func serveHTTPS(ln net.Listener, cfg Config) error {
	secure, err := withTLS(ln)
	if err != nil {
		return err
	}
	return newHTTP(cfg).Serve(secure)
}

// withTLS offers HTTP/1.1 alone, which is what is measured.
func withTLS(ln net.Listener) (net.Listener, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	return tls.NewListener(ln, &tls.Config{
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"http/1.1"},
	}), nil
}

// echoMessages is a WebSocket server without a buffer of its own: the upgrade
// and each message are read directly from the connection.
func echoMessages(c net.Conn, _ []byte) {
	defer c.Close()
	if _, err := ws.Upgrade(c); err != nil {
		return
	}
	for {
		if err := echoMessage(c); err != nil {
			return
		}
	}
}

func echoMessage(c net.Conn) error {
	message, op, err := wsutil.ReadClientData(c)
	if err != nil {
		return err
	}
	return wsutil.WriteServerMessage(c, op, message)
}
