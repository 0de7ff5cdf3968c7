package conn_test

// On Windows golang.org/x/net has neither control messages nor batches.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/moor-net/moor/conn"
)

// The PacketConns of golang.org/x/net work on top; only their ReadFrom insists
// on package net's own type.
func TestPacketConnsOfXNet(t *testing.T) {
	t.Run("ipv4", func(t *testing.T) {
		in := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
		out := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
		in.SetDeadline(time.Now().Add(time.Minute))
		p, q := ipv4.NewPacketConn(in), ipv4.NewPacketConn(out)
		if err := p.SetControlMessage(ipv4.FlagTTL|ipv4.FlagDst|ipv4.FlagInterface, true); err != nil {
			t.Fatal(err)
		}
		if err := q.SetTTL(33); err != nil {
			t.Fatal(err)
		}
		if ttl, err := q.TTL(); ttl != 33 || err != nil {
			t.Errorf("TTL %d, %v", ttl, err)
		}
		if n, err := q.WriteTo([]byte("one"), nil, in.LocalAddr()); n != 3 || err != nil {
			t.Errorf("WriteTo = %d, %v", n, err)
		}
		send := []ipv4.Message{{Buffers: [][]byte{[]byte("two")}, Addr: in.LocalAddr()}, {Buffers: [][]byte{[]byte("three")}, Addr: in.LocalAddr()}}
		if n, err := q.WriteBatch(send, 0); n != 2 || err != nil {
			t.Errorf("WriteBatch = %d, %v", n, err)
		}
		read := messages(1, 10)
		for i, want := range []string{"one", "two", "three"} {
			read[0].OOB = ipv4.NewControlMessage(ipv4.FlagTTL | ipv4.FlagDst | ipv4.FlagInterface)
			readBatch := p.ReadBatch
			if i == 1 { // ours reads the same
				readBatch = in.ReadBatch
			}
			if n, err := readBatch(read, 0); n != 1 || err != nil || string(read[0].Buffers[0][:read[0].N]) != want {
				t.Errorf("ReadBatch = %d, %v, %q", n, err, read[0].Buffers[0][:read[0].N])
			}
			var cm ipv4.ControlMessage
			if err := cm.Parse(read[0].OOB[:read[0].NN]); err != nil || cm.TTL != 33 || !cm.Dst.Equal(net.IPv4(127, 0, 0, 1)) || cm.IfIndex == 0 {
				t.Errorf("control message %v, %v", cm.String(), err)
			}
			if read[0].Addr.String() != out.LocalAddr().String() {
				t.Errorf("from %v, want %v", read[0].Addr, out.LocalAddr())
			}
		}
		// It waits in the event loop, and ends there.
		p.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := p.ReadBatch(read, 0); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ReadBatch past its deadline: %v", err)
		}
		p.SetReadDeadline(time.Now().Add(time.Minute))
		go q.WriteTo([]byte("late"), nil, in.LocalAddr())
		if n, err := p.ReadBatch(read, 0); n != 1 || err != nil || string(read[0].Buffers[0][:read[0].N]) != "late" {
			t.Errorf("ReadBatch = %d, %v", n, err)
		}
		p.SetReadDeadline(time.Time{})
		ended := make(chan error)
		go func() { _, err := p.ReadBatch(read, 0); ended <- err }()
		p.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("ReadBatch ended by Close: %v", err)
		}
	})
	t.Run("ipv6", func(t *testing.T) {
		in, err := conn.ListenUDP("udp6", loopback("udp6"))
		if err != nil {
			t.Skip("the host has no IPv6: ", err)
		}
		defer in.Close()
		out := open(conn.ListenUDP("udp6", loopback("udp6")))(t)
		in.SetDeadline(time.Now().Add(time.Minute))
		p, q := ipv6.NewPacketConn(in), ipv6.NewPacketConn(out)
		if err := p.SetControlMessage(ipv6.FlagHopLimit|ipv6.FlagDst|ipv6.FlagTrafficClass, true); err != nil {
			t.Fatal(err)
		}
		cm := &ipv6.ControlMessage{HopLimit: 44, TrafficClass: 4}
		if n, err := q.WriteTo([]byte("one"), cm, in.LocalAddr()); n != 3 || err != nil {
			t.Errorf("WriteTo = %d, %v", n, err)
		}
		send := []ipv6.Message{{Buffers: [][]byte{[]byte("two")}, OOB: cm.Marshal(), Addr: in.LocalAddr()}}
		if n, err := out.WriteBatch(send, 0); n != 1 || err != nil {
			t.Errorf("WriteBatch = %d, %v", n, err)
		}
		read := messages(1, 10)
		for i, want := range []string{"one", "two"} {
			read[0].OOB = ipv6.NewControlMessage(ipv6.FlagHopLimit | ipv6.FlagDst | ipv6.FlagTrafficClass)
			readBatch := p.ReadBatch
			if i == 1 {
				readBatch = in.ReadBatch
			}
			if n, err := readBatch(read, 0); n != 1 || err != nil || string(read[0].Buffers[0][:read[0].N]) != want {
				t.Errorf("ReadBatch = %d, %v", n, err)
			}
			var of ipv6.ControlMessage
			if err := of.Parse(read[0].OOB[:read[0].NN]); err != nil || of.HopLimit != 44 || of.TrafficClass != 4 || !of.Dst.Equal(net.IPv6loopback) {
				t.Errorf("control message %v, %v", of.String(), err)
			}
		}
	})
}

// everything4 calls every method of an ipv4.PacketConn but ReadFrom, and notes
// the answers.
func everything4(t *testing.T, p *ipv4.PacketConn, out *ipv4.PacketConn, to net.Addr, lo *net.Interface, tr *transcript) {
	note := func(what string, results ...any) { tr.add("%s: %s", what, fmt.Sprint(results...)) }
	group := &net.UDPAddr{IP: net.IPv4(239, 1, 2, 3)}
	source := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	for _, n := range []int{0, 33, 300} {
		note("SetTTL", n, p.SetTTL(n))
		note("SetTOS", n, p.SetTOS(n))
		note("SetMulticastTTL", n, p.SetMulticastTTL(n))
	}
	ttl, err := p.TTL()
	note("TTL", ttl, err)
	tos, err := p.TOS()
	note("TOS", tos, err)
	mttl, err := p.MulticastTTL()
	note("MulticastTTL", mttl, err)
	note("SetMulticastLoopback", p.SetMulticastLoopback(true))
	loop, err := p.MulticastLoopback()
	note("MulticastLoopback", loop, err)
	note("SetMulticastInterface", p.SetMulticastInterface(lo))
	ifi, err := p.MulticastInterface()
	note("MulticastInterface", ifi, err)
	note("JoinGroup", p.JoinGroup(lo, group), p.JoinGroup(lo, group), p.JoinGroup(lo, source), p.JoinGroup(lo, nil))
	note("ExcludeSource", p.ExcludeSourceSpecificGroup(lo, group, source), p.IncludeSourceSpecificGroup(lo, group, source))
	note("LeaveGroup", p.LeaveGroup(lo, group), p.LeaveGroup(lo, group))
	note("Source group", p.JoinSourceSpecificGroup(lo, group, source), p.LeaveSourceSpecificGroup(lo, group, source))
	filter, err := p.ICMPFilter()
	note("ICMPFilter", filter, err, p.SetICMPFilter(new(ipv4.ICMPFilter)))
	const flags = ipv4.FlagTTL | ipv4.FlagSrc | ipv4.FlagDst | ipv4.FlagInterface
	note("SetControlMessage", p.SetControlMessage(flags, true))
	drop, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 8 + 3}}) // the header, and three bytes
	note("SetBPF", err, p.SetBPF(drop))
	for _, cm := range []*ipv4.ControlMessage{nil, {TTL: 9}, {Src: net.IPv4(127, 0, 0, 1)}, {IfIndex: lo.Index}, {IfIndex: 1 << 20}} {
		n, err := out.WriteTo([]byte("longer"), cm, to)
		note("WriteTo", n, err)
		if err != nil {
			continue
		}
		m := []ipv4.Message{{Buffers: [][]byte{make([]byte, 2), make([]byte, 20)}, OOB: ipv4.NewControlMessage(flags)}}
		n, err = p.ReadBatch(m, 0)
		note("ReadBatch", n, err, m[0].N, m[0].Addr, m[0].Flags)
		var got ipv4.ControlMessage
		if err == nil {
			note("control message", got.Parse(m[0].OOB[:m[0].NN]), got.TTL, got.Src, got.Dst, got.IfIndex)
		}
	}
	n, err := out.WriteTo([]byte("x"), nil, nil)
	note("WriteTo nobody", n, err)
	n, err = out.WriteTo([]byte("x"), nil, &net.UnixAddr{})
	note("WriteTo what is not UDP", n, err)
	n, err = out.WriteTo(make([]byte, 1<<17), nil, to)
	note("WriteTo too much", n, err)
	n, err = out.WriteBatch([]ipv4.Message{{Buffers: [][]byte{{1}}, Addr: to}, {Buffers: [][]byte{{2}}, Addr: to, OOB: (&ipv4.ControlMessage{TTL: 7}).Marshal()}}, 0)
	note("WriteBatch", n, err)
	for range 2 {
		m := []ipv4.Message{{Buffers: [][]byte{make([]byte, 20)}}}
		n, err = p.ReadBatch(m, 0)
		note("ReadBatch", n, err, m[0].N, m[0].Buffers[0][0])
	}
	note("SetReadDeadline", p.SetReadDeadline(past))
	n, err = p.ReadBatch(make([]ipv4.Message, 1), 0)
	note("ReadBatch", n, err)
	note("SetWriteDeadline", p.SetWriteDeadline(past))
	n, err = p.WriteTo([]byte("x"), nil, to)
	note("WriteTo", n, err)
}

// everything6 is everything4 for IPv6.
func everything6(t *testing.T, p *ipv6.PacketConn, out *ipv6.PacketConn, to net.Addr, lo *net.Interface, tr *transcript) {
	note := func(what string, results ...any) { tr.add("%s: %s", what, fmt.Sprint(results...)) }
	group := &net.UDPAddr{IP: net.ParseIP("ff02::1:2:3")}
	source := &net.UDPAddr{IP: net.IPv6loopback}
	for _, n := range []int{0, 33, 300} {
		note("SetHopLimit", n, p.SetHopLimit(n))
		note("SetTrafficClass", n, p.SetTrafficClass(n))
		note("SetMulticastHopLimit", n, p.SetMulticastHopLimit(n))
	}
	hops, err := p.HopLimit()
	note("HopLimit", hops, err)
	class, err := p.TrafficClass()
	note("TrafficClass", class, err)
	mhops, err := p.MulticastHopLimit()
	note("MulticastHopLimit", mhops, err)
	note("SetMulticastLoopback", p.SetMulticastLoopback(true))
	loop, err := p.MulticastLoopback()
	note("MulticastLoopback", loop, err)
	note("SetMulticastInterface", p.SetMulticastInterface(lo))
	ifi, err := p.MulticastInterface()
	note("MulticastInterface", ifi, err)
	note("JoinGroup", p.JoinGroup(lo, group), p.JoinGroup(lo, group), p.JoinGroup(lo, source))
	note("ExcludeSource", p.ExcludeSourceSpecificGroup(lo, group, source), p.IncludeSourceSpecificGroup(lo, group, source))
	note("LeaveGroup", p.LeaveGroup(lo, group), p.LeaveGroup(lo, group))
	note("Source group", p.JoinSourceSpecificGroup(lo, group, source), p.LeaveSourceSpecificGroup(lo, group, source))
	on, offset, err := p.Checksum()
	note("Checksum", on, offset, err, p.SetChecksum(true, 2))
	filter, err := p.ICMPFilter()
	note("ICMPFilter", filter, err, p.SetICMPFilter(new(ipv6.ICMPFilter)))
	const flags = ipv6.FlagTrafficClass | ipv6.FlagHopLimit | ipv6.FlagSrc | ipv6.FlagDst | ipv6.FlagInterface | ipv6.FlagPathMTU
	note("SetControlMessage", p.SetControlMessage(flags, true))
	drop, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 8 + 3}})
	note("SetBPF", err, p.SetBPF(drop))
	for _, cm := range []*ipv6.ControlMessage{nil, {HopLimit: 9, TrafficClass: 8}, {Src: net.IPv6loopback}, {IfIndex: lo.Index}, {IfIndex: 1 << 20}} {
		n, err := out.WriteTo([]byte("longer"), cm, to)
		note("WriteTo", n, err)
		if err != nil {
			continue
		}
		m := []ipv6.Message{{Buffers: [][]byte{make([]byte, 2), make([]byte, 20)}, OOB: ipv6.NewControlMessage(flags)}}
		n, err = p.ReadBatch(m, 0)
		note("ReadBatch", n, err, m[0].N, m[0].Addr, m[0].Flags)
		var got ipv6.ControlMessage
		if err == nil {
			note("control message", got.Parse(m[0].OOB[:m[0].NN]), got.HopLimit, got.TrafficClass, got.Src, got.Dst, got.IfIndex)
		}
	}
	n, err := out.WriteTo([]byte("x"), nil, nil)
	note("WriteTo nobody", n, err)
	n, err = out.WriteBatch([]ipv6.Message{{Buffers: [][]byte{{1}}, Addr: to}, {Buffers: [][]byte{{2}}, Addr: to}}, 0)
	note("WriteBatch", n, err)
	for range 2 {
		m := []ipv6.Message{{Buffers: [][]byte{make([]byte, 20)}}}
		n, err = p.ReadBatch(m, 0)
		note("ReadBatch", n, err, m[0].N, m[0].Buffers[0][0])
	}
}

// Whatever those PacketConns can do gives the same answers over both stacks,
// open and closed.
func TestPacketConnsOfXNetAnswerAsOverStd(t *testing.T) {
	lo := loopbackInterface(t)
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprintf("ipv4, closed %v", closed), func(t *testing.T) {
			same(t, func(t *testing.T, s stack, tr *transcript) {
				in, out := open(s.listenUDP("udp4", loopback("udp4")))(t), open(s.listenUDP("udp4", loopback("udp4")))(t)
				tr.rename(in.LocalAddr().String(), "IN", out.LocalAddr().String(), "OUT")
				in.SetDeadline(time.Now().Add(time.Minute))
				if closed {
					in.Close()
				}
				everything4(t, ipv4.NewPacketConn(in), ipv4.NewPacketConn(out), in.LocalAddr(), lo, tr)
			})
		})
		t.Run(fmt.Sprintf("ipv6, closed %v", closed), func(t *testing.T) {
			if !hasIPv6() {
				t.Skip("the host has no IPv6")
			}
			same(t, func(t *testing.T, s stack, tr *transcript) {
				in, out := open(s.listenUDP("udp6", loopback("udp6")))(t), open(s.listenUDP("udp6", loopback("udp6")))(t)
				tr.rename(in.LocalAddr().String(), "IN", out.LocalAddr().String(), "OUT")
				in.SetDeadline(time.Now().Add(time.Minute))
				if closed {
					in.Close()
				}
				everything6(t, ipv6.NewPacketConn(in), ipv6.NewPacketConn(out), in.LocalAddr(), lo, tr)
			})
		})
	}
}

func hasIPv6() bool {
	c, err := net.ListenUDP("udp6", loopback("udp6"))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// Datagrams to a group come to whoever has joined it, and no more to one that
// has left.
func TestGroupsJoinedThroughXNet(t *testing.T) {
	lo := loopbackInterface(t)
	in := open(conn.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4zero}))(t)
	out := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	p, q := ipv4.NewPacketConn(in), ipv4.NewPacketConn(out)
	group := &net.UDPAddr{IP: net.IPv4(239, 1, 2, 3), Port: in.LocalAddr().(*net.UDPAddr).Port}
	direct := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: group.Port}
	if err := errors.Join(q.SetMulticastInterface(lo), q.SetMulticastLoopback(true), p.JoinGroup(lo, group)); err != nil {
		t.Fatal(err)
	}
	// The group's datagram is what comes first: a direct one is sent behind it.
	read := func(want string) {
		t.Helper()
		for _, m := range []struct {
			text string
			to   net.Addr
		}{{"group", group}, {"direct", direct}} {
			if _, err := q.WriteTo([]byte(m.text), nil, m.to); err != nil {
				t.Fatal(err)
			}
		}
		in.SetReadDeadline(time.Now().Add(time.Minute))
		ms := messages(1, 20)
		for got := ""; got != "direct"; {
			n, err := p.ReadBatch(ms, 0)
			if n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if got = string(ms[0].Buffers[0][:ms[0].N]); want != "" && got != want {
				t.Errorf("read %q, want %q", got, want)
			}
			want = "direct"
		}
	}
	read("group")
	if err := p.LeaveGroup(lo, group); err != nil {
		t.Fatal(err)
	}
	read("direct")
}
