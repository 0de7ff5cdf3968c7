package measure

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// A process is a child that is talked to over its standard streams. It ends by
// itself when its stdin does.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer

	stopped bool
	// foreign programs don't end with their stdin: they are killed.
	foreign bool
}

// start runs a child until ctx ends at the latest.
func start(ctx context.Context, exe string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, exe, args...)}
	p.cmd.WaitDelay = time.Second
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(stdout)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// line returns the next line the child prints. A child that ends instead is an
// error, which says what the child said.
func (p *process) line() (string, error) {
	text, err := p.stdout.ReadString('\n')
	if err != nil {
		if err := p.stop(); err != nil {
			return "", err
		}
		return "", fmt.Errorf("%s ended early", p.name())
	}
	return strings.TrimSuffix(text, "\n"), nil
}

// stop ends the child's stdin, waits for the child and returns what went wrong
// with it. Only the first call does anything.
func (p *process) stop() error {
	if p.stopped {
		return nil
	}
	p.stopped = true
	p.stdin.Close()
	if p.foreign {
		p.cmd.Process.Kill()
		p.cmd.Wait() // it ends with the signal
		return nil
	}
	err := p.cmd.Wait()
	if err == nil {
		return nil
	}
	if said := strings.TrimSpace(p.stderr.String()); said != "" {
		return errors.New(said)
	}
	return fmt.Errorf("%s: %w", p.name(), err)
}

func (p *process) name() string { return p.cmd.Args[1] }
