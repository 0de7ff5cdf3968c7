// Package measure runs servers and load clients as processes of their own and
// reads what the kernel accounts for them.
package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moor-net/moor/bench/server"
)

// Bench is the program that is executed as server and as client.
type Bench struct {
	// Exe is the bench command.
	Exe string
	// Dir is where servers in C are built.
	Dir string
}

// ServerSpec is how to run a server.
type ServerSpec struct {
	Server   server.Server
	Protocol server.Protocol
	// Procs is GOMAXPROCS, or the number of threads of a program in C. CPUs is
	// what the process is pinned to, such as "0"; empty for no pinning.
	Procs int
	CPUs  string
	// Buf, Grace, KeepAlive, IdleTimeout, Hogs and Free: see the flags of bench server.
	Buf         int
	Grace       time.Duration
	KeepAlive   time.Duration
	IdleTimeout time.Duration
	Hogs        int
	Free        time.Duration
	// Address to listen on; a free port of 127.0.0.1 if empty.
	Address string
}

// A Server is one that runs.
type Server struct {
	*process
	addr string
}

// ErrNotHere is why a server can't be measured on this machine.
var ErrNotHere = errors.New("not measured")

// StartServer runs a server until ctx ends at the latest, and returns when it
// listens.
func (b Bench) StartServer(ctx context.Context, spec ServerSpec) (*Server, error) {
	if spec.Server.Command != nil {
		return b.startForeign(ctx, spec)
	}
	address := spec.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	p, err := start(ctx, b.Exe, "server",
		"-impl", spec.Server.Name,
		"-protocol", string(spec.Protocol),
		"-addr", address,
		"-procs", strconv.Itoa(spec.Procs),
		"-buf", strconv.Itoa(spec.Buf),
		"-grace", spec.Grace.String(),
		"-keepalive", spec.KeepAlive.String(),
		"-idletimeout", spec.IdleTimeout.String(),
		"-hogs", strconv.Itoa(spec.Hogs),
		"-free", spec.Free.String(),
		"-cpus", spec.CPUs)
	if err != nil {
		return nil, err
	}
	addr, err := p.line()
	return &Server{p, addr}, err
}

// startForeign runs a program and waits until it accepts connections.
func (b Bench) startForeign(ctx context.Context, spec ServerSpec) (*Server, error) {
	command, err := spec.Server.Command(b.Dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotHere, err)
	}
	addr := spec.Address
	if addr == "" {
		if addr, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	args := []string{"exec", "-cpus", spec.CPUs, "-procs", strconv.Itoa(spec.Procs), "--"}
	p, err := start(ctx, b.Exe, append(args, expand(command, addr, spec)...)...)
	if err != nil {
		return nil, err
	}
	p.foreign = true
	ended := make(chan struct{})
	go func() {
		p.stdout.WriteTo(discard{}) // a program that says much must not block
		close(ended)
	}()
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return &Server{p, addr}, c.Close()
		}
		select {
		case <-ended:
			p.foreign = false
			err := p.stop()
			return nil, fmt.Errorf("%w: %s: %w", ErrNotHere, spec.Server.Name, errors.Join(err, errors.New("the program ended without listening")))
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s does not listen on %s", spec.Server.Name, addr), p.stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// expand puts values where the command line has names, and the address at its
// end if it has no place for it.
func expand(command []string, addr string, spec ServerSpec) []string {
	names := strings.NewReplacer("{addr}", addr, "{procs}", strconv.Itoa(spec.Procs), "{buf}", strconv.Itoa(spec.Buf))
	placed := false
	var args []string
	for _, arg := range command {
		placed = placed || strings.Contains(arg, "{addr}")
		args = append(args, names.Replace(arg))
	}
	if !placed {
		args = append(args, addr)
	}
	return args
}

// freeAddress is one that nobody listens on. Somebody might take it before the
// server does, which then says so.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// PID is the process under measurement.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Addr is the address that the server listens on.
func (s *Server) Addr() string { return s.addr }

// Stop ends the server.
func (s *Server) Stop() error { return s.stop() }

// Memory is what a server takes, in bytes.
type Memory struct {
	server.Memory
	// RSS is what the process has in memory, as the kernel counts it.
	RSS uint64 `json:"rss"`
}

// Memory asks a server of this program for its memory, after a collection; of
// others there is the kernel's figure alone.
func (s *Server) Memory() (m Memory, err error) {
	if !s.foreign {
		if _, err := fmt.Fprintln(s.stdin, server.AskMemory); err != nil {
			return m, err
		}
		text, err := s.line()
		if err != nil {
			return m, err
		}
		if err := json.Unmarshal([]byte(text), &m.Memory); err != nil {
			return m, err
		}
	}
	m.RSS, err = resident(s.PID())
	return m, err
}

// Goroutines asks a server of this program for their number, which takes it no
// collection.
func (s *Server) Goroutines() (int, error) {
	if _, err := fmt.Fprintln(s.stdin, "goroutines"); err != nil {
		return 0, err
	}
	text, err := s.line()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// resident reads VmRSS of proc_pid_status(5).
func resident(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("process %d has no VmRSS", pid)
	}
	kib, err := strconv.ParseUint(fields[0], 10, 64)
	return kib << 10, err
}
