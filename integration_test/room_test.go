package integration_test

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime/pool"
)

// A room is a chat over WebSockets: what one member says, all hear, in the same
// order. It is an example of a server for very many connections in plain
// blocking code: between two messages a member has neither a goroutine nor a
// buffer.
type room struct {
	mu      sync.Mutex
	members map[net.Conn]struct{} // those that have been upgraded

	speaking sync.Mutex // held while all are told
	hearers  []net.Conn
}

// patience is how long a member may keep the others waiting.
const patience = 30 * time.Second

// openRoom serves a room on ln, one of package listener's, until close is
// called.
func openRoom(ln net.Listener) (r *room, close func() error, err error) {
	workers, err := pool.New(pool.Config{Size: 100})
	if err != nil {
		return nil, nil, err
	}
	r = &room{members: make(map[net.Conn]struct{})}
	server := &listener.BurstServer{Handler: r.serve, OnClose: r.leave, Pool: workers, BurstTimeout: patience}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	return r, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return err
		}
		<-served
		return workers.Shutdown(ctx)
	}, nil
}

// serve is called when c has sent something: its request for an upgrade, and
// then a frame.
func (r *room) serve(c net.Conn) error {
	if !r.has(c) {
		if _, err := ws.Upgrade(c); err != nil {
			return err
		}
		r.mu.Lock()
		r.members[c] = struct{}{}
		r.mu.Unlock()
		return nil
	}
	control := wsutil.ControlFrameHandler(c, ws.StateServerSide)
	in := &wsutil.Reader{Source: c, State: ws.StateServerSide, OnIntermediate: control}
	head, err := in.NextFrame()
	if err != nil {
		return err
	}
	if head.OpCode.IsControl() {
		return control(head, in)
	}
	message, err := io.ReadAll(in) // and not a byte of the next one
	if err != nil {
		return err
	}
	frame, err := ws.CompileFrame(ws.NewFrame(head.OpCode, true, message))
	if err != nil {
		return err
	}
	r.tell(frame)
	return nil
}

func (r *room) has(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.members[c]
	return ok
}

// tell sends a frame to every member. One that does not take it in time has
// lost its place in the stream and is closed. r.mu is not held meanwhile:
// leave, which runs on a loop, needs it.
func (r *room) tell(frame []byte) {
	r.speaking.Lock()
	defer r.speaking.Unlock()
	r.mu.Lock()
	for c := range r.members {
		r.hearers = append(r.hearers, c)
	}
	r.mu.Unlock()
	for _, c := range r.hearers {
		c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Write(frame); err != nil {
			c.Close()
		}
	}
	clear(r.hearers) // they may leave
	r.hearers = r.hearers[:0]
}

// leave is called when c was closed.
func (r *room) leave(c net.Conn, _ error) {
	r.mu.Lock()
	delete(r.members, c)
	r.mu.Unlock()
}

func (r *room) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.members)
}
