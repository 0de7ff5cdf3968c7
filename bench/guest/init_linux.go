package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/load"
	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

// IsInit tells whether this process is the guest's first, whatever arguments the
// kernel has given it.
func IsInit() bool { return os.Getpid() == 1 && os.Getenv(connsKey) != "" }

// Init is what the guest does: it makes itself at home, does its task, prints
// what it finds and switches the machine off.
func Init() {
	if err := perform(os.Stdout); err != nil {
		fmt.Println("init:", err)
	}
	time.Sleep(100 * time.Millisecond) // for the console
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func perform(progress io.Writer) error {
	task, err := parseTask(os.Environ())
	if err != nil {
		return err
	}
	if err := settle(2*task.Conns + 10000); err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	memory, err := load.Memory("MemTotal")
	if err != nil {
		return err
	}
	report := &Report{Kernel: "Linux " + unix.ByteSliceToString(u.Release[:]), Memory: uint64(memory), Rows: make([]Row, 1)}
	row := &report.Rows[0]
	*row = Row{Server: task.Server, Asked: task.Conns, Sample: min(task.Sample, task.Conns), Failed: "it did not get to the end"}
	tell := func() error {
		text, err := json.Marshal(report)
		if err == nil {
			_, err = fmt.Fprintf(progress, "%s%s\n", ReportMark, text)
		}
		return err
	}
	err = row.fill(task, progress, tell)
	row.Failed = ""
	if err != nil {
		row.Failed = err.Error()
	}
	return tell()
}

// settle mounts what is needed, allows descriptors and memory for as many
// sockets, and brings the loopback interface up.
func settle(descriptors int) error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	for _, setting := range []struct{ file, value string }{
		{"fs/file-max", strconv.Itoa(2 * descriptors)},
		{"fs/nr_open", strconv.Itoa(2 * descriptors)},
		{"net/core/somaxconn", "65535"},
		{"net/ipv4/tcp_max_syn_backlog", "65535"},
		{"net/core/netdev_max_backlog", "100000"},
		{"net/ipv4/ip_local_port_range", "1024 65535"},
		// Without the options of a segment that a loopback interface has no use for
		// the emulator takes a tenth less.
		{"net/ipv4/tcp_timestamps", "0"},
		{"net/ipv4/tcp_sack", "0"},
		// Pages that all sockets may have.
		{"net/ipv4/tcp_mem", "2000000 3000000 4000000"},
	} {
		if err := os.WriteFile("/proc/sys/"+setting.file, []byte(setting.value), 0); err != nil {
			return err
		}
	}
	limit := unix.Rlimit{Cur: uint64(2 * descriptors), Max: uint64(2 * descriptors)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	return loopbackUp()
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("ioctl", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request))
}

const (
	// grace is short: connections come slowly in a guest, and are parked long
	// before the last one is there.
	grace = time.Second
	// freeing is how often the parked server gives free memory back: when it is
	// idle it then has little more than it needs, as a program would that cares.
	// Package net's does not: its collections take minutes, in which it would
	// open no connection.
	freeing = 5 * time.Minute
	// percent is the server's GOGC. Collecting at every doubling would take a
	// tenth of the opening's time under emulation.
	percent = "400"
	// share of the guest's memory that the server's collector keeps below, if it
	// can, and reserve what is left when no more connections are opened. A server
	// that takes much for each gets as many as there are connections' worth of
	// memory, not garbage's: share is a little more than its part of what both
	// ends take when the guest is full.
	share   = 0.75
	reserve = 1 << 30
)

// fill does what is to be done with one server, and tells what it has found
// before what might go wrong. Nobody is asked to end: it would take a million
// connections minutes, and the machine is switched off anyway.
func (r *Row) fill(task Task, progress io.Writer, tell func() error) error {
	ctx := context.Background()
	s, err := server.Lookup(r.Server)
	if err != nil {
		return err
	}
	memory, err := load.Memory("MemTotal")
	if err != nil {
		return err
	}
	err = errors.Join(os.Setenv("GOGC", percent), os.Setenv("GOMEMLIMIT", strconv.FormatInt(int64(share*float64(memory)), 10)))
	if err != nil {
		return err
	}
	freed := time.Duration(0)
	if r.Server == "park" {
		freed = freeing
	}
	b := measure.Bench{Exe: "/init"}
	// TCP's keep-alive probes are off: with Go's 15 s a million connections take
	// 67,000 of them in a second, and as many answers.
	//
	// With a CPU of its own for each, the two never take each other's place on
	// one, which costs an emulated processor what it knows of the memory's pages.
	started, err := b.StartServer(ctx, measure.ServerSpec{Server: s, Protocol: server.HTTP, Procs: 1, CPUs: "0", Buf: 4096,
		Grace: grace, KeepAlive: -1, IdleTimeout: task.IdleTimeout, Free: freed})
	if err != nil {
		return err
	}
	if r.Before, err = started.Memory(); err != nil {
		return err
	}
	free, err := load.Memory("MemFree")
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "%s: opening %d connections, a request on each\n", r.Server, r.Asked)
	begun := time.Now()
	watching, seen := context.WithCancel(ctx)
	defer seen()
	go watch(watching, progress, started.PID(), 10*time.Second)
	client, err := b.StartClient(ctx, started, measure.LoadSpec{Protocol: server.HTTP, Conns: r.Asked, Crowd: true,
		Opening: task.Opening, Reserve: reserve, CPUs: "1"}, r.Sample)
	if err != nil {
		return err
	}
	r.Opening, r.Conns = time.Since(begun), client.Conns()
	r.Full = r.Conns < r.Asked && r.Opening < task.Opening
	seen()
	fmt.Fprintf(progress, "%s: %d open after %v\n", r.Server, r.Conns, r.Opening.Round(time.Second))

	if err := settled(started); err != nil {
		return err
	}
	if r.Idle, err = started.Memory(); err != nil {
		return err
	}
	left, err := load.Memory("MemFree")
	if err != nil {
		return err
	}
	clients, err := client.Resident()
	if err != nil {
		return err
	}
	r.KernelBytes = free - left - int64(clients) - (int64(r.Idle.RSS) - int64(r.Before.RSS))
	if err := tell(); err != nil {
		return err
	}
	rest, err := load.Watch(started.PID(), 10*time.Second)
	if err != nil {
		return err
	}
	r.RestCPU = float64(rest.ServerCPU) / float64(rest.Wall)

	fmt.Fprintf(progress, "%s: %d requests at once\n", r.Server, r.Sample)
	result, err := client.Measure(r.Sample)
	if err != nil {
		return fmt.Errorf("after having been idle: %w", err)
	}
	r.Burst, r.P50, r.P99, r.Max = result.Wall, result.P50, result.P99, result.Max
	if err := settled(started); err != nil {
		return err
	}
	r.After, err = started.Memory()
	return err
}

// settled waits until the number of goroutines changes no more.
func settled(s *measure.Server) error {
	for last := -1; ; {
		time.Sleep(2 * grace)
		n, err := s.Goroutines()
		if err != nil || n == last {
			return err
		}
		last = n
	}
}
