package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/load"
	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

// IsInit tells whether this process is the guest's first.
func IsInit() bool { return os.Getpid() == 1 && len(os.Args) == 1 }

// Init is what the guest does: it makes itself at home, does its task, prints
// the report and switches the machine off.
func Init() {
	report, err := perform(os.Stdout)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(report); err == nil {
			fmt.Printf("%s%s\n", ReportMark, text)
		}
	}
	if err != nil {
		fmt.Println("init:", err)
	}
	time.Sleep(100 * time.Millisecond) // for the console
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func perform(progress io.Writer) (*Report, error) {
	task, err := parseTask(os.Environ())
	if err != nil {
		return nil, err
	}
	if err := settle(2*max(task.Conns, task.Std) + 10000); err != nil {
		return nil, err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, err
	}
	memory, err := available("MemTotal")
	if err != nil {
		return nil, err
	}
	report := &Report{Kernel: "Linux " + unix.ByteSliceToString(u.Release[:]), Memory: uint64(memory)}
	for _, side := range []struct {
		name  string
		conns int
	}{{"park", task.Conns}, {"std", task.Std}} {
		if side.conns > 0 {
			report.Rows = append(report.Rows, hold(side.name, side.conns, min(task.Sample, side.conns), progress))
		}
	}
	return report, nil
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
		{"net/ipv4/ip_local_port_range", "1024 65535"},
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

// available reads a line of proc_meminfo(5), in bytes.
func available(name string) (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), name+":")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/meminfo has no %s", name)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10, err
}

// hold fills in a row. What fails is said in it: the other server's row is
// still worth having.
func hold(name string, conns, sample int, progress io.Writer) Row {
	row := Row{Server: name, Conns: conns, Sample: sample}
	fmt.Fprintf(progress, "%s: opening %d connections, a request on each\n", name, conns)
	if err := row.fill(progress); err != nil {
		row.Failed = err.Error()
		fmt.Fprintf(progress, "%s: %v\n", name, err)
	}
	return row
}

// grace is short: connections come slowly in a guest, and are parked long
// before the last one is there.
const grace = time.Second

func (r *Row) fill(progress io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	s, err := server.Lookup(r.Server)
	if err != nil {
		return err
	}
	b := measure.Bench{Exe: "/init"}
	started, err := b.StartServer(ctx, measure.ServerSpec{Server: s, Protocol: server.HTTP, Procs: 2, Buf: 4096, Grace: grace, IdleTimeout: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, started.Stop()) }()
	if r.Before, err = started.Memory(); err != nil {
		return err
	}
	free, err := available("MemAvailable")
	if err != nil {
		return err
	}
	begun := time.Now()
	client, err := b.StartClient(ctx, started, measure.LoadSpec{Protocol: server.HTTP, Conns: r.Conns, Spread: true}, r.Sample)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(client.Stop(), err) }()
	r.Opening = time.Since(begun)
	fmt.Fprintf(progress, "%s: all open after %v\n", r.Server, r.Opening.Round(time.Second))

	if r.Idle, err = settled(started); err != nil {
		return err
	}
	left, err := available("MemAvailable")
	if err != nil {
		return err
	}
	clients, err := client.Resident()
	if err != nil {
		return err
	}
	r.KernelBytes = free - left - int64(clients) - (int64(r.Idle.RSS) - int64(r.Before.RSS))
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
	r.After, err = settled(started)
	return err
}

// settled is the memory when the number of goroutines changes no more, or after
// a minute of grace periods.
func settled(s *measure.Server) (m measure.Memory, err error) {
	for range 30 {
		before := m.Goroutines
		time.Sleep(2 * grace)
		if m, err = s.Memory(); err != nil || m.Goroutines == before {
			return m, err
		}
	}
	return m, nil
}
