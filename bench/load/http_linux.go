package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// http asks for a path that names connection and message, and expects it as the
// answer's body.
type http struct {
	text []byte
}

const (
	httpStart = "GET /"
	httpEnd   = " HTTP/1.1\r\nHost: localhost\r\n\r\n"
	// digits of a name: eight for the connection, eight for the message.
	digits = 16
)

func newHTTP() *http {
	return &http{[]byte(httpStart + "0000000000000000" + httpEnd)}
}

func (h *http) request(conn int, seq uint64) []byte {
	name(h.text[len(httpStart):], conn, seq)
	return h.text
}

// name writes the digits.
func name(to []byte, conn int, seq uint64) {
	const hex = "0123456789abcdef"
	n := uint64(conn)<<32 | seq&0xffffffff
	for i := range digits {
		to[i] = hex[n>>(60-4*i)&15]
	}
}

// answer takes a whole answer at once.
func (h *http) answer(conn int, seq uint64, _ int, in []byte) (n int, complete bool, err error) {
	end := bytes.Index(in, []byte("\r\n\r\n"))
	if end < 0 {
		if len(in) > 4096 {
			return 0, false, errors.New("the header of an answer has no end")
		}
		return 0, false, nil
	}
	if !bytes.HasPrefix(in, []byte("HTTP/1.1 200 OK\r\n")) {
		line, _, _ := bytes.Cut(in, []byte("\r\n"))
		return 0, false, fmt.Errorf("answer to request %d: %q", seq, line)
	}
	length, err := contentLength(in[:end+2])
	if err != nil {
		return 0, false, err
	}
	end += len("\r\n\r\n")
	if len(in) < end+length {
		return 0, false, nil
	}
	var want [1 + digits]byte
	want[0] = '/'
	name(want[1:], conn, seq)
	if body := in[end : end+length]; !bytes.Equal(body, want[:]) {
		return 0, false, fmt.Errorf("corrupt answer: body %q, expected %q", body, want[:])
	}
	return end + length, true, nil
}

// contentLength finds the header's Content-Length, which all servers under
// measurement write like this.
func contentLength(header []byte) (int, error) {
	const field = "\r\nContent-Length: "
	at := bytes.Index(header, []byte(field))
	if at < 0 {
		return 0, errors.New("an answer has no Content-Length")
	}
	value, _, _ := bytes.Cut(header[at+len(field):], []byte("\r\n"))
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("bad Content-Length %q", value)
	}
	return n, nil
}
