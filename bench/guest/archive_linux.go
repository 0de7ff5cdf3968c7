package guest

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// writeArchive writes an initramfs, a cpio archive of the kind "newc" (the
// kernel's Documentation/driver-api/early-userspace/buffer-format.rst), with
// init, the folders it needs, and a console for what it says.
func writeArchive(w io.Writer, init []byte) error {
	a := archive{w: w}
	for _, name := range []string{"dev", "proc", "sys", "tmp"} {
		a.add(name, unix.S_IFDIR|0o755, 0, 0, nil)
	}
	a.add("dev/console", unix.S_IFCHR|0o600, 5, 1, nil)
	a.add("dev/null", unix.S_IFCHR|0o666, 1, 3, nil)
	a.add("init", unix.S_IFREG|0o755, 0, 0, init)
	a.add("TRAILER!!!", 0, 0, 0, nil)
	return a.err
}

type archive struct {
	w    io.Writer
	node uint32
	err  error
}

func (a *archive) add(name string, mode, major, minor uint32, content []byte) {
	a.node++
	// Inode, mode, user, group, links, time, size, the device it is on, the
	// device it is, the length of the name with its zero, and no checksum.
	header := "070701"
	for _, field := range []uint32{a.node, mode, 0, 0, 1, 0, uint32(len(content)), 0, 0, major, minor, uint32(len(name) + 1), 0} {
		header += fmt.Sprintf("%08X", field)
	}
	a.write(append([]byte(header+name), 0))
	a.write(content)
}

// write fills up to a multiple of four bytes.
func (a *archive) write(b []byte) {
	if a.err != nil {
		return
	}
	if _, a.err = a.w.Write(b); a.err == nil {
		_, a.err = a.w.Write(make([]byte, -len(b)&3))
	}
}
