package conn_test

import (
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/conn"
)

// optionsOf knows what Windows 10 1709 does; Wine has the first two.
func optionsOf(fd int) (o tcpOptions) {
	const tcpKeepIdle, tcpKeepCount, tcpKeepInterval = 3, 16, 17
	s := windows.Handle(fd)
	o.noDelay, _ = windows.GetsockoptInt(s, windows.IPPROTO_TCP, windows.TCP_NODELAY)
	o.keepAlive, _ = windows.GetsockoptInt(s, windows.SOL_SOCKET, windows.SO_KEEPALIVE)
	o.idle, _ = windows.GetsockoptInt(s, windows.IPPROTO_TCP, tcpKeepIdle)
	o.interval, _ = windows.GetsockoptInt(s, windows.IPPROTO_TCP, tcpKeepInterval)
	o.count, _ = windows.GetsockoptInt(s, windows.IPPROTO_TCP, tcpKeepCount)
	return o
}

var getHandleInformation = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")

// No child process gets a socket unless it is given one.
func TestSocketsAreNotInherited(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	accepted, _ := connect(t, ln)
	dialled := open(conn.Dial("tcp", ln.Addr().String()))(t)
	udp := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	duplicate := fileOf(t, udp)
	for name, c := range map[string]syscall.Conn{"listener": ln.(syscall.Conn), "accepted": accepted,
		"dialled": dialled.(syscall.Conn), "datagrams": udp, "file": duplicate} {
		control(t, c, func(fd int) {
			var flags uint32
			if ok, _, err := getHandleInformation.Call(uintptr(fd), uintptr(unsafe.Pointer(&flags))); ok == 0 || flags&windows.HANDLE_FLAG_INHERIT != 0 {
				t.Errorf("%s: handle flags %#x, %v", name, flags, err)
			}
		})
	}
}
