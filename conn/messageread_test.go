package conn_test

import (
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A message read that was waiting when it failed says so by its count.
func TestMessageReadsThatEndWhileTheyWait(t *testing.T) {
	b, oob := make([]byte, 3), make([]byte, 30)
	reads := map[string]func(c any) []any{
		"UDP ReadFrom":    func(c any) []any { n, a, err := c.(udpConn).ReadFrom(b); return []any{n, a, err} },
		"UDP ReadFromUDP": func(c any) []any { n, a, err := c.(udpConn).ReadFromUDP(b); return []any{n, a, err} },
		"UDP ReadFromUDPAddrPort": func(c any) []any {
			n, a, err := c.(udpConn).ReadFromUDPAddrPort(b)
			return []any{n, a, err}
		},
		"UDP ReadMsgUDP": func(c any) []any {
			n, oobn, flags, a, err := c.(udpConn).ReadMsgUDP(b, oob)
			return []any{n, oobn, flags, a, err}
		},
		"UDP ReadMsgUDPAddrPort": func(c any) []any {
			n, oobn, flags, a, err := c.(udpConn).ReadMsgUDPAddrPort(b, oob)
			return []any{n, oobn, flags, a, err}
		},
		"Unix ReadFrom":     func(c any) []any { n, a, err := c.(unixConn).ReadFrom(b); return []any{n, a, err} },
		"Unix ReadFromUnix": func(c any) []any { n, a, err := c.(unixConn).ReadFromUnix(b); return []any{n, a, err} },
		"Unix ReadMsgUnix": func(c any) []any {
			n, oobn, flags, a, err := c.(unixConn).ReadMsgUnix(b, oob)
			return []any{n, oobn, flags, a, err}
		},
	}
	ends := map[string]func(c net.Conn){
		"Close":    func(c net.Conn) { c.Close() },
		"deadline": func(c net.Conn) { c.SetReadDeadline(past) },
	}
	dir := directory(t)
	for _, read := range sortedKeys(reads) {
		for _, end := range sortedKeys(ends) {
			t.Run(read+", "+end, func(t *testing.T) {
				same(t, func(t *testing.T, s stack, tr *transcript) {
					var c net.Conn
					if strings.HasPrefix(read, "UDP") {
						c = open(s.listenUDP("udp", loopback("udp")))(t)
					} else {
						having(t, "unixgram")
						c = open(s.listenGram("unixgram", unixAddr("unixgram", filepath.Join(dir, read+end+s.name))))(t)
					}
					tr.rename(c.LocalAddr().String(), "LOCAL")
					ended := make(chan []any)
					go func() { ended <- waitingRead(reads[read], c) }()
					awaitSleep(t, "conn_test.waitingRead")
					ends[end](c)
					for _, v := range <-ended {
						tr.add("%v", v)
					}
				})
			})
		}
	}
}

// waitingRead has a name for awaitSleep to look for.
//
//go:noinline
func waitingRead(read func(any) []any, c any) []any {
	result := read(c)
	return result
}

// awaitSleep waits until a goroutine that is inside the function sleeps.
func awaitSleep(t *testing.T, function string) {
	t.Helper()
	all := make([]byte, 1<<20)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		for _, g := range strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n") {
			state, _, _ := strings.Cut(g, "\n")
			if strings.Contains(g, function+"(") && !strings.Contains(state, "[run") && !strings.Contains(state, "[syscall") {
				return
			}
		}
	}
	t.Fatal("nobody sleeps in ", function)
}
