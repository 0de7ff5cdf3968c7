package conn_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/listener"
)

// A datagram that did not fit into the buffer was told to have no bytes at all,
// though those that fit were there.
func TestUDPWhatFitsOfALongDatagramIsCounted(t *testing.T) {
	in, out := udpPair(t)
	buf, oob := make([]byte, 4), make([]byte, 100)
	var flags int
	for name, read := range map[string]func() (int, error){
		"Read":                func() (int, error) { return in.Read(buf) },
		"ReadFrom":            func() (int, error) { n, _, err := in.ReadFrom(buf); return n, err },
		"ReadFromUDPAddrPort": func() (int, error) { n, _, err := in.ReadFromUDPAddrPort(buf); return n, err },
		"ReadMsgUDP": func() (n int, err error) {
			n, _, flags, _, err = in.ReadMsgUDP(buf, oob)
			return n, err
		},
	} {
		out.Write([]byte("0123456789"))
		clear(buf)
		if n, err := read(); n != 4 || string(buf) != "0123" || !errors.Is(err, windows.WSAEMSGSIZE) {
			t.Errorf("%s = %d, %v, and the buffer holds %q", name, n, err, buf)
		}
	}
	if !sockerr.Wine && flags&windows.MSG_TRUNC == 0 { // Wine has no flags for an error
		t.Errorf("the message's flags are %#x, without MSG_TRUNC", flags)
	}
}

// Of several Reads of a pipe of messages that waited for its end one returned, and
// the others went on waiting.
func TestPipeEndEndsAllReads(t *testing.T) {
	client, server := pipePair(t, &listener.PipeConfig{MessageMode: true})
	const readers = 3
	ended := make(chan error, readers)
	for range readers {
		go func() {
			_, err := server.Read(make([]byte, 1))
			ended <- err
		}()
	}
	time.Sleep(100 * time.Millisecond) // they wait, for the end or for each other: nobody can see that
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for i := range readers {
		select {
		case err := <-ended:
			if err != io.EOF {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d Reads have returned", i, readers)
		}
	}
}

// A CloseWrite that had failed could not be repeated: the mark was never sent, and
// the error was that of a pipe that has been shut.
func TestPipeCloseWriteAfterItFailed(t *testing.T) {
	client, server := pipePair(t, &listener.PipeConfig{MessageMode: true})
	client.SetWriteDeadline(time.Unix(1, 0))
	if err := client.CloseWrite(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	client.SetWriteDeadline(time.Time{})
	if _, err := client.Write([]byte("x")); err != nil {
		t.Error("Write: ", err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Error("CloseWrite: ", err)
	}
	server.SetReadDeadline(time.Now().Add(time.Minute))
	if got, err := io.ReadAll(server); string(got) != "x" || err != nil {
		t.Errorf("the other end reads %q, %v", got, err)
	}
}

// The end that CloseWrite makes went before what every call on a closed connection
// returns, and before a deadline.
func TestPipeClosedAfterItsEnd(t *testing.T) {
	client, server := pipePair(t, &listener.PipeConfig{MessageMode: true})
	client.CloseWrite()
	buf := make([]byte, 1)
	if _, err := server.Read(buf); err != io.EOF {
		t.Fatal(err)
	}
	server.SetReadDeadline(time.Unix(1, 0))
	if _, err := server.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("Read after the deadline: ", err)
	}
	server.Close()
	if _, err := server.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Error("Read after Close: ", err)
	}
	client.Close()
	if _, err := client.Write(buf); !errors.Is(err, net.ErrClosed) {
		t.Error("Write after Close: ", err)
	}
	if err := client.CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Error("CloseWrite after Close: ", err)
	}
}
