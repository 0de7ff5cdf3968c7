package server

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The servers in C are what the machine can do at most.
func init() {
	register(native("c-epoll", "an epoll loop in C, a thread for each CPU", "epoll"))
	register(native("c-uring", "an io_uring loop in C, a ring for each CPU", "uring", "-luring"))
}

//go:embed native
var sources embed.FS

// native is a server that is compiled when it is wanted.
func native(name, about, program string, libraries ...string) Server {
	return Server{Name: name, About: about, Command: func(dir string) ([]string, error) {
		if err := build(dir, program, libraries); err != nil {
			return nil, err
		}
		return []string{filepath.Join(dir, program), "{addr}", "{procs}", "{buf}"}, nil
	}}
}

// build compiles program.c unless it has been compiled already.
func build(dir, program string, libraries []string) error {
	to := filepath.Join(dir, program)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return fmt.Errorf("gcc is not installed (Debian packages gcc and libc6-dev)")
	}
	for _, name := range []string{"common.h", program + ".c"} {
		text, err := sources.ReadFile("native/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			return err
		}
	}
	args := append([]string{"-O2", "-Wall", "-pthread", "-o", to, to + ".c"}, libraries...)
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		text := string(out)
		if strings.Contains(text, "liburing.h") {
			return fmt.Errorf("liburing is not installed (Debian package liburing-dev)")
		}
		return fmt.Errorf("gcc: %w: %s", err, strings.TrimSpace(text))
	}
	return nil
}
