package binding_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// inNetworkNamespace runs f on a thread that sees a network of its own, where
// only the loopback interface is, and up. f must not end the test. It skips the
// test where the process may not have one.
func inNetworkNamespace(t *testing.T, f func()) {
	t.Helper()
	unshared := make(chan error)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		unshared <- err
		if err == nil {
			setUp(t, "lo")
			f()
		}
	}()
	if err := <-unshared; err != nil {
		t.Skipf("the process may not have a network of its own: %v", err)
	}
	<-done
}

// control calls ioctl with a request about a network interface.
func control(t *testing.T, request uint, ifr *unix.Ifreq) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, request, ifr); err != nil {
		t.Errorf("ioctl %#x: %v", request, err)
	}
}

func setUp(t *testing.T, name string) {
	t.Helper()
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		t.Error(err)
		return
	}
	ifr.SetUint16(unix.IFF_UP)
	control(t, unix.SIOCSIFFLAGS, ifr)
}

// sendUDP sends a datagram in the calling thread's network.
func sendUDP(t *testing.T, to [4]byte, data string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, []byte(data), 0, &unix.SockaddrInet4{Addr: to, Port: 9}); err != nil {
		t.Errorf("sendto: %v", err)
	}
}

// expectPacket reads from d, event by event, until data comes.
func expectPacket(t *testing.T, p *netpoll.Poll, d *device, data string) {
	t.Helper()
	b := make([]byte, 2048)
	for range 100 { // others may send too
		n, err := d.next(p, b)
		if err != nil {
			t.Error(err)
			return
		}
		if bytes.Contains(b[:n], []byte(data)) {
			return
		}
	}
	t.Error("the packet did not come")
}

// A tun device is a source: what the system routes to it can be read.
func TestTunDevice(t *testing.T) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("there is no tun device: %v", err)
	}
	unix.Close(fd)
	p := newPoll(t)
	inNetworkNamespace(t, func() {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Error(err)
			return
		}
		tun := newDevice(fd)
		defer tun.Close()
		ifr, err := unix.NewIfreq("moor0")
		if err != nil {
			t.Error(err)
			return
		}
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
			t.Errorf("TUNSETIFF: %v", err)
			return
		}
		for _, set := range []struct {
			request uint
			addr    [4]byte
		}{{unix.SIOCSIFADDR, [4]byte{10, 0, 0, 1}}, {unix.SIOCSIFNETMASK, [4]byte{255, 255, 255, 0}}} {
			ifr, _ := unix.NewIfreq("moor0")
			if err := ifr.SetInet4Addr(set.addr[:]); err != nil {
				t.Error(err)
			}
			control(t, set.request, ifr)
		}
		setUp(t, "moor0")
		if err := p.Register(tun, 1, netpoll.Readable, netpoll.Level); err != nil {
			t.Error(err)
			return
		}
		sendUDP(t, [4]byte{10, 0, 0, 2}, "through the tunnel")
		expectPacket(t, p, tun, "through the tunnel")
	})
}

// A packet socket is a source: it sees what passes an interface.
func TestPacketSocket(t *testing.T) {
	p := newPoll(t)
	inNetworkNamespace(t, func() {
		everything := int(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})) // in network order
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, everything)
		if err != nil {
			t.Errorf("packet socket: %v", err)
			return
		}
		sniffer := newDevice(fd)
		defer sniffer.Close()
		if err := p.Register(sniffer, 1, netpoll.Readable, netpoll.Level); err != nil {
			t.Error(err)
			return
		}
		sendUDP(t, [4]byte{127, 0, 0, 1}, "on the loopback")
		expectPacket(t, p, sniffer, "on the loopback")
	})
}
