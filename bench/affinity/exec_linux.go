package affinity

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Main runs another program in the place of this process, pinned to CPUs, with
// GOMAXPROCS in its environment. It ends with whoever started it.
func Main(args []string, _ io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("exec", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	cpus := flags.String("cpus", "", "`CPUs` to pin the program to, such as 0 or 0,1; empty for no pinning")
	procs := flags.Int("procs", 1, "GOMAXPROCS of the program")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			flags.Usage()
		}
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no program given")
	}
	if *procs < 1 {
		return fmt.Errorf("-procs %d: must be at least 1", *procs)
	}
	program, err := exec.LookPath(flags.Arg(0))
	if err != nil {
		return err
	}
	if err := Enter(*cpus, *procs); err != nil {
		return err
	}
	// A program that does not end with its stdin must not be left behind. The
	// setting survives execve(2).
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	return os.NewSyscallError("execve", unix.Exec(program, flags.Args(), os.Environ()))
}
