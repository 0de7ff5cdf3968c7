// Wine runs the go command's test and run for Windows, under Wine:
//
//	go run ./internal/wine/cmd/wine test [flags of go test] [packages] [flags of the tests]
//	go run ./internal/wine/cmd/wine run [flags of go run] package [arguments]
//	go run ./internal/wine/cmd/wine clean
//
// It exits as the go command does. Any number may run at the same time; clean
// removes what they keep in the user's cache directory. See the documentation
// of the package around it.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/moor-net/moor/internal/wine"
)

const usage = `usage: wine test [flags of go test] [packages] [flags of the tests]
       wine run [flags of go run] package [arguments]
       wine clean`

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		fail(2, usage)
	}
	switch verb := args[0]; verb {
	case "test", "run":
		status, err := goCommand(verb, args[1:])
		if err != nil {
			fail(1, "wine: "+err.Error())
		}
		os.Exit(status)
	case "clean":
		if len(args) > 1 {
			fail(2, usage)
		}
		if err := wine.Clean(); err != nil {
			fail(1, "wine: "+err.Error())
		}
	default:
		fail(2, fmt.Sprintf("wine: %q is none of test, run and clean\n%s", verb, usage))
	}
}

func fail(status int, message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(status)
}

// goCommand runs the go command in a session and returns its exit status. A
// signal ends the go command, and with it the session in good order.
func goCommand(verb string, args []string) (status int, err error) {
	if err := wine.Check(args); err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	s, err := wine.Start(wine.Config{Log: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "wine: "+format+"\n", args...)
	}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	cmd := s.Go("go", verb, args)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for sig := range signals {
			cmd.Process.Signal(sig)
		}
	}()
	var failed *exec.ExitError
	if err = cmd.Wait(); errors.As(err, &failed) {
		return max(failed.ExitCode(), 1), nil
	}
	return 0, err
}
