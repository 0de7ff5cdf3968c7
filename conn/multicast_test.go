//go:build linux || windows

package conn_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
)

// Options of a multicast socket, and what it receives, are std's.
func TestMulticastIsStds(t *testing.T) {
	lo := loopbackInterface(t)
	groups := map[string]*net.UDPAddr{
		"udp4": {IP: net.IPv4(224, 0, 0, 254)},
		"udp":  {IP: net.IPv4(224, 0, 0, 254)},
		"udp6": {IP: net.ParseIP("ff01::114")},
	}
	same(t, func(t *testing.T, s stack, tr *transcript) {
		for _, network := range sortedKeys(groups) {
			for _, ifi := range []*net.Interface{lo, nil} {
				c, err := s.multicast(network, ifi, groups[network])
				tr.add("%s on %v: %v", network, ifi, err)
				if err != nil {
					continue
				}
				defer c.Close()
				local := c.LocalAddr().(*net.UDPAddr)
				tr.add("%v %d", local.IP, len(local.IP))
				control(t, c, func(fd int) { tr.add("%s", multicastOptions(fd)) })
				if network == "udp6" || ifi == nil {
					continue
				}
				out := open(net.ListenUDP("udp4", loopback("udp4")))(t)
				if err := ipv4.NewPacketConn(out).SetMulticastInterface(lo); err != nil {
					t.Fatal(err)
				}
				n, err := out.WriteTo([]byte("to the group"), &net.UDPAddr{IP: groups[network].IP, Port: local.Port})
				tr.add("sent %d %v", n, err)
				if err != nil {
					continue
				}
				buf := make([]byte, 100)
				c.SetReadDeadline(time.Now().Add(time.Minute))
				n, from, err := c.ReadFrom(buf)
				tr.add("received %q from %v %v", buf[:n], fmt.Sprint(from) == out.LocalAddr().String(), err)
			}
		}
	})
}

// loopbackInterface returns the host's, by which it sends to itself.
func loopbackInterface(t *testing.T) *net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	for _, ifi := range all {
		if ifi.Flags&(net.FlagUp|net.FlagLoopback) == net.FlagUp|net.FlagLoopback {
			return &ifi
		}
	}
	t.Skip("the host has no loopback interface: ", err)
	return nil
}
