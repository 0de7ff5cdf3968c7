package conn_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// udpConn is what package net's UDP connections and ours have in common.
type udpConn interface {
	net.Conn
	syscall.Conn
	ReadFrom([]byte) (int, net.Addr, error)
	ReadFromUDP([]byte) (int, *net.UDPAddr, error)
	ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error)
	ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error)
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteTo([]byte, net.Addr) (int, error)
	WriteToUDP([]byte, *net.UDPAddr) (int, error)
	WriteToUDPAddrPort([]byte, netip.AddrPort) (int, error)
	WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
	File() (*os.File, error)
}

var (
	_ udpConn = (*net.UDPConn)(nil)
	_ udpConn = (*conn.UDPConn)(nil)
)

// unixConn is what package net's Unix connections and ours have in common.
type unixConn interface {
	net.Conn
	syscall.Conn
	ReadFrom([]byte) (int, net.Addr, error)
	ReadFromUnix([]byte) (int, *net.UnixAddr, error)
	ReadMsgUnix(b, oob []byte) (n, oobn, flags int, addr *net.UnixAddr, err error)
	WriteTo([]byte, net.Addr) (int, error)
	WriteToUnix([]byte, *net.UnixAddr) (int, error)
	WriteMsgUnix(b, oob []byte, addr *net.UnixAddr) (n, oobn int, err error)
	CloseRead() error
	CloseWrite() error
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
	File() (*os.File, error)
}

// unixListener is what package net's Unix listeners and ours have in common.
type unixListener interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
	SetUnlinkOnClose(bool)
	File() (*os.File, error)
}

// A stack is package net or this library: tests run the same on both and
// compare.
type stack struct {
	name         string
	dial         func(network, address string) (net.Conn, error)
	dialFrom     func(laddr net.Addr, network, address string) (net.Conn, error)
	listenPacket func(network, address string) (net.PacketConn, error)
	dialUDP      func(network string, laddr, raddr *net.UDPAddr) (udpConn, error)
	listenUDP    func(network string, laddr *net.UDPAddr) (udpConn, error)
	multicast    func(network string, ifi *net.Interface, gaddr *net.UDPAddr) (udpConn, error)
	zeroUDP      udpConn
	listen       func(network, address string) (net.Listener, error)
	dialUnix     func(network string, laddr, raddr *net.UnixAddr) (unixConn, error)
	listenUnix   func(network string, laddr *net.UnixAddr) (unixListener, error)
	listenGram   func(network string, laddr *net.UnixAddr) (unixConn, error)
	zeroUnix     unixConn
	nilListener  unixListener

	fileConn       func(*os.File) (net.Conn, error)
	filePacketConn func(*os.File) (net.PacketConn, error)
	fileListener   func(*os.File) (net.Listener, error)
}

var std = stack{
	name: "std",
	dial: net.Dial,
	dialFrom: func(laddr net.Addr, network, address string) (net.Conn, error) {
		return (&net.Dialer{LocalAddr: laddr}).Dial(network, address)
	},
	listenPacket: net.ListenPacket,
	dialUDP: func(network string, laddr, raddr *net.UDPAddr) (udpConn, error) {
		return orNil[udpConn](net.DialUDP(network, laddr, raddr))
	},
	listenUDP: func(network string, laddr *net.UDPAddr) (udpConn, error) {
		return orNil[udpConn](net.ListenUDP(network, laddr))
	},
	multicast: func(network string, ifi *net.Interface, gaddr *net.UDPAddr) (udpConn, error) {
		return orNil[udpConn](net.ListenMulticastUDP(network, ifi, gaddr))
	},
	zeroUDP: new(net.UDPConn),
	listen:  net.Listen,
	dialUnix: func(network string, laddr, raddr *net.UnixAddr) (unixConn, error) {
		return orNil[unixConn](net.DialUnix(network, laddr, raddr))
	},
	listenUnix: func(network string, laddr *net.UnixAddr) (unixListener, error) {
		return orNil[unixListener](net.ListenUnix(network, laddr))
	},
	listenGram: func(network string, laddr *net.UnixAddr) (unixConn, error) {
		return orNil[unixConn](net.ListenUnixgram(network, laddr))
	},
	zeroUnix:    new(net.UnixConn),
	nilListener: (*net.UnixListener)(nil),

	fileConn: net.FileConn, filePacketConn: net.FilePacketConn, fileListener: net.FileListener,
}

var ours = stack{
	name: "ours",
	dial: conn.Dial,
	dialFrom: func(laddr net.Addr, network, address string) (net.Conn, error) {
		return (&conn.Dialer{LocalAddr: laddr}).Dial(network, address)
	},
	listenPacket: listener.ListenPacket,
	dialUDP: func(network string, laddr, raddr *net.UDPAddr) (udpConn, error) {
		return orNil[udpConn](conn.DialUDP(network, laddr, raddr))
	},
	listenUDP: func(network string, laddr *net.UDPAddr) (udpConn, error) {
		return orNil[udpConn](conn.ListenUDP(network, laddr))
	},
	multicast: func(network string, ifi *net.Interface, gaddr *net.UDPAddr) (udpConn, error) {
		return orNil[udpConn](conn.ListenMulticastUDP(network, ifi, gaddr))
	},
	zeroUDP: new(conn.UDPConn),
	listen:  listener.Listen,
	dialUnix: func(network string, laddr, raddr *net.UnixAddr) (unixConn, error) {
		return orNil[unixConn](conn.DialUnix(network, laddr, raddr))
	},
	listenUnix: func(network string, laddr *net.UnixAddr) (unixListener, error) {
		return orNil[unixListener](listener.ListenUnix(network, laddr))
	},
	listenGram: func(network string, laddr *net.UnixAddr) (unixConn, error) {
		return orNil[unixConn](conn.ListenUnixgram(network, laddr))
	},
	zeroUnix:    new(conn.UnixConn),
	nilListener: (*listener.UnixListener)(nil),

	fileConn: conn.FileConn, filePacketConn: conn.FilePacketConn, fileListener: listener.FileListener,
}

// orNil keeps a nil pointer from becoming an interface that is not nil.
func orNil[I any, T any](c T, err error) (I, error) {
	if err != nil {
		var none I
		return none, err
	}
	return any(c).(I), nil
}

// A transcript is what a scenario saw on one stack.
type transcript struct {
	t     *testing.T
	lines []string
	names *strings.Replacer
}

// rename lets texts appear under other names: addresses differ between runs.
func (tr *transcript) rename(textAndName ...string) { tr.names = strings.NewReplacer(textAndName...) }

// named is path with the name it is to appear under, plain and quoted.
func named(path, name string) []string {
	var both []string
	for _, text := range []string{path, path[len(filepath.VolumeName(path)):]} { // without C: it is a port, too
		quoted := strconv.Quote(text)
		both = append(both, quoted[1:len(quoted)-1], name, text, name)
	}
	return both
}

func (tr *transcript) add(format string, args ...any) {
	for i, a := range args {
		if err, ok := a.(error); ok {
			args[i] = describe(err)
		}
	}
	line := fmt.Sprintf(format, args...)
	if tr.names != nil {
		line = tr.names.Replace(line)
	}
	tr.lines = append(tr.lines, line)
}

// describe writes down all of an error that a program can see.
func describe(err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q", err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&b, " > %T", e)
		if op, ok := e.(*net.OpError); ok {
			fmt.Fprintf(&b, "{%s %s %T %T}", op.Op, op.Net, op.Source, op.Addr)
		}
	}
	var ne net.Error
	if errors.As(err, &ne) {
		fmt.Fprintf(&b, " timeout=%v", ne.Timeout())
	}
	fmt.Fprintf(&b, " closed=%v", errors.Is(err, net.ErrClosed))
	// These addresses' types are no exported ones.
	return strings.NewReplacer("net.addrPortUDPAddr", "addrPort", "conn.addrPort", "addrPort",
		"net.fileAddr", "fileAddr", "netfd.fileAddr", "fileAddr").Replace(b.String())
}

// same runs a scenario on both stacks and compares what it saw, but for what is
// excepted.
func same(t *testing.T, scenario func(t *testing.T, s stack, tr *transcript)) {
	t.Helper()
	var got [2][]string
	for i, s := range []stack{std, ours} {
		tr := &transcript{t: t}
		scenario(t, s, tr)
		got[i] = tr.lines
	}
	if len(got[0]) == 0 {
		t.Error("the scenario saw nothing")
	}
	for i := range max(len(got[0]), len(got[1])) {
		var a, b string
		if i < len(got[0]) {
			a = got[0][i]
		}
		if i < len(got[1]) {
			b = got[1][i]
		}
		if a != b && !excepted(t.Name(), a, b) {
			t.Errorf("line %d\n std: %s\nours: %s", i, a, b)
		}
	}
}

func loopback(network string) *net.UDPAddr {
	if network == "udp6" {
		return &net.UDPAddr{IP: net.IPv6loopback}
	}
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
}

// open fails the test on an error and closes c with it.
func open[C interface{ Close() error }](c C, err error) func(testing.TB) C {
	return func(t testing.TB) C {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// listen returns a listener of ours that is closed with the test.
func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	ln, err := listener.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func control(t testing.TB, c syscall.Conn, f func(fd int)) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { f(int(fd)) }); err != nil {
		t.Fatal(err)
	}
}

var past = time.Unix(1, 0)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// directory returns a directory whose name is short enough for sockets.
func directory(t testing.TB) string {
	t.Helper()
	var dir string
	for { // unlike MkdirTemp's, all names are of one length
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("moor%08x", rand.Uint32()))
		if err := os.Mkdir(dir, 0o700); err == nil {
			break
		} else if !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
