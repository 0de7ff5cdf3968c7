package conn_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/listener"
)

func TestUDPMakingErrorsAreStds(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		try := func(what string, c interface{ Close() error }, err error) {
			tr.add("%s: %v, %v", what, c == nil, err)
			if err == nil {
				c.Close()
			}
		}
		lo, lo6 := loopback("udp4"), loopback("udp6")
		lo.Port, lo6.Port = 9, 9
		for _, network := range []string{"udp", "udp4", "udp6", "tcp", ""} {
			for _, a := range []*net.UDPAddr{nil, {}, lo, lo6, {Port: 70000}, {IP: net.IP{1, 2, 3}, Port: 9}} {
				c, err := s.dialUDP(network, nil, a)
				try(fmt.Sprintf("dial %s %v", network, a), c, err)
				c, err = s.dialUDP(network, a, lo)
				try(fmt.Sprintf("dial %s from %v", network, a), c, err)
			}
			for _, a := range []*net.UDPAddr{nil, {}, {IP: lo.IP}, {IP: lo6.IP}, {Port: 70000}, {Port: -1},
				{IP: net.IPv4(192, 0, 2, 1)}, {IP: net.IP{1, 2, 3}}} {
				c, err := s.listenUDP(network, a)
				try(fmt.Sprintf("listen %s %v", network, a), c, err)
				c, err = s.multicast(network, nil, a)
				try(fmt.Sprintf("multicast %s %v", network, a), c, err)
			}
			for _, a := range []string{"", "nonsense", "127.0.0.1:70000", "[::1]:70000", ":nonsense", "127.0.0.1:", "[::1]:", "192.0.2.1:0"} {
				if network != "tcp" || a != "192.0.2.1:0" { // that would send something out, and meet whoever answers
					c, err := s.dial(network, a)
					try(fmt.Sprintf("Dial %s %s", network, a), c, err)
				}
				p, err := s.listenPacket(network, a)
				try(fmt.Sprintf("ListenPacket %s %s", network, a), p, err)
			}
		}
		for _, from := range []net.Addr{&net.UDPAddr{IP: lo.IP}, &net.UDPAddr{IP: lo6.IP}, &net.TCPAddr{IP: lo.IP}, &net.UDPAddr{}} {
			c, err := s.dialFrom(from, "udp", "127.0.0.1:9")
			try(fmt.Sprintf("Dial from %v", from), c, err)
		}
	})
}

func TestUDPCallErrorsAreStds(t *testing.T) {
	b, oob := make([]byte, 10), make([]byte, 10)
	lo, lo6 := loopback("udp4"), loopback("udp6")
	lo.Port, lo6.Port = 9, 9
	// calls makes every call that reads or writes.
	calls := func(tr *transcript, what string, c udpConn) {
		read := func(name string, n int, err error) { tr.add("%s: %s = %d, %v", what, name, n, err) }
		c.SetReadDeadline(past)
		n, err := c.Read(b)
		read("Read", n, err)
		n, a, err := c.ReadFrom(b)
		read("ReadFrom", n, err)
		tr.add("no address: %v", a == nil)
		n, ua, err := c.ReadFromUDP(b)
		read("ReadFromUDP", n, err)
		tr.add("no address: %v", ua == nil)
		n, ap, err := c.ReadFromUDPAddrPort(b)
		read("ReadFromUDPAddrPort", n, err)
		tr.add("address %v", ap)
		n, _, _, _, err = c.ReadMsgUDP(b, oob)
		read("ReadMsgUDP", n, err)
		n, _, _, _, err = c.ReadMsgUDPAddrPort(b, oob)
		read("ReadMsgUDPAddrPort", n, err)
		for _, to := range []*net.UDPAddr{nil, lo, lo6, {}, {IP: lo.IP, Port: 70000}, {IP: lo.IP, Port: -1}, {IP: lo6.IP, Port: 70000}, {IP: net.IP{1, 2, 3}, Port: 9}} {
			n, err = c.WriteTo(b, to)
			tr.add("%s: WriteTo %v = %d, %v", what, to, n, err)
			n, err = c.WriteToUDP(b, to)
			tr.add("%s: WriteToUDP %v = %d, %v", what, to, n, err)
			n, oobn, err := c.WriteMsgUDP(b, nil, to)
			tr.add("%s: WriteMsgUDP %v = %d, %d, %v", what, to, n, oobn, err)
		}
		for _, to := range []netip.AddrPort{{}, lo.AddrPort(), lo6.AddrPort(), netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("0.0.0.0:9")} {
			n, err = c.WriteToUDPAddrPort(b, to)
			tr.add("%s: WriteToUDPAddrPort %v = %d, %v", what, to, n, err)
			n, oobn, err := c.WriteMsgUDPAddrPort(b, nil, to)
			tr.add("%s: WriteMsgUDPAddrPort %v = %d, %d, %v", what, to, n, oobn, err)
		}
		n, err = c.WriteTo(b, &net.TCPAddr{IP: lo.IP, Port: 9})
		tr.add("%s: WriteTo a TCP address = %d, %v", what, n, err)
		n, err = c.WriteTo(make([]byte, 1<<16), lo)
		tr.add("%s: WriteTo too much = %d, %v", what, n, err)
		n, err = c.WriteTo(b, nil)
		tr.add("%s: WriteTo nil = %d, %v", what, n, err)
	}
	other := func(tr *transcript, what string, c udpConn) {
		tr.add("%s: SetDeadline %v", what, c.SetDeadline(past))
		tr.add("%s: SetReadBuffer %v", what, c.SetReadBuffer(1<<16))
		tr.add("%s: SetWriteBuffer %v", what, c.SetWriteBuffer(1<<16))
		if what != "zero" { // package net's panics
			f, err := c.File()
			tr.add("%s: File %v", what, err)
			if err == nil {
				f.Close()
			}
		}
		raw, err := c.SyscallConn()
		tr.add("%s: SyscallConn %v", what, err)
		if err == nil {
			tr.add("%s: Control %v", what, raw.Control(func(uintptr) {}))
			tr.add("%s: raw Read %v", what, raw.Read(func(uintptr) bool { return true }))
			tr.add("%s: raw Write %v", what, raw.Write(func(uintptr) bool { return true }))
		}
		tr.add("%s: Close %v", what, c.Close())
		tr.add("%s: Close again %v", what, c.Close())
	}
	same(t, func(t *testing.T, s stack, tr *transcript) {
		for _, network := range []string{"udp", "udp4", "udp6"} {
			c := open(s.listenUDP(network, loopback(network)))(t)
			tr.rename(c.LocalAddr().String(), "LOCAL")
			calls(tr, network, c)
			n, err := c.Write(b)
			tr.add("%s: Write = %d, %v", network, n, err)
			other(tr, network, c)
			calls(tr, network+" closed", c)

			peer := open(net.ListenUDP(network, loopback(network)))(t)
			to := peer.LocalAddr().(*net.UDPAddr)
			c = open(s.dialUDP(network, nil, to))(t)
			tr.names = nil
			tr.rename(c.LocalAddr().String(), "LOCAL")
			for _, a := range []*net.UDPAddr{nil, to} {
				n, err := c.WriteTo(b, a)
				tr.add("connected: WriteTo %v = %d, %v", a == nil, n, errors.Unwrap(err))
				n, oobn, err := c.WriteMsgUDP(b, nil, a)
				tr.add("connected: WriteMsgUDP %v = %d, %d, %v", a == nil, n, oobn, errors.Unwrap(err))
				n, err = c.WriteToUDPAddrPort(b, a.AddrPort())
				tr.add("connected: WriteToUDPAddrPort %v = %d, %v", a == nil, n, errors.Unwrap(err))
				n, oobn, err = c.WriteMsgUDPAddrPort(b, nil, a.AddrPort())
				tr.add("connected: WriteMsgUDPAddrPort %v = %d, %d, %v", a == nil, n, oobn, errors.Unwrap(err))
			}
			if runtime.GOOS == "windows" {
				continue // where both ask not to be told of ICMP
			}
			peer.Close()
			c.Write(b) // answered by ICMP
			c.SetReadDeadline(time.Now().Add(time.Minute))
			_, err = c.Read(b)
			tr.add("refused: %v", sockerr.Refused(err))
		}
		calls(tr, "zero", s.zeroUDP)
		other(tr, "zero", s.zeroUDP)
		tr.add("zero: %v %v", s.zeroUDP.LocalAddr(), s.zeroUDP.RemoteAddr())
	})
}

// Every way of sending reaches every way of receiving, with the address that
// std would give.
func TestUDPEveryWayOfSendingAndReceiving(t *testing.T) {
	type received struct {
		n    int
		from string
	}
	sends := map[string]func(c udpConn, b []byte, to *net.UDPAddr) (int, error){
		"WriteTo":            func(c udpConn, b []byte, to *net.UDPAddr) (int, error) { return c.WriteTo(b, to) },
		"WriteToUDP":         func(c udpConn, b []byte, to *net.UDPAddr) (int, error) { return c.WriteToUDP(b, to) },
		"WriteToUDPAddrPort": func(c udpConn, b []byte, to *net.UDPAddr) (int, error) { return c.WriteToUDPAddrPort(b, to.AddrPort()) },
		"WriteMsgUDP": func(c udpConn, b []byte, to *net.UDPAddr) (int, error) {
			n, _, err := c.WriteMsgUDP(b, nil, to)
			return n, err
		},
		"WriteMsgUDPAddrPort": func(c udpConn, b []byte, to *net.UDPAddr) (int, error) {
			n, _, err := c.WriteMsgUDPAddrPort(b, nil, to.AddrPort())
			return n, err
		},
	}
	receives := map[string]func(c udpConn, b []byte) (received, error){
		"ReadFrom": func(c udpConn, b []byte) (received, error) {
			n, a, err := c.ReadFrom(b)
			return received{n, fmt.Sprintf("%v %d", a, len(a.(*net.UDPAddr).IP))}, err
		},
		"ReadFromUDP": func(c udpConn, b []byte) (received, error) {
			n, a, err := c.ReadFromUDP(b)
			return received{n, fmt.Sprintf("%v %d", a, len(a.IP))}, err
		},
		"ReadFromUDPAddrPort": func(c udpConn, b []byte) (received, error) {
			n, a, err := c.ReadFromUDPAddrPort(b)
			return received{n, a.String()}, err
		},
		"ReadMsgUDP": func(c udpConn, b []byte) (received, error) {
			n, _, _, a, err := c.ReadMsgUDP(b, nil)
			return received{n, fmt.Sprintf("%v %d", a, len(a.IP))}, err
		},
		"ReadMsgUDPAddrPort": func(c udpConn, b []byte) (received, error) {
			n, _, _, a, err := c.ReadMsgUDPAddrPort(b, nil)
			return received{n, a.String()}, err
		},
	}
	for _, network := range []string{"udp", "udp4", "udp6"} {
		for _, size := range []int{0, 1, 1000} {
			same(t, func(t *testing.T, s stack, tr *transcript) {
				in := open(s.listenUDP(network, nil))(t) // both versions of IP for "udp"
				to := loopback(network)
				to.Port = in.LocalAddr().(*net.UDPAddr).Port
				out := open(s.listenUDP(network, loopback(network)))(t)
				tr.rename(fmt.Sprint(out.LocalAddr().(*net.UDPAddr).Port), "PORT")
				in.SetDeadline(time.Now().Add(time.Minute))
				data, buf := bytes.Repeat([]byte{'x'}, size), make([]byte, 2000)
				for _, send := range sortedKeys(sends) {
					for _, receive := range sortedKeys(receives) {
						n, err := sends[send](out, data, to)
						tr.add("%s %s: sent %d, %v", network, send, n, err)
						got, err := receives[receive](in, buf)
						tr.add("%s %s: %+v, %v", network, receive, got, err)
					}
				}
			})
		}
	}
}

func TestUDPDatagramLargerThanTheBufferIsCut(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		in := open(s.listenUDP("udp4", loopback("udp4")))(t)
		out := open(s.dialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
		for range 3 {
			out.Write([]byte("0123456789"))
		}
		buf := make([]byte, 4)
		in.SetDeadline(time.Now().Add(time.Minute))
		n, oobn, flags, _, err := in.ReadMsgUDP(buf, nil)
		tr.add("ReadMsgUDP %d %d %#x %v", n, oobn, flags, err)
		n, _, err = in.ReadFrom(buf)
		tr.add("ReadFrom %d %v", n, err)
		n, _, err = in.ReadFrom(nil)
		tr.add("ReadFrom nothing %d %v", n, err)
	})
}

// An empty datagram is no end, and a Read of nothing takes none away.
func TestUDPEmptyDatagrams(t *testing.T) {
	needReadsOfNothing(t)
	same(t, func(t *testing.T, s stack, tr *transcript) {
		in := open(s.listenUDP("udp4", loopback("udp4")))(t)
		out := open(s.dialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
		in.SetDeadline(time.Now().Add(time.Minute))
		n, err := in.Read(nil) // with nothing there
		tr.add("%d %v", n, err)
		for range 2 {
			n, err := out.Write(nil)
			tr.add("%d %v", n, err)
		}
		out.Write([]byte("last"))
		buf := make([]byte, 10)
		n, err = in.Read(nil)
		tr.add("%d %v", n, err)
		for range 3 {
			n, err := in.Read(buf)
			tr.add("%d %v", n, err)
		}
	})
}

func TestUDPCallsAllocateNothing(t *testing.T) {
	for _, network := range []string{"udp4", "udp6"} {
		if network == "udp6" && !nettest.SupportsIPv6() {
			continue
		}
		c := open(conn.ListenUDP(network, loopback(network)))(t)
		self := c.LocalAddr().(*net.UDPAddr)
		to := self.AddrPort()
		dialled := open(conn.DialUDP(network, nil, self))(t)
		b, oob := make([]byte, 100), make([]byte, 100)
		later := make(chan struct{})
		t.Cleanup(func() { close(later) })
		go func() {
			for range later {
				for range 20 { // mostly the reader waits by then
					runtime.Gosched()
				}
				dialled.Write(b)
			}
		}()
		for _, test := range []struct {
			name string
			most float64
			f    func() error
		}{
			{"AddrPort", 0, func() error {
				if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
					return err
				}
				_, _, err := c.ReadFromUDPAddrPort(b)
				return err
			}},
			{"message with AddrPort", 0, func() error {
				if _, _, err := c.WriteMsgUDPAddrPort(b, nil, to); err != nil {
					return err
				}
				_, _, _, _, err := c.ReadMsgUDPAddrPort(b, oob)
				return err
			}},
			{"Write and Read", 0, func() error {
				if _, err := dialled.Write(b); err != nil {
					return err
				}
				_, err := c.Read(b)
				return err
			}},
			{"WriteTo", 1, func() error {
				if _, err := c.WriteTo(b, self); err != nil {
					return err
				}
				_, _, err := c.ReadFrom(b)
				return err
			}},
			{"message with UDPAddr", 1, func() error {
				if _, _, err := c.WriteMsgUDP(b, nil, self); err != nil {
					return err
				}
				_, _, _, _, err := c.ReadMsgUDP(b, oob)
				return err
			}},
			{"a read that waits", 0, func() error {
				later <- struct{}{}
				_, _, err := c.ReadFromUDPAddrPort(b)
				return err
			}},
		} {
			if n := testing.AllocsPerRun(200, func() {
				if err := test.f(); err != nil {
					t.Fatal(err)
				}
			}); n > test.most {
				t.Errorf("%s %s: %v allocations, want at most %v", network, test.name, n, test.most)
			}
		}
	}
}

// Close and a deadline end every kind of read that waits.
func TestUDPWaitingReadsEnd(t *testing.T) {
	b := make([]byte, 10)
	for name, read := range map[string]func(c *conn.UDPConn) error{
		"Read":                func(c *conn.UDPConn) error { _, err := c.Read(b[:1]); return err },
		"ReadFrom":            func(c *conn.UDPConn) error { _, _, err := c.ReadFrom(b[:1]); return err },
		"ReadFromUDPAddrPort": func(c *conn.UDPConn) error { _, _, err := c.ReadFromUDPAddrPort(b[:1]); return err },
		"ReadMsgUDP":          func(c *conn.UDPConn) error { _, _, _, _, err := c.ReadMsgUDP(b[:1], nil); return err },
	} {
		for how, end := range map[string]struct {
			f    func(c *conn.UDPConn)
			want error
		}{
			"Close":    {func(c *conn.UDPConn) { c.Close() }, net.ErrClosed},
			"deadline": {func(c *conn.UDPConn) { c.SetReadDeadline(time.Now()) }, os.ErrDeadlineExceeded},
		} {
			c := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
			ended := make(chan error)
			go func() { ended <- read(c) }()
			for range 20 { // mostly it waits by then
				runtime.Gosched()
			}
			end.f(c)
			select {
			case err := <-ended:
				if !errors.Is(err, end.want) {
					t.Errorf("%s ended by %s: %v", name, how, err)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%s is not ended by %s", name, how)
			}
		}
	}
}

func TestUDPSocketsShareAPort(t *testing.T) {
	needSharedPorts(t)
	lc := listener.ListenConfig{ReusePort: true}
	a := open(lc.ListenPacket(t.Context(), "udp4", "127.0.0.1:0"))(t)
	open(lc.ListenPacket(t.Context(), "udp4", a.LocalAddr().String()))(t)
	if c, err := listener.ListenPacket("udp4", a.LocalAddr().String()); !sockerr.InUse(err) {
		t.Errorf("without ReusePort: %v, %v", c, err)
	}
}

// The duplicate that File returns lives on when the connection is closed.
func TestUDPFileOutlivesTheConnection(t *testing.T) {
	needFiles(t)
	c := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	out := open(conn.DialUDP("udp4", nil, c.LocalAddr().(*net.UDPAddr)))(t)
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c.Close()
	out.Write([]byte("data"))
	again, err := net.FilePacketConn(f)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	again.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 10)
	if n, _, err := again.ReadFrom(buf); err != nil || string(buf[:n]) != "data" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

// A link-local sender has its zone's name, which is not looked up each time.
func TestUDPZone(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var local *net.UDPAddr
	for _, ifi := range interfaces {
		addrs, _ := ifi.Addrs()
		for _, a := range addrs {
			if in, ok := a.(*net.IPNet); ok && in.IP.IsLinkLocalUnicast() && in.IP.To4() == nil && ifi.Flags&net.FlagUp != 0 {
				local = &net.UDPAddr{IP: in.IP, Zone: ifi.Name}
			}
		}
	}
	if local == nil {
		t.Skip("no interface has a link-local IPv6 address")
	}
	c := open(conn.ListenUDP("udp6", local))(t)
	self := c.LocalAddr().(*net.UDPAddr)
	if self.Zone != local.Zone {
		t.Fatalf("local address %v", self)
	}
	b, to := make([]byte, 10), self.AddrPort()
	c.SetDeadline(time.Now().Add(time.Minute))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
			t.Fatal(err)
		}
		if _, from, err := c.ReadFromUDPAddrPort(b); err != nil || from != to {
			t.Fatalf("from %v, want %v, %v", from, to, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
