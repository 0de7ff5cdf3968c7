package netfd

import (
	"net"
	"syscall"
	"unsafe"

	"github.com/moor-net/moor/internal/sys"
)

// heldName returns the name of a Unix socket as programs see it. Most peers
// have none, and one address serves them all.
func (n Network) heldName(name string) *net.Addr {
	if name == unnamed {
		return &nameless[n]
	}
	return held(name, n)
}

// unnamed is what package net makes of no name on Linux.
const unnamed = "@"

var nameless = [...]net.Addr{
	Unix:       &net.UnixAddr{Name: unnamed, Net: "unix"},
	Unixgram:   &net.UnixAddr{Name: unnamed, Net: "unixgram"},
	Unixpacket: &net.UnixAddr{Name: unnamed, Net: "unixpacket"},
}

func held(name string, n Network) *net.Addr {
	var a net.Addr = &net.UnixAddr{Name: name, Net: n.String()}
	return &a
}

// maxUnixName is the length of the longest name: that of the field in the
// system's address.
const maxUnixName = 108

// sender returns the address of a message's sender, nil if it has no name. It
// allocates once.
func (fd *FD) sender(addr *sys.RawAddr) *net.UnixAddr {
	var buf [maxUnixName]byte
	name, _ := addr.AppendUnixName(buf[:0])
	if len(name) == 0 {
		return nil
	}
	a := new(struct {
		net.UnixAddr
		name [maxUnixName]byte
	})
	// The bytes that the string shares are not changed from here on.
	a.Name = unsafe.String(&a.name[0], copy(a.name[:], name))
	a.Net = fd.Network()
	return &a.UnixAddr
}

// The errors of the methods below are those inside package net's *net.OpError.

// ReadUnix receives a message and tells who sent it.
func (fd *FD) ReadUnix(p []byte) (int, *net.UnixAddr, error) {
	var from sys.RawAddr
	n, err := fd.ReadFrom(p, &from)
	return n, fd.sender(&from), err
}

// ReadMsgUnix receives a message with its control messages: see
// net.UnixConn.ReadMsgUnix. Descriptors among them are close-on-exec.
func (fd *FD) ReadMsgUnix(p, oob []byte) (n, oobn, flags int, from *net.UnixAddr, err error) {
	var addr sys.RawAddr
	n, oobn, flags, err = fd.ReadMsg(p, oob, sys.RightsFlags, &addr)
	if oobn > 0 {
		sys.SetRightsCloseOnExec(oob[:oobn])
	}
	return n, oobn, flags, fd.sender(&addr), err
}

// WriteUnix sends a message to an address that is not nil unless the call is
// to fail.
func (fd *FD) WriteUnix(p []byte, to *net.UnixAddr) (int, error) {
	switch {
	case fd.connected:
		return 0, net.ErrWriteToConnected
	case to == nil:
		return 0, ErrMissingAddress
	case to.Net != fd.Network():
		return 0, syscall.EAFNOSUPPORT
	}
	var addr sys.RawAddr
	addr.SetUnixName(to.Name)
	return fd.WriteTo(p, &addr)
}

// WriteMsgUnix sends a message with control messages: see
// net.UnixConn.WriteMsgUnix.
func (fd *FD) WriteMsgUnix(p, oob []byte, to *net.UnixAddr) (n, oobn int, err error) {
	if fd.network == Unixgram && fd.connected {
		return 0, 0, net.ErrWriteToConnected
	}
	if to == nil {
		return fd.WriteMsg(p, oob, nil)
	}
	if to.Net != fd.Network() {
		return 0, 0, syscall.EAFNOSUPPORT
	}
	var addr sys.RawAddr
	addr.SetUnixName(to.Name)
	return fd.WriteMsg(p, oob, &addr)
}
