package server

import "net"

// goroutines is the server that blocking code over net.Conn makes: one
// goroutine and one buffer for each connection. Libraries that offer a
// net.Listener differ in listen alone.
func goroutines(listen func(network, address string) (net.Listener, error)) Starter {
	return func(cfg Config) (net.Addr, error) {
		ln, err := listen("tcp", cfg.Addr)
		if err != nil {
			return nil, err
		}
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					// Without a listener the client cannot connect and says so.
					return
				}
				go echo(c, make([]byte, cfg.Buf))
			}
		}()
		return ln.Addr(), nil
	}
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
