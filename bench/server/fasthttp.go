package server

import (
	"net"

	"github.com/valyala/fasthttp"
)

// fasthttp is an HTTP server that keeps its own buffers, on package net and on
// this library.
func init() {
	serve := func(ln net.Listener, _ Config) error {
		srv := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetContentType("text/plain")
			ctx.Write(ctx.Path())
		}}
		return srv.Serve(ln)
	}
	register(Server{
		Name:  "fasthttp",
		About: "valyala/fasthttp 1.68.0 on package net",
		Start: map[Protocol]Starter{HTTP: from(overStd, serve)},
	})
	register(Server{
		Name:  "fasthttp-moor",
		About: "valyala/fasthttp 1.68.0 on this library",
		Start: map[Protocol]Starter{HTTP: from(overMoor, serve)},
	})
}
