package conn_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/sockerr"
)

// A datagram that did not fit into the buffer was told to have no bytes at all,
// though those that fit were there.
func TestUDPWhatFitsOfALongDatagramIsCounted(t *testing.T) {
	in, out := udpPair(t)
	buf, oob := make([]byte, 4), make([]byte, 100)
	var flags int
	for name, read := range map[string]func() (int, error){
		"Read":                func() (int, error) { return in.Read(buf) },
		"ReadFrom":            func() (int, error) { n, _, err := in.ReadFrom(buf); return n, err },
		"ReadFromUDPAddrPort": func() (int, error) { n, _, err := in.ReadFromUDPAddrPort(buf); return n, err },
		"ReadMsgUDP": func() (n int, err error) {
			n, _, flags, _, err = in.ReadMsgUDP(buf, oob)
			return n, err
		},
	} {
		out.Write([]byte("0123456789"))
		clear(buf)
		if n, err := read(); n != 4 || string(buf) != "0123" || !errors.Is(err, windows.WSAEMSGSIZE) {
			t.Errorf("%s = %d, %v, and the buffer holds %q", name, n, err, buf)
		}
	}
	if !sockerr.Wine && flags&windows.MSG_TRUNC == 0 { // Wine has no flags for an error
		t.Errorf("the message's flags are %#x, without MSG_TRUNC", flags)
	}
}
