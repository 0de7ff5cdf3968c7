package conn

import (
	"io"
	"runtime"
	"syscall"

	"golang.org/x/sys/windows"
)

// A seeker is an *os.File, or what package os hides one in.
type seeker interface {
	syscall.Conn
	io.Seeker
}

// sendFile copies up to limit bytes of a regular file into the connection. What
// TransmitFile can't send, or not from here, is left to the ordinary way.
func (c *TCPConn) sendFile(src io.Reader, limit int64) (n int64, handled bool, err error) {
	f, ok := src.(seeker)
	if !ok || !isOf("os", f) {
		return 0, false, nil
	}
	// The file's own idea of where it is: a handle that was opened for overlapped
	// operations has none.
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, false, nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, false, nil
	}
	closed := raw.Read(func(h uintptr) bool { // nobody else reads meanwhile
		if left := sizeOf(windows.Handle(h)) - at; left > 0 {
			n, err = c.fd.TransmitFile(h, at, min(left, limit))
		}
		return true
	})
	if closed != nil || n == 0 {
		return 0, false, nil // whatever it is, the ordinary way tells
	}
	if _, lost := f.Seek(at+n, io.SeekStart); err == nil {
		err = lost
	}
	runtime.KeepAlive(src)
	return n, true, err
}

// sizeOf returns the size of a regular file, zero for anything else.
func sizeOf(h windows.Handle) int64 {
	if kind, err := windows.GetFileType(h); err != nil || kind != windows.FILE_TYPE_DISK {
		return 0
	}
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return 0
	}
	return int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow)
}

// Between two sockets everything is copied in the ordinary way.

func (c *TCPConn) spliceFrom(io.Reader, int64) (int64, bool, error) { return 0, false, nil }

func (c *TCPConn) spliceTo(io.Writer) (int64, bool, error) { return 0, false, nil }
