//go:build unix

package conn_test

import (
	"fmt"
	"log"
	"net"

	"golang.org/x/net/ipv4"

	"github.com/moor-net/moor/conn"
)

// Package ipv4 of golang.org/x/net, and ipv6 likewise, works on a UDPConn, but
// for its ReadFrom: that accepts package net's own connections alone. ReadBatch
// with one message does the same.
func ExampleUDPConn_ReadBatch() {
	in, err := conn.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	p := ipv4.NewPacketConn(in)
	if err := p.SetControlMessage(ipv4.FlagTTL|ipv4.FlagDst, true); err != nil {
		log.Fatal(err)
	}
	p.SetTTL(33)
	if _, err := p.WriteTo([]byte("to myself"), nil, in.LocalAddr()); err != nil {
		log.Fatal(err)
	}

	// In place of: n, cm, from, err := p.ReadFrom(buf)
	buf := make([]byte, 1500)
	m := []conn.Message{{Buffers: [][]byte{buf}, OOB: ipv4.NewControlMessage(ipv4.FlagTTL | ipv4.FlagDst)}}
	if _, err := p.ReadBatch(m, 0); err != nil { // or in.ReadBatch
		log.Fatal(err)
	}
	var cm ipv4.ControlMessage
	if err := cm.Parse(m[0].OOB[:m[0].NN]); err != nil {
		log.Fatal(err)
	}
	n, from := m[0].N, m[0].Addr
	fmt.Printf("%s, to %v, TTL %d, from myself: %v\n", buf[:n], cm.Dst, cm.TTL, from.String() == in.LocalAddr().String())
	// Output: to myself, to 127.0.0.1, TTL 33, from myself: true
}
