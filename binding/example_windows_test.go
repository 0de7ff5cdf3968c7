package binding_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

func must1(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must2[T any](v T, err error) T {
	must1(err)
	return v
}

// open opens a file, directory or pipe for overlapped operations and registers
// it with p.
func open(p *netpoll.Poll, token netpoll.Token, name string, access, creation, flags uint32) *device {
	path := must2(windows.UTF16PtrFromString(name))
	h, err := windows.CreateFile(path, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, creation, flags|windows.FILE_FLAG_OVERLAPPED, 0)
	d := &device{handle: must2(binding.HandleOrInvalid{Raw: binding.RawHandle(h), Err: err}.Owned())}
	must1(p.Register(d, token, netpoll.Readable|netpoll.Writable, netpoll.Edge))
	return d
}

// A copier copies a file, a block at a time: what was read is written when the
// read is complete, and the next block is read when the write is.
type copier struct {
	from, to *device
	block    []byte
	offset   uint64
	read     binding.Overlapped
	write    binding.Overlapped
	done     bool
	err      error
}

func (c *copier) next() {
	c.check(c.from.begin(&c.read, c.block, func(h windows.Handle, b []byte, n *uint32, raw *windows.Overlapped) error {
		raw.Offset, raw.OffsetHigh = uint32(c.offset), uint32(c.offset>>32)
		return windows.ReadFile(h, b, n, raw)
	}))
}

func (c *copier) wasRead(n int, err error) {
	if err != nil {
		c.check(err)
		return
	}
	c.check(c.to.begin(&c.write, c.block[:n], func(h windows.Handle, b []byte, n *uint32, raw *windows.Overlapped) error {
		raw.Offset, raw.OffsetHigh = uint32(c.offset), uint32(c.offset>>32)
		return windows.WriteFile(h, b, n, raw)
	}))
	c.offset += uint64(n)
}

func (c *copier) wasWritten(_ int, err error) {
	if err != nil {
		c.check(err)
		return
	}
	c.next()
}

// check ends the copy if err is an error. A read at the end of the file fails,
// when it is begun or when it is complete.
func (c *copier) check(err error) {
	if err == nil {
		return
	}
	c.done = true
	if err != windows.ERROR_HANDLE_EOF {
		c.err = err
	}
}

// A file is copied by overlapped reads and writes.
func Example_fileCopy() {
	dir := must2(os.MkdirTemp("", "copy"))
	defer os.RemoveAll(dir)
	must1(os.WriteFile(filepath.Join(dir, "from"), make([]byte, 100_000), 0o666))

	p := must2(netpoll.New())
	defer p.Close()
	c := &copier{block: make([]byte, 16<<10)}
	c.from = open(p, 1, filepath.Join(dir, "from"), windows.GENERIC_READ, windows.OPEN_EXISTING, 0)
	defer c.from.Close()
	c.to = open(p, 2, filepath.Join(dir, "to"), windows.GENERIC_WRITE, windows.CREATE_NEW, 0)
	defer c.to.Close()
	c.read.Done, c.write.Done = c.wasRead, c.wasWritten
	c.read.Ready, c.write.Ready = netpoll.Readable, netpoll.Writable // events, so that Poll returns

	events := netpoll.NewEvents(4)
	for c.next(); !c.done; {
		must2(p.Poll(events, -1))
	}
	must1(c.err)
	fmt.Println(must2(os.Stat(filepath.Join(dir, "to"))).Size(), "bytes")
	// Output: 100000 bytes
}

// A directory tells what changes in it.
func Example_directoryWatcher() {
	dir := must2(os.MkdirTemp("", "watch"))
	defer os.RemoveAll(dir)
	p := must2(netpoll.New())
	defer p.Close()
	d := open(p, 1, dir, windows.FILE_LIST_DIRECTORY, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS)
	defer d.Close()

	buf := make([]byte, 4096)
	o := &binding.Overlapped{Ready: netpoll.Readable}
	watch := func() {
		must1(d.BeginHandle(d.handle.AsHandle(), o, buf, func(h binding.RawHandle, raw *windows.Overlapped) error {
			return windows.ReadDirectoryChanges(windows.Handle(h), &buf[0], uint32(len(buf)), false,
				windows.FILE_NOTIFY_CHANGE_FILE_NAME, nil, raw, 0)
		}))
	}
	watch()
	must1(os.WriteFile(filepath.Join(dir, "new"), nil, 0o666))
	events := netpoll.NewEvents(4)
	for must2(p.Poll(events, -1)) == 0 {
	}
	must2(o.Result())
	change := (*windows.FileNotifyInformation)(unsafe.Pointer(&buf[0]))
	name := windows.UTF16ToString(unsafe.Slice(&change.FileName, change.FileNameLength/2))
	fmt.Println(name, "was added:", change.Action == windows.FILE_ACTION_ADDED)
	watch() // and so on; closing the directory ends it
	// Output: new was added: true
}

// A named pipe that answers its client.
func Example_namedPipe() {
	p := must2(netpoll.New())
	defer p.Close()
	const name = `\\.\pipe\moor-binding-example`
	h, err := windows.CreateNamedPipe(must2(windows.UTF16PtrFromString(name)),
		windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED|windows.FILE_FLAG_FIRST_PIPE_INSTANCE,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS, 1, 4096, 4096, 0, nil)
	server := &device{handle: must2(binding.HandleOrInvalid{Raw: binding.RawHandle(h), Err: err}.Owned())}
	defer server.Close()
	must1(p.Register(server, 1, netpoll.Readable, netpoll.Edge))

	// connect, read, write: what comes next is in Done.
	buf, ended := make([]byte, 64), false
	connect, read, write := new(binding.Overlapped), new(binding.Overlapped), new(binding.Overlapped)
	check := func(err error) {
		if err == windows.ERROR_BROKEN_PIPE { // the client has closed its end
			ended = true
			must1(p.Wake())
			return
		}
		must1(err)
	}
	connect.Done = func(_ int, err error) {
		must1(err)
		check(server.read(read, buf))
	}
	read.Done = func(n int, err error) {
		if check(err); err == nil {
			check(server.write(write, append(buf[:n], ", client"...)))
		}
	}
	write.Done = func(_ int, err error) {
		check(err)
		check(server.read(read, buf))
	}
	must1(server.connect(connect))

	answer := make(chan string, 1)
	go func() {
		client := must2(os.OpenFile(name, os.O_RDWR, 0))
		defer client.Close()
		must2(io.WriteString(client, "hello"))
		b := make([]byte, 64)
		answer <- string(b[:must2(client.Read(b))])
	}()
	events := netpoll.NewEvents(4)
	for !ended {
		must2(p.Poll(events, -1))
	}
	fmt.Println(<-answer)
	// Output: hello, client
}
