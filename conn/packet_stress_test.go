package conn_test

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
)

// packetConn is what the datagram sockets have in common.
type packetConn interface {
	net.PacketConn
	Write([]byte) (int, error)
}

// Sockets come and go while others use them: nobody reads what was sent to
// another, and every call ends with net.ErrClosed or a datagram that is whole.
func TestDatagramSocketsComeAndGo(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for _, network := range []string{"udp4", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			if network == "unixgram" {
				having(t, network)
			}
			dir := directory(t)
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() {
					for round := range rounds {
						id := uint64(worker)<<32 | uint64(round)
						comeAndGo(t, network, filepath.Join(dir, string(rune('a'+worker))), id)
					}
				})
			}
			wg.Wait()
		})
	}
}

// comeAndGo opens a receiver and a sender, lets several goroutines use both
// and closes them in between.
func comeAndGo(t *testing.T, network, path string, id uint64) {
	var in, out packetConn
	var err error
	if network == "udp4" {
		in, err = orNil[packetConn](conn.ListenUDP(network, loopback(network)))
		if err == nil {
			out, err = orNil[packetConn](conn.DialUDP(network, nil, in.LocalAddr().(*net.UDPAddr)))
		}
	} else {
		path += string(rune('0' + id%10))
		os.Remove(path)
		in, err = orNil[packetConn](conn.ListenUnixgram(network, unixAddr(network, path)))
		if err == nil {
			out, err = orNil[packetConn](conn.DialUnix(network, nil, unixAddr(network, path)))
		}
	}
	if err != nil {
		t.Error(err)
		return
	}
	got := make(chan struct{}, 100)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			buf := make([]byte, 100)
			for {
				var n int
				var err error
				if i == 0 {
					n, _, err = in.ReadFrom(buf)
				} else if c, ok := in.(*conn.UDPConn); ok {
					n, _, _, _, err = c.ReadMsgUDP(buf, nil)
				} else {
					n, _, _, _, err = in.(*conn.UnixConn).ReadMsgUnix(buf, nil)
				}
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("%s: read: %v", network, err)
					}
					return
				}
				if n != 16 || binary.BigEndian.Uint64(buf) != id {
					t.Errorf("%s: %d bytes of %#x, want those of %#x", network, n, binary.BigEndian.Uint64(buf), id)
				}
				select {
				case got <- struct{}{}:
				default:
				}
			}
		})
	}
	var senders sync.WaitGroup
	for range 2 {
		senders.Go(func() {
			buf := make([]byte, 16)
			binary.BigEndian.PutUint64(buf, id)
			for {
				if _, err := out.Write(buf); errors.Is(err, net.ErrClosed) {
					return
				}
				runtime.Gosched()
			}
		})
	}
	select {
	case <-got:
	case <-time.After(time.Minute):
		t.Errorf("%s: nothing comes", network)
	}
	// The senders end first: who gets the receiver's port next is not to hear
	// from them.
	out.Close()
	senders.Wait()
	in.Close()
	wg.Wait()
}

func TestDroppedPacketConnIsClosed(t *testing.T) {
	c, err := conn.ListenUDP("udp4", loopback("udp4"))
	if err != nil {
		t.Fatal(err)
	}
	address := c.LocalAddr().(*net.UDPAddr)
	c = nil
	for range 5000 {
		runtime.GC()
		if again, err := net.ListenUDP("udp4", address); err == nil {
			again.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a dropped socket was not closed")
}
