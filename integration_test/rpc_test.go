package integration_test

import (
	"bytes"
	"errors"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"sync"
	"testing"
)

// Echo is a service of net/rpc.
type Echo struct{}

// Bytes returns what it is given.
func (Echo) Bytes(in []byte, out *[]byte) error {
	*out = in
	return nil
}

// Fail returns its argument as an error.
func (Echo) Fail(text string, _ *int) error { return errors.New(text) }

func TestRPC(t *testing.T) {
	s := newStack(t)
	srv := rpc.NewServer()
	if err := srv.Register(Echo{}); err != nil {
		t.Fatal(err)
	}
	for name, codec := range map[string]struct {
		serve  func(net.Conn)
		client func(net.Conn) *rpc.Client
	}{
		"gob": {
			func(c net.Conn) { srv.ServeConn(c) },
			func(c net.Conn) *rpc.Client { return rpc.NewClient(c) },
		},
		"JSON": {
			func(c net.Conn) { srv.ServeCodec(jsonrpc.NewServerCodec(c)) },
			func(c net.Conn) *rpc.Client { return jsonrpc.NewClient(c) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			ln := s.listen(t)
			var serving sync.WaitGroup
			serving.Go(func() {
				for {
					c, err := ln.Accept()
					if err != nil {
						return
					}
					serving.Go(func() { codec.serve(c) })
				}
			})
			defer serving.Wait()
			defer ln.Close()
			var clients sync.WaitGroup
			defer clients.Wait()
			for range 10 {
				c := codec.client(s.dial(t, ln.Addr().String()))
				var calls sync.WaitGroup
				for i := range 50 { // at once, on one connection
					calls.Go(func() {
						sent := content(byte(i), i*100)
						var got []byte
						if err := c.Call("Echo.Bytes", sent, &got); err != nil || !bytes.Equal(got, sent) {
							t.Errorf("%d bytes came back as %d, or changed: %v", len(sent), len(got), err)
						}
					})
				}
				clients.Go(func() {
					calls.Wait()
					if err := c.Call("Echo.Fail", "on purpose", new(int)); err == nil || err.Error() != "on purpose" {
						t.Errorf("the call returned %v", err)
					}
					if err := c.Close(); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}
