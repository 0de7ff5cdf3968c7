package netfd

import (
	"errors"
	"net"
	"os"
)

// ErrRawIP says that a socket is not one of this library's networks but one of
// raw IP.
var ErrRawIP = errors.New("raw IP socket")

// FileError puts an error of making something of f into package net's form.
func FileError(f *os.File, err error) error {
	return &net.OpError{Op: "file", Net: "file+net", Addr: fileAddr(f.Name()), Err: err}
}

// fileAddr is a file's name as errors carry it.
type fileAddr string

func (fileAddr) Network() string  { return "file+net" }
func (f fileAddr) String() string { return string(f) }

// Detach ends the FD like Close, but gives its descriptor back as an os.File,
// named after both ends.
func (fd *FD) Detach() (*os.File, error) {
	fd.LocalAddr()
	s, err := fd.FD.Detach()
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(s), fd.String()), nil
}
