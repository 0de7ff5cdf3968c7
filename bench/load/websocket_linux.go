package load

import (
	"bytes"
	"errors"
	"fmt"
)

// webSocket upgrades with its first message. Each later one is a binary frame
// that names connection and message and comes back (RFC 6455).
type webSocket struct {
	frame []byte
}

const (
	upgrade = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	binaryFrame = 0x82
	masked      = 0x80
)

// newWebSocket masks with zeros, so a payload is what it is.
func newWebSocket() *webSocket {
	frame := make([]byte, 2+4+digits)
	frame[0], frame[1] = binaryFrame, masked|digits
	return &webSocket{frame}
}

func (w *webSocket) request(conn int, seq uint64) []byte {
	if seq == 0 {
		return []byte(upgrade)
	}
	name(w.frame[6:], conn, seq)
	return w.frame
}

func (w *webSocket) answer(conn int, seq uint64, _ int, in []byte) (n int, complete bool, err error) {
	if seq == 0 {
		end := bytes.Index(in, []byte("\r\n\r\n"))
		switch {
		case end < 0 && len(in) > 4096:
			return 0, false, errors.New("the header of an upgrade has no end")
		case end < 0:
			return 0, false, nil
		case !bytes.HasPrefix(in, []byte("HTTP/1.1 101 ")):
			return 0, false, fmt.Errorf("upgrade refused: %q", in[:end])
		}
		return end + len("\r\n\r\n"), true, nil
	}
	if len(in) < 2+digits {
		return 0, false, nil
	}
	var want [2 + digits]byte
	want[0], want[1] = binaryFrame, digits
	name(want[2:], conn, seq)
	if !bytes.Equal(in[:len(want)], want[:]) {
		return 0, false, fmt.Errorf("corrupt message: %q, expected %q", in[:len(want)], want[:])
	}
	return len(want), true, nil
}
