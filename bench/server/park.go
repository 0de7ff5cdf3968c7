package server

import (
	"net"

	"github.com/moor-net/moor/listener"
)

// park is net/http on this library, with idle connections parked.
func init() {
	plain := func(ln net.Listener, _ Config) (net.Listener, error) { return ln, nil }
	secure := func(ln net.Listener, _ Config) (net.Listener, error) { return withTLS(ln) }
	serve := func(wrap func(net.Listener, Config) (net.Listener, error)) Starter {
		return from(overMoor, func(ln net.Listener, cfg Config) error {
			ln, err := wrap(ln, cfg)
			if err != nil {
				return err
			}
			srv := newHTTP(cfg)
			if ln, err = listener.Park(srv, ln, listener.Grace(cfg.Grace)); err != nil {
				return err
			}
			return srv.Serve(ln)
		})
	}
	register(Server{
		Name:  "park",
		About: "this library under net/http, idle connections parked",
		Start: map[Protocol]Starter{HTTP: serve(plain), HTTPS: serve(secure)},
	})
}
