package wine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A Session is a Wine that is ready to run programs until Close.
type Session struct {
	Tools
	// Overlay is the file for go build's flag -overlay.
	Overlay string

	prefix *prefix
	log    func(format string, args ...any)
}

// Config is what Start needs to know.
type Config struct {
	// Go is the go command; empty means "go" from the PATH.
	Go string
	// Log, if not nil, is told what takes long.
	Log func(format string, args ...any)
}

// Start finds Wine, takes a prefix, making one if there is none, and starts its
// server. The caller closes the session.
func Start(c Config) (*Session, error) {
	tools, err := Find()
	if err != nil {
		return nil, err
	}
	s := &Session{Tools: tools, log: c.Log}
	if s.prefix, err = takePrefix(versioned(tools.Version)); err != nil {
		return nil, err
	}
	if err := s.begin(c.Go); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// begin makes the session ready.
func (s *Session) begin(goCommand string) error {
	// Nobody else uses the prefix: a server that runs was left behind.
	s.stopServer()
	if err := s.prefix.fill(s); err != nil {
		return err
	}
	if err := s.overlay(goCommand); err != nil {
		return err
	}
	// A server that stays saves each program from starting it. What Windows
	// starts with the first program inherits that one's files; were they those
	// of a test, go test would wait for all of them to be closed.
	if err := s.command(serverTimeout, s.Server, "-p"); err != nil {
		return err
	}
	return s.wine(serverTimeout, "cmd", "/c", "exit")
}

// overlay writes the overlay for the installed Go.
func (s *Session) overlay(goCommand string) error {
	if goCommand == "" {
		goCommand = "go"
	}
	goroot, err := exec.Command(goCommand, "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	dir := s.prefix.path("overlay")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	s.Overlay, err = Overlay(strings.TrimSpace(string(goroot)), dir)
	return err
}

// serverTimeout bounds what takes a second or two.
const serverTimeout = time.Minute

// Close stops the server with all its programs and lets go of the prefix.
func (s *Session) Close() error {
	s.stopServer()
	return s.prefix.release()
}

// stopServer stops the server, if there is one, with all its programs.
func (s *Session) stopServer() {
	s.command(serverTimeout, s.Server, "-k") // fails when there is none
}

// wine runs a Windows program with its output thrown away.
func (s *Session) wine(timeout time.Duration, args ...string) error {
	return s.command(timeout, s.Loader, args...)
}

// command runs a program that must not keep any of this process's files.
func (s *Session) command(timeout time.Duration, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = s.Environ()
	var failed *exec.ExitError
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not end within %v", strings.Join(cmd.Args, " "), timeout)
	case errors.As(err, &failed):
		return fmt.Errorf("%s: %w (WINEPREFIX is %s)", strings.Join(cmd.Args, " "), err, s.prefix.path("wine"))
	}
	return err
}

// Environ is the environment for Windows programs and for the go command that
// builds and runs them.
func (s *Session) Environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "DISPLAY" || name == "WAYLAND_DISPLAY" || strings.HasPrefix(name, "WINE")
	})
	return append(env,
		"GOOS=windows", "GOARCH=amd64",
		"WINEPREFIX="+s.prefix.path("wine"),
		"WINEARCH=win64",
		"WINEDEBUG=-all",
		// Nothing of .NET, HTML or menus, which would want to be downloaded.
		"WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=",
	)
}

// Exec is the value for the flag -exec of the go command.
func (s *Session) Exec() string { return "'" + s.Loader + "'" }

// Check refuses arguments of a go command that can't be run, before Start.
func Check(args []string) error {
	for _, taken := range []string{"exec", "overlay"} {
		if has(args, taken) {
			return fmt.Errorf("-%s is taken: it is what runs Windows programs here", taken)
		}
	}
	if _, err := exec.LookPath(Compiler); err != nil && has(args, "race") {
		return errNoCompiler
	}
	return nil
}

// Go prepares a go command, test or run, with the caller's arguments.
func (s *Session) Go(goCommand, verb string, args []string) *exec.Cmd {
	all := []string{verb, "-exec", s.Exec(), "-overlay", s.Overlay}
	if verb == "test" && !has(args, "count") {
		all = append(all, "-count=1")
	}
	cmd := exec.Command(goCommand, append(all, args...)...)
	cmd.Env = s.Environ()
	if has(args, "race") {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1", "CC="+Compiler)
	}
	return cmd
}

// has reports whether args hold a flag of the go command, with one dash or two.
// What follows -args is the test's own.
func has(args []string, flag string) bool {
	for _, arg := range args {
		if arg == "-args" || arg == "--args" {
			break
		}
		name, _, _ := strings.Cut(arg, "=")
		if name == "-"+flag || name == "--"+flag {
			return true
		}
	}
	return false
}

func (s *Session) logf(format string, args ...any) {
	if s.log != nil {
		s.log(format, args...)
	}
}
