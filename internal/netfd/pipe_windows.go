package netfd

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/runtime"
)

// PipeAddr is the name of a named pipe, such as \\.\pipe\name.
type PipeAddr string

// Network returns "pipe".
func (PipeAddr) Network() string { return "pipe" }

// String returns the name.
func (a PipeAddr) String() string { return string(a) }

// A Pipe is one end of a connection over a named pipe, or an instance of a
// listening one that waits for its client.
type Pipe struct {
	runtime.Handle
	addr     PipeAddr
	messages bool
	eof      atomic.Bool // the other end has sent the mark
	shut     atomic.Bool // this end has
}

// newPipe takes a handle over and closes it when that fails.
func newPipe(rt *runtime.Runtime, h windows.Handle, addr PipeAddr, messages bool, kind runtime.Kind) (*Pipe, error) {
	p := &Pipe{addr: addr, messages: messages}
	owned := binding.FromRawHandle(binding.RawHandle(h))
	if err := p.Init(rt, owned, kind); err != nil {
		owned.Close() // fails when Shutdown was faster
		return nil, err
	}
	return p, nil
}

// Addr returns the pipe's name.
func (p *Pipe) Addr() PipeAddr { return p.addr }

// Messages reports whether the pipe carries messages.
func (p *Pipe) Messages() bool { return p.messages }

// Read reads bytes, or of a message as much as fits. The mark that CloseWrite
// sends, a message of no bytes, is the end; a write of no bytes to a pipe without
// messages is nothing.
func (p *Pipe) Read(b []byte) (int, error) {
	if p.messages {
		return p.ReadUntil(b, &p.eof)
	}
	for {
		n, err := p.Handle.Read(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
	}
}

// Write writes b, on a pipe with messages as one.
func (p *Pipe) Write(b []byte) (int, error) {
	if p.shut.Load() {
		return 0, p.isShut()
	}
	if len(b) == 0 { // would be the mark, or nothing
		return 0, p.Use(func(binding.RawHandle) {})
	}
	return p.Handle.Write(b)
}

// CloseWrite sends the mark that says that nothing more comes.
func (p *Pipe) CloseWrite() error {
	if !p.messages {
		return errors.ErrUnsupported
	}
	if p.shut.Swap(true) {
		return p.isShut()
	}
	_, err := p.Handle.Write(nil)
	if err != nil {
		p.shut.Store(false) // it was not sent
	}
	return err
}

// isShut returns the error of a write after CloseWrite.
func (p *Pipe) isShut() error {
	if err := p.Use(func(binding.RawHandle) {}); err != nil {
		return err
	}
	return os.NewSyscallError("WriteFile", windows.ERROR_NO_DATA)
}

// pipeRetry is how long a dial waits when all instances of a pipe are taken.
const pipeRetry = 10 * time.Millisecond

// DialPipe connects to a named pipe. While all its instances are taken it tries
// again, until ctx ends.
func DialPipe(ctx context.Context, rt *runtime.Runtime, addr PipeAddr) (*Pipe, error) {
	name, err := windows.UTF16PtrFromString(string(addr))
	if err != nil {
		return nil, err
	}
	for {
		if ctx.Err() != nil {
			return nil, ContextError(ctx.Err())
		}
		// The server may find out who we are, but not act in our name.
		const quality = windows.SECURITY_SQOS_PRESENT | windows.SECURITY_IDENTIFICATION
		h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil,
			windows.OPEN_EXISTING, windows.FILE_FLAG_OVERLAPPED|quality, 0)
		switch err {
		case nil:
			return dialled(rt, h, addr)
		case windows.ERROR_PIPE_BUSY:
		default:
			return nil, call("CreateFile", err)
		}
		select {
		case <-time.After(pipeRetry):
		case <-ctx.Done():
		}
	}
}

// dialled makes a Pipe of what CreateFile has opened.
func dialled(rt *runtime.Runtime, h windows.Handle, addr PipeAddr) (*Pipe, error) {
	var flags uint32
	if err := windows.GetNamedPipeInfo(h, &flags, nil, nil, nil); err != nil {
		windows.CloseHandle(h)
		return nil, call("GetNamedPipeInfo", err) // not a pipe
	}
	messages := flags&windows.PIPE_TYPE_MESSAGE != 0
	if messages {
		mode := uint32(windows.PIPE_READMODE_MESSAGE)
		if err := windows.SetNamedPipeHandleState(h, &mode, nil, nil); err != nil {
			windows.CloseHandle(h)
			return nil, call("SetNamedPipeHandleState", err)
		}
	}
	return newPipe(rt, h, addr, messages, runtime.Stream)
}
