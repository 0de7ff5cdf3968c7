package runtime

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/netpoll"
)

// completes says that an operation may wait for what its loop takes from the system,
// also after Close.
const completes = true

// maxTransmit is the most that TransmitFile takes at once. Tests make it less.
var maxTransmit int64 = 1<<31 - 2

// TransmitFile sends up to n bytes of a file, given by its handle, from offset
// on, without taking them through the program's memory, and returns how many it
// sent: fewer without an error only at the end of the file. Where the file's
// pointer is afterwards is not defined. The write deadline and Close cut it
// short; as package net's, it may then have sent more than it says. Errors are
// *os.SyscallError of TransmitFile.
//
// The first call associates the socket with the completion port of the loop's
// Poll, which lasts until the last duplicate is closed. It fails when the socket,
// or one that it is a duplicate of, belongs to another port.
func (fd *FD) TransmitFile(file uintptr, offset, n int64) (sent int64, err error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, err
	}
	sent, err = fd.transmit(windows.Handle(file), offset, n)
	fd.end(fdmutex.Write)
	fd.Loop().charge(int(sent))
	return sent, err
}

func (fd *FD) transmit(file windows.Handle, offset, n int64) (sent int64, err error) {
	if err := fd.associate(); err != nil {
		return 0, err
	}
	fd.w.state.Or(moving)
	for sent < n && err == nil {
		if err = fd.w.expired(); err != nil {
			break
		}
		chunk := uint32(min(n-sent, maxTransmit))
		var m uint32
		m, err = fd.transmitOnce(file, offset+sent, chunk)
		sent += int64(m)
		fd.Loop().out.Add(uint64(m))
		if m < chunk {
			break
		}
	}
	fd.w.state.And(^uint32(moving))
	fd.w.keep() // nobody knows what is left
	return sent, err
}

// associate makes what completes on the socket come to the loop's Poll.
func (fd *FD) associate() error {
	if fd.w.state.Load()&ported != 0 {
		return nil
	}
	if err := fd.Loop().poll.AssociateHandle(windows.Handle(fd.sysfd)); err != nil {
		return closedPoll(err)
	}
	fd.w.state.Or(ported)
	return nil
}

// A transmission is one call of TransmitFile.
type transmission struct {
	op   netpoll.Overlapped
	fd   *FD
	done chan struct{} // closed by its packet
}

// complete is called by whoever takes the packet.
func (t *transmission) complete(netpoll.Completion) {
	close(t.done)
	t.fd.post(t.fd.w.rouse(ready))
}

func (t *transmission) cancel() {
	windows.CancelIoEx(windows.Handle(t.fd.sysfd), t.op.Raw()) // fails when it is complete
}

func (fd *FD) transmitOnce(file windows.Handle, offset int64, n uint32) (uint32, error) {
	t := &transmission{fd: fd, done: make(chan struct{})}
	t.op.Done, t.op.Cancel = t.complete, t.cancel
	fd.w.take() // what is told from now on may be that it is done
	err := fd.Loop().poll.Start(&t.op, func(raw *windows.Overlapped) error {
		raw.Offset, raw.OffsetHigh = uint32(offset), uint32(offset>>32)
		return windows.TransmitFile(windows.Handle(fd.sysfd), file, n, 0, raw, nil, windows.TF_WRITE_BEHIND)
	})
	if err != nil {
		if errors.Is(err, os.ErrClosed) {
			return 0, net.ErrClosed
		}
		return 0, os.NewSyscallError("transmitfile", err)
	}
	ended := fd.await(t)
	var sent, flags uint32
	err = windows.WSAGetOverlappedResult(windows.Handle(fd.sysfd), t.op.Raw(), &sent, false, &flags)
	switch {
	case err == nil:
		return sent, nil // it was faster, if there was a race
	case err != windows.ERROR_OPERATION_ABORTED:
		return sent, os.NewSyscallError("transmitfile", err)
	case ended == nil:
		ended = net.ErrClosed // by the Poll's end
	}
	return sent, ended
}

// await waits until t is complete. It returns the error for which it has cancelled
// it, if it has.
func (fd *FD) await(t *transmission) (err error) {
	for err == nil {
		select {
		case <-t.done:
			return nil
		default:
		}
		// Somebody may have asked for an event before, which comes now.
		if !fd.w.take() {
			err = fd.wait(&fd.w)
		}
	}
	t.cancel()
	<-t.done // the system has the memory until then
	return err
}
