package netfd

import (
	"net"
	"net/netip"

	"github.com/moor-net/moor/internal/sys"
)

// The errors of this file are those inside package net's *net.OpError.

// ReadUDP receives a datagram and tells who sent it.
func (fd *FD) ReadUDP(p []byte) (int, sys.Endpoint, error) {
	var from sys.RawAddr
	n, err := fd.ReadFrom(p, &from)
	if err != nil {
		return n, sys.Endpoint{}, err
	}
	return n, from.Endpoint(), nil
}

// ReadMsgUDP receives a datagram with its control messages: see
// net.UDPConn.ReadMsgUDP. If it fails the sender is address and port zero.
func (fd *FD) ReadMsgUDP(p, oob []byte) (n, oobn, flags int, from sys.Endpoint, err error) {
	var addr sys.RawAddr
	n, oobn, flags, err = fd.ReadMsg(p, oob, 0, &addr)
	if err != nil {
		return n, oobn, flags, fd.unspecified(), err
	}
	return n, oobn, flags, addr.Endpoint(), nil
}

// WriteUDP sends a datagram to an address that is not nil unless the call is
// to fail.
func (fd *FD) WriteUDP(p []byte, to *net.UDPAddr) (int, error) {
	switch {
	case fd.connected:
		return 0, net.ErrWriteToConnected
	case to == nil:
		return 0, ErrMissingAddress
	}
	var addr sys.RawAddr
	if err := fd.udpAddr(&addr, to); err != nil {
		return 0, err
	}
	return fd.WriteTo(p, &addr)
}

// WriteUDPAddrPort is WriteUDP for a netip.AddrPort.
func (fd *FD) WriteUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	switch {
	case fd.connected:
		return 0, net.ErrWriteToConnected
	case !to.IsValid():
		return 0, ErrMissingAddress
	}
	e, err := sys.EndpointFromAddrPort(int(fd.family), to)
	if err != nil {
		return 0, err
	}
	var addr sys.RawAddr
	addr.SetEndpoint(e)
	return fd.WriteTo(p, &addr)
}

// udpAddr stores to in addr. A port that does not fit in an address is left to
// the system call to refuse, as package net does.
func (fd *FD) udpAddr(addr *sys.RawAddr, to *net.UDPAddr) error {
	e, err := sys.EndpointFromIP(int(fd.family), to.IP, to.Port, to.Zone)
	if err != nil {
		return err
	}
	addr.SetEndpoint(e)
	if to.Port < 0 || to.Port > 0xFFFF {
		addr.Invalidate()
	}
	return nil
}

// WriteMsgUDP sends a datagram with control messages: see
// net.UDPConn.WriteMsgUDP.
func (fd *FD) WriteMsgUDP(p, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if err := fd.checkTarget(to != nil); err != nil {
		return 0, 0, err
	}
	if to == nil {
		return fd.WriteMsg(p, oob, nil)
	}
	var addr sys.RawAddr
	if err := fd.udpAddr(&addr, to); err != nil {
		return 0, 0, err
	}
	return fd.WriteMsg(p, oob, &addr)
}

// WriteMsgUDPAddrPort is WriteMsgUDP for a netip.AddrPort.
func (fd *FD) WriteMsgUDPAddrPort(p, oob []byte, to netip.AddrPort) (n, oobn int, err error) {
	if err := fd.checkTarget(to.IsValid()); err != nil {
		return 0, 0, err
	}
	if !to.IsValid() {
		return fd.WriteMsg(p, oob, nil)
	}
	e, err := sys.EndpointFromAddrPort(int(fd.family), to)
	if err != nil {
		return 0, 0, err
	}
	var addr sys.RawAddr
	addr.SetEndpoint(e)
	return fd.WriteMsg(p, oob, &addr)
}

// checkTarget returns the error of sending a message with or without an
// address: exactly those that were not dialled need one.
func (fd *FD) checkTarget(given bool) error {
	switch {
	case fd.connected && given:
		return net.ErrWriteToConnected
	case !fd.connected && !given:
		return ErrMissingAddress
	}
	return nil
}
