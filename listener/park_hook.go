package listener

import (
	"context"
	"net"
	"net/http"
)

// hooks are the functions that the user has set on the server.
type hooks struct {
	state   func(net.Conn, http.ConnState)
	context func(context.Context, net.Conn) context.Context
}

// hook puts p between srv and the user's hooks.
func (p *ParkListener) hook(srv *http.Server) {
	p.srv, p.hooked = srv, true
	p.user = hooks{srv.ConnState, srv.ConnContext}
	if !p.firstSet {
		switch {
		case srv.ReadHeaderTimeout > 0:
			p.first = srv.ReadHeaderTimeout
		case srv.ReadHeaderTimeout == 0 && srv.ReadTimeout > 0:
			p.first = srv.ReadTimeout
		}
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		// What every request comes to is kept short.
		if s, ok := c.(*Session); ok && s.p == p && p.user.state == nil {
			switch state {
			case http.StateActive:
				return
			case http.StateIdle:
				s.mode.Or(reported)
				return
			}
		}
		p.connState(c, state)
	}
	if srv.ConnContext != nil {
		srv.ConnContext = p.connContext
	}
}

// connState is the server's ConnState.
func (p *ParkListener) connState(c net.Conn, state http.ConnState) {
	s := p.session(c)
	if s != nil && !p.follow(s, state) {
		return
	}
	if p.user.state != nil {
		p.user.state(c, state)
	}
}

// follow acts on a session's new state and reports whether the user is to be
// told.
func (p *ParkListener) follow(s *Session, state http.ConnState) bool {
	switch state {
	case http.StateNew:
		if s.known {
			return false
		}
		s.known = true
	case http.StateIdle:
		s.mode.Or(reported)
	case http.StateHijacked:
		s.release()
	case http.StateClosed:
		// From now on the server refers to the connection no more.
		return !p.park(s)
	}
	return true
}

// connContext is the server's ConnContext.
func (p *ParkListener) connContext(ctx context.Context, c net.Conn) context.Context {
	s := p.session(c)
	if s == nil {
		return p.user.context(ctx, c)
	}
	if s.more.ctx == nil {
		s.more.ctx = p.user.context(ctx, c)
	}
	return s.more.ctx
}
