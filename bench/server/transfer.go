package server

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
)

// Plain and SendFile answer a request, a number of bytes in eight bytes, most
// significant first, with as many bytes of Content: from memory, and from a
// file. Splice takes connections in pairs and copies what the first one sends
// to the second.

// contentSize is the length of what repeats in a transfer, in bytes.
const contentSize = 1 << 20

// Content is what all transfers consist of, over and over. The client has the
// same.
var Content = sync.OnceValue(func() []byte {
	content := make([]byte, contentSize)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(content)
	return content
})

// transfer serves requests with send, which sends at most a whole Content.
func transfer(c net.Conn, send func(n int64) error) {
	defer c.Close()
	var request [8]byte
	for {
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return
		}
		for left := int64(binary.BigEndian.Uint64(request[:])); left > 0; left -= contentSize {
			if err := send(min(left, contentSize)); err != nil {
				return
			}
		}
	}
}

func sendPlain(c net.Conn, _ []byte) {
	transfer(c, func(n int64) error {
		_, err := c.Write(Content()[:n])
		return err
	})
}

// contentFile returns the open file with Content, which has no name.
var contentFile = sync.OnceValues(func() (*os.File, error) {
	file, err := os.CreateTemp("", "moor-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	_, err = file.Write(Content())
	return file, err
})

// sendFile uses sendfile(2) through io.Copy, if the connection does. One
// transfer goes on at a time: the file's offset is shared.
func sendFile(c net.Conn, _ []byte) {
	file, err := contentFile()
	if err != nil {
		c.Close()
		return
	}
	transfer(c, func(n int64) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(c, io.LimitReader(file, n))
		return err
	})
}

// relay uses splice(2) through io.Copy, if the connections do.
func relay(ln net.Listener, _ Config) error {
	for {
		from, err := ln.Accept()
		if err != nil {
			return err
		}
		to, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(to, from)
			from.Close()
			to.Close()
		}()
	}
}
