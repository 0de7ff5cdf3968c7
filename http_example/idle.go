package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	leastIdle = 100 // connections in one go
	// mostIdle is how many there may be at a time. Both ends are descriptors of
	// this process, and a limit of 20,000 on these is a common one.
	mostIdle = 5000
	// idleHold is how long they are kept: less than the server would.
	idleHold = idleTimeout - time.Minute
	// idleOpenTimeout bounds how long opening them may take.
	idleOpenTimeout = 30 * time.Second
	idleLanes       = 32 // connections that are opened at the same time
)

// idleClient opens keep-alive connections to the server that it is part of.
// Each makes one request and is silent from then on. They are package net's, and
// what the client keeps of one is its socket, so that the figures of the process
// are those of the server as far as possible. Its methods may be called
// concurrently.
type idleClient struct {
	addr    string
	config  *tls.Config // nil without TLS
	request []byte

	mu      sync.Mutex
	batches map[*idleBatch]struct{}
	held    int                // connections in batches
	cancel  context.CancelFunc // ends the opening in progress; nil if there is none
	refused bool               // to open any more
}

// idleBatch is what one call of open has opened.
type idleBatch struct {
	conns  []net.Conn
	expiry *time.Timer
}

// An idleRefusal says why no connections were opened that could have been.
type idleRefusal string

func (r idleRefusal) Error() string { return string(r) }

// newIdleClient returns a client of the server at addr. It uses TLS if config is
// not nil.
func newIdleClient(addr string, config *tls.Config) *idleClient {
	return &idleClient{
		addr:    addr,
		config:  config,
		request: fmt.Appendf(nil, "GET /hello HTTP/1.1\r\nHost: %s\r\nUser-Agent: http_example\r\n\r\n", addr),
		batches: make(map[*idleBatch]struct{}),
	}
}

// count returns how many connections the client holds.
func (c *idleClient) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// open opens n more connections, or none if there is an error. An idleRefusal is
// one that another time may not meet.
func (c *idleClient) open(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, idleOpenTimeout)
	defer cancel()
	if err := c.admit(n, cancel); err != nil {
		return err
	}
	conns, err := c.dialAll(ctx, n)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = nil
	if c.refused {
		err = idleRefusal("the server is stopping")
	}
	if err != nil {
		closeAll(conns)
		return err
	}
	batch := &idleBatch{conns: conns}
	batch.expiry = time.AfterFunc(idleHold, func() { c.closeBatch(batch) })
	c.batches[batch] = struct{}{}
	c.held += n
	return nil
}

// admit lets one caller at a time open n connections, if they are not too many.
func (c *idleClient) admit(n int, cancel context.CancelFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.refused:
		return idleRefusal("the server is stopping")
	case c.cancel != nil:
		return idleRefusal("connections are being opened already, wait for these")
	case c.held+n > mostIdle:
		return idleRefusal(fmt.Sprintf("%d are open and %d more would exceed %d, close those first", c.held, n, mostIdle))
	}
	c.cancel = cancel
	return nil
}

// dialAll opens n connections, a few at a time. With an error those it returns
// are to be closed.
func (c *idleClient) dialAll(ctx context.Context, n int) ([]net.Conn, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var (
		begun atomic.Int64
		mu    sync.Mutex
		conns = make([]net.Conn, 0, n)
		lanes sync.WaitGroup
	)
	for range idleLanes {
		lanes.Go(func() {
			reader := bufio.NewReader(nil)
			for begun.Add(1) <= int64(n) && ctx.Err() == nil {
				conn, err := c.dial(ctx, reader)
				if err != nil {
					fail(err)
					return
				}
				mu.Lock()
				conns = append(conns, conn)
				mu.Unlock()
			}
		})
	}
	lanes.Wait()
	return conns, context.Cause(ctx)
}

// dial opens a connection, makes a request on it and reads the answer, with
// reader's buffer. It returns the bare socket even with TLS, as nothing more
// will be said on it.
func (c *idleClient) dial(ctx context.Context, reader *bufio.Reader) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1} // it would be noise in the figures
	socket, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	wake := context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })
	conn := socket
	if c.config != nil {
		conn = tls.Client(socket, c.config)
	}
	err = c.exchange(conn, reader)
	if !wake() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}

// exchange makes a request on conn and reads the answer.
func (c *idleClient) exchange(conn net.Conn, reader *bufio.Reader) error {
	if _, err := conn.Write(c.request); err != nil {
		return err
	}
	reader.Reset(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || response.Close {
		return fmt.Errorf("the server answers %s and keeps no connection", response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// closeBatch closes the connections of batch unless they are closed.
func (c *idleClient) closeBatch(batch *idleBatch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.batches[batch]; !ok {
		return
	}
	batch.expiry.Stop()
	closeAll(batch.conns)
	delete(c.batches, batch)
	c.held -= len(batch.conns)
}

// close closes all that are held and returns how many these were.
func (c *idleClient) close() int {
	c.mu.Lock()
	batches := make([]*idleBatch, 0, len(c.batches))
	for batch := range c.batches {
		batches = append(batches, batch)
	}
	n := c.held
	c.mu.Unlock()
	for _, batch := range batches {
		c.closeBatch(batch)
	}
	return n
}

// refuse ends what is being opened, and has nothing opened any more.
func (c *idleClient) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
	if c.cancel != nil {
		c.cancel()
	}
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		conn.Close()
	}
}

// idleStatus maps an error of open to a status: 409 if it is for the client to
// do something about it, 503 if the system would not.
func idleStatus(err error) int {
	var refusal idleRefusal
	if errors.As(err, &refusal) {
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}
