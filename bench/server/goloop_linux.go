package server

import (
	"net"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// goloop is the least that Go can do: an epoll loop with raw reads and writes on
// a thread of its own for each CPU, with no other goroutine, no deadline and no
// buffer kept. What a library takes more than this is the price of what it
// offers.
func init() {
	register(Server{
		Name:  "go-epoll",
		About: "a bare epoll loop in Go: raw reads and writes, no goroutines, nothing offered",
		Start: map[Protocol]Starter{Echo: startLoops},
	})
}

func startLoops(cfg Config) (net.Addr, error) {
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, err
	}
	loops := make([]int, cfg.Procs)
	for i := range loops {
		if loops[i], err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return nil, os.NewSyscallError("epoll_create1", err)
		}
		go rawLoop(loops[i], cfg.Buf)
	}
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	go dealOut(file, loops)
	return ln.Addr(), nil
}

// dealOut accepts connections and gives them to the loops in turn.
func dealOut(file *os.File, loops []int) {
	// Fd makes the descriptor block. Close, which is never reached before the
	// process ends, keeps the collector from closing it.
	defer file.Close()
	fd := int(file.Fd())
	for i := 0; ; i++ {
		c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		if unix.SetsockoptInt(c, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) != nil {
			return
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c)}
		if unix.EpollCtl(loops[i%len(loops)], unix.EPOLL_CTL_ADD, c, &event) != nil {
			return
		}
	}
}

// rawLoop tells the scheduler when it waits, and only then.
func rawLoop(epoll, size int) {
	runtime.LockOSThread()
	buf := make([]byte, size)
	events := make([]unix.EpollEvent, 1024)
	for {
		n, err := unix.EpollWait(epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, event := range events[:max(n, 0)] {
			if !rawEcho(int(event.Fd), buf) {
				unix.Close(int(event.Fd))
			}
		}
	}
}

// rawEcho answers what is there. A client that does not read makes it wait: it
// is a measure, not a server.
func rawEcho(fd int, buf []byte) bool {
	// Pointers below are to memory that buf keeps alive.
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return true
	}
	if errno != 0 || n == 0 {
		return false
	}
	for at := 0; at < int(n); {
		w, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&buf[at])), n-uintptr(at))
		switch errno {
		case 0:
			at += int(w)
		case unix.EAGAIN:
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1); err != nil && err != unix.EINTR {
				return false
			}
		case unix.EINTR:
		default:
			return false
		}
	}
	return true
}
