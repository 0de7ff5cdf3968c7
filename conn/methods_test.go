package conn_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// Every method of package net's types is called on connections and listeners in
// a state in which no call waits, with all kinds of arguments, on both stacks:
// every result must be the same, whatever its error.

// arguments returns the values to try for a parameter.
func arguments(of reflect.Type) []reflect.Value {
	var vs []any
	switch of {
	case reflect.TypeFor[[]byte]():
		vs = []any{[]byte(nil), make([]byte, 3), make([]byte, 300)}
	case reflect.TypeFor[net.Addr]():
		vs = []any{nil, (*net.UDPAddr)(nil), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, (*net.UnixAddr)(nil),
			&net.UnixAddr{Name: "/nowhere", Net: "unixgram"}, &net.UnixAddr{Name: "/nowhere", Net: "unix"}, &net.TCPAddr{}}
	case reflect.TypeFor[*net.UDPAddr]():
		vs = []any{(*net.UDPAddr)(nil), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9},
			&net.UDPAddr{Port: 9}, &net.UDPAddr{IP: net.IPv6loopback, Port: 9}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1 << 20}}
	case reflect.TypeFor[netip.AddrPort]():
		vs = []any{netip.AddrPort{}, netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("[::1]:9"),
			netip.MustParseAddrPort("[::ffff:127.0.0.1]:9")}
	case reflect.TypeFor[*net.UnixAddr]():
		vs = []any{(*net.UnixAddr)(nil), &net.UnixAddr{Name: "/nowhere", Net: "unixgram"}, &net.UnixAddr{Name: "/nowhere", Net: "unix"},
			&net.UnixAddr{Net: "unixgram"}, &net.UnixAddr{Name: strings.Repeat("x", 300), Net: "unixgram"}}
	case reflect.TypeFor[time.Time]():
		vs = []any{time.Time{}, past, time.Unix(1<<40, 0), time.Now().Add(time.Hour)}
	case reflect.TypeFor[time.Duration]():
		vs = []any{time.Duration(-1), time.Duration(0), time.Minute, time.Duration(1<<63 - 1)}
	case reflect.TypeFor[bool]():
		vs = []any{false, true}
	case reflect.TypeFor[int]():
		vs = []any{-1, 0, 1 << 14}
	case reflect.TypeFor[net.KeepAliveConfig]():
		vs = []any{net.KeepAliveConfig{}, net.KeepAliveConfig{Enable: true, Count: 3}}
	case reflect.TypeFor[io.Reader]():
		vs = []any{strings.NewReader("three"), strings.NewReader(""), io.LimitReader(strings.NewReader("x"), 0),
			io.LimitReader(strings.NewReader("four"), 2), &net.Buffers{[]byte("bu"), nil, []byte("f")}, readingEnd("five"), io.LimitReader(readingEnd("sixth"), 3)}
	case reflect.TypeFor[io.Writer]():
		vs = []any{new(bytes.Buffer), readingEnd(""), writingEnd(), regular()}
	default:
		panic("no values of type " + of.String())
	}
	values := make([]reflect.Value, len(vs))
	for i, v := range vs {
		values[i] = reflect.New(of).Elem()
		if v != nil {
			values[i].Set(reflect.ValueOf(v))
		}
	}
	return values
}

// combinations returns all ways to choose one of each.
func combinations(of [][]reflect.Value) [][]reflect.Value {
	all := [][]reflect.Value{nil}
	for _, values := range of {
		var next [][]reflect.Value
		for _, begun := range all {
			for _, v := range values {
				next = append(next, append(slices.Clone(begun), v))
			}
		}
		all = next
	}
	return all
}

// note writes down all of a value that a program can see.
func note(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case error:
		return describe(x)
	case nil:
		return "nil"
	case []byte:
		return fmt.Sprintf("%d bytes", len(x))
	case *net.UDPAddr:
		if x != nil {
			return fmt.Sprintf("%v of %d bytes", x, len(x.IP))
		}
	case *os.File:
		if x != nil {
			// Only package net can make such files, and of a descriptor
			// it does not know the network by its full name.
			return "a file named " + strings.Replace(x.Name(), "udp4:", "udp:", 1)
		}
	case *io.LimitedReader:
		return fmt.Sprintf("%T limited to %d", x.R, x.N)
	case time.Time:
		return fmt.Sprint("in ", time.Until(x).Round(time.Minute))
	case syscall.RawConn:
		var b strings.Builder
		yes := func(uintptr) bool { return true }
		fmt.Fprintf(&b, "RawConn{%v, %v, %v}", x.Control(func(uintptr) {}), x.Read(yes), x.Write(yes))
		return b.String()
	}
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return fmt.Sprintf("%s %+v", v.Type().String()[strings.LastIndexByte(v.Type().String(), '.')+1:], v.Interface())
}

// play calls a method and writes down what came of it.
func play(m reflect.Value, name string, args []reflect.Value) (line string) {
	line = name + "("
	for _, a := range args {
		line += note(a) + ", "
	}
	line += ") = "
	defer func() {
		for _, v := range args {
			if f, ok := v.Interface().(*os.File); ok {
				f.Close()
			}
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			line += fmt.Sprintf("panic %v", p)
		}
	}()
	for _, r := range m.Call(args) {
		line += note(r) + ", "
		if f, ok := r.Interface().(*os.File); ok && f != nil {
			f.Close()
		}
	}
	for _, a := range args {
		if p, ok := a.Interface().([]byte); ok {
			line += fmt.Sprintf("%q ", bytes.TrimRight(p, "\x00"))
		}
	}
	return line
}

// A situation makes a connection or listener on a stack, and says under which
// names its addresses go. It is made anew for every call.
type situation struct {
	make    func(t *testing.T, s stack) (c any, texts []string)
	methods string // a regular expression; the other ones would wait, or race
}

const (
	everyMethod = ""
	// What changes the deadline would then wait.
	butDeadlines = "^(Accept.*|Close.*|File|LocalAddr|MultipathTCP|Read.*|RemoteAddr|Set([^RWD]|ReadB|WriteB).*|SyscallConn|Write.*|Addr)$"
	receiving    = "^(Read.*|WriteTo)$"
)

// situations returns every type in every state.
func situations(t *testing.T) map[string]situation {
	dir := directory(t)
	all := map[string]situation{}
	unix, _ := present(t, "unix", "unixgram", "unixpacket")
	// Each way to a connection or listener, open. The peer, if any, keeps its
	// end open until the end of the test.
	type opener func(t *testing.T, s stack) (c any, peer net.Conn)
	n := 0
	path := func() string { n++; return filepath.Join(dir, fmt.Sprint("s", n)) }
	openers := map[string]opener{
		"TCPListener": func(t *testing.T, s stack) (any, net.Conn) {
			return open(s.listen("tcp", "127.0.0.1:0"))(t), nil
		},
		"TCPConn, dialled": func(t *testing.T, s stack) (any, net.Conn) {
			ln := open(net.Listen("tcp", "127.0.0.1:0"))(t)
			c := open(s.dial("tcp", ln.Addr().String()))(t)
			return c, open(ln.Accept())(t)
		},
		"TCPConn, accepted": func(t *testing.T, s stack) (any, net.Conn) {
			ln := open(s.listen("tcp", "127.0.0.1:0"))(t)
			peer := open(net.Dial("tcp", ln.Addr().String()))(t)
			return open(ln.Accept())(t), peer
		},
		"UDPConn, listening": func(t *testing.T, s stack) (any, net.Conn) {
			c := open(s.listenUDP("udp4", loopback("udp4")))(t)
			return c, open(net.Dial("udp4", c.LocalAddr().String()))(t)
		},
		"UDPConn, listening for both": func(t *testing.T, s stack) (any, net.Conn) {
			c := open(s.listenUDP("udp", nil))(t)
			return c, open(net.Dial("udp4", fmt.Sprint("127.0.0.1:", c.LocalAddr().(*net.UDPAddr).Port)))(t)
		},
		"UDPConn, dialled": func(t *testing.T, s stack) (any, net.Conn) {
			l := open(net.ListenUDP("udp4", loopback("udp4")))(t)
			c := open(s.dial("udp4", l.LocalAddr().String()))(t)
			return c, toward{l, c.LocalAddr()}
		},
	}
	for _, network := range unix {
		if network == "unixgram" {
			openers["UnixConn, datagrams"] = func(t *testing.T, s stack) (any, net.Conn) {
				c := open(s.listenGram("unixgram", unixAddr("unixgram", path())))(t)
				return c, open(net.DialUnix("unixgram", unixAddr("unixgram", path()), c.LocalAddr().(*net.UnixAddr)))(t)
			}
			continue
		}
		if network == "unix" {
			openers["UnixListener"] = func(t *testing.T, s stack) (any, net.Conn) {
				return open(s.listen("unix", path()))(t), nil
			}
		}
		openers["UnixConn, "+network+", dialled"] = func(t *testing.T, s stack) (any, net.Conn) {
			ln := open(net.Listen(network, path()))(t)
			c := open(s.dial(network, ln.Addr().String()))(t)
			return c, open(ln.Accept())(t)
		}
		openers["UnixConn, "+network+", accepted"] = func(t *testing.T, s stack) (any, net.Conn) {
			ln := open(s.listen(network, path()))(t)
			peer := open(net.Dial(network, ln.Addr().String()))(t)
			return open(ln.Accept())(t), peer
		}
	}
	texts := func(c any, peer net.Conn) (texts []string) {
		for i, x := range []any{c, peer} {
			if x, ok := x.(net.Conn); ok && x.RemoteAddr() != nil {
				texts = append(texts, x.RemoteAddr().String(), fmt.Sprint("REMOTE", i))
			}
			switch x := x.(type) {
			case net.Conn:
				texts = append(texts, x.LocalAddr().String(), fmt.Sprint("LOCAL", i))
			case net.Listener:
				texts = append(texts, x.Addr().String(), fmt.Sprint("LISTENER", i))
			}
		}
		// Ports stand alone where the address has another form.
		for i := 0; i+1 < len(texts); i += 2 {
			if _, port, err := net.SplitHostPort(texts[i]); err == nil && texts[i] != ":"+port {
				texts = append(texts, ":"+port, ":"+texts[i+1])
			}
		}
		return texts
	}
	for kind, open := range openers {
		after := func(state, methods string, do func(t *testing.T, c any, peer net.Conn)) {
			all[kind+", "+state] = situation{func(t *testing.T, s stack) (any, []string) {
				c, peer := open(t, s)
				names := texts(c, peer)
				do(t, c, peer)
				return c, names
			}, methods}
		}
		isConn := !strings.Contains(kind, "Listener")
		after("closed", everyMethod, func(t *testing.T, c any, _ net.Conn) { c.(io.Closer).Close() })
		after("expired", butDeadlines, func(t *testing.T, c any, _ net.Conn) {
			c.(interface{ SetDeadline(time.Time) error }).SetDeadline(past)
		})
		if isConn {
			// More than the smaller buffers hold, and for those that read on
			// there is a deadline.
			after("too short", receiving, func(t *testing.T, c any, peer net.Conn) {
				peer.Write([]byte("longer than three"))
				if cw, ok := peer.(interface{ CloseWrite() error }); ok {
					cw.CloseWrite()
				}
				c.(net.Conn).SetDeadline(time.Now().Add(time.Minute))
			})
			after("empty message", receiving, func(t *testing.T, c any, peer net.Conn) {
				peer.Write(nil)
				if cw, ok := peer.(interface{ CloseWrite() error }); ok {
					cw.CloseWrite()
				}
				c.(net.Conn).SetDeadline(time.Now().Add(time.Minute))
			})
		}
		if strings.HasPrefix(kind, "TCPConn") || strings.HasPrefix(kind, "UnixConn, unix") {
			after("reset", "^(Close.*|Read.*|Write.*)$", func(t *testing.T, c any, peer net.Conn) {
				c.(net.Conn).Write([]byte("not read"))
				if tcp, ok := peer.(*net.TCPConn); ok {
					tcp.SetLinger(0)
				}
				peer.Close()
				c.(net.Conn).SetDeadline(time.Now().Add(time.Minute))
			})
		}
		if kind == "UDPConn, dialled" && goruntime.GOOS != "windows" {
			after("refused", "^(Read|Write).*$", func(t *testing.T, c any, peer net.Conn) {
				peer.Close()
				c.(net.Conn).Write([]byte("nobody there"))
				c.(net.Conn).SetDeadline(time.Now().Add(time.Minute))
			})
		}
	}
	for _, pair := range [][2]any{
		{(*net.TCPConn)(nil), (*conn.TCPConn)(nil)}, {(*net.UDPConn)(nil), (*conn.UDPConn)(nil)},
		{(*net.UnixConn)(nil), (*conn.UnixConn)(nil)}, {(*net.TCPListener)(nil), (*listener.TCPListener)(nil)},
		{(*net.UnixListener)(nil), (*listener.UnixListener)(nil)},
	} {
		of := func(s stack) reflect.Type {
			if s.name == "std" {
				return reflect.TypeOf(pair[0])
			}
			return reflect.TypeOf(pair[1])
		}
		name := reflect.TypeOf(pair[0]).Elem().Name()
		all[name+", nil"] = situation{func(t *testing.T, s stack) (any, []string) {
			return reflect.Zero(of(s)).Interface(), nil
		}, everyMethod}
		all[name+", zero"] = situation{func(t *testing.T, s stack) (any, []string) {
			return reflect.New(of(s).Elem()).Interface(), nil
		}, everyMethod}
	}
	return all
}

// toward is a packet socket with a peer it need not be connected to.
type toward struct {
	*net.UDPConn
	to net.Addr
}

func (c toward) Write(b []byte) (int, error) { return c.WriteTo(b, c.to) }

func TestEveryMethodAnswersAsStdsDoes(t *testing.T) {
	all := situations(t)
	for _, name := range sortedKeys(all) {
		t.Run(name, func(t *testing.T) {
			sit := all[name]
			wanted := regexp.MustCompile(sit.methods)
			first, _ := sit.make(t, std)
			of := reflect.TypeOf(first)
			for i := range of.NumMethod() {
				method := of.Method(i)
				if !wanted.MatchString(method.Name) {
					continue
				}
				in := make([][]reflect.Value, method.Type.NumIn()-1)
				for j := range in {
					in[j] = arguments(method.Type.In(j + 1))
				}
				for k := range combinations(in) {
					var want string
					same(t, func(t *testing.T, s stack, tr *transcript) {
						c, texts := sit.make(t, s)
						if closer, ok := c.(io.Closer); ok && !strings.HasSuffix(name, "nil") {
							defer closer.Close()
						}
						tr.rename(texts...)
						for j := range in { // afresh: readers are consumed
							in[j] = arguments(method.Type.In(j + 1))
						}
						m := reflect.ValueOf(c).MethodByName(method.Name)
						if !m.IsValid() {
							tr.add("%s: no such method", method.Name)
							return
						}
						switch line := regularName.ReplaceAllString(play(m, method.Name, combinations(in)[k]), "regular"); {
						case s.name == "std":
							want = line
							tr.add("%s", line)
						case strings.Contains(want, "= panic"):
							tr.add("%s", want) // no program counts on that
						default:
							tr.add("%s", line)
						}
					})
				}
			}
		})
	}
}
