package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/guest"
)

// million holds a million connections where the machine allows a process
// thousands: in a guest with a kernel of its own.
func million(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("million", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var task guest.Task
	flags.IntVar(&task.Conns, "n", 1_000_000, "`number` of idle keep-alive connections of a parked net/http server")
	flags.IntVar(&task.Std, "std", 150_000, "`number` of those of the same server on package net, 0 for none: as many as the guest's memory allows")
	flags.IntVar(&task.Sample, "sample", 20_000, "`number` of connections that make a request after that, all at once")
	memory := flags.String("memory", "16G", "`size` of the guest's memory")
	cpus := flags.Int("cpus", 2, "`number` of the guest's CPUs")
	kernel := flags.String("kernel", "", "`file` of a kernel for the guest; without, Debian's is downloaded and unpacked, not installed")
	limit := flags.Duration("limit", 40*time.Minute, "`time` after which the guest is stopped")
	out := flags.String("out", "", "`file` to write the figures to, in JSON")
	if err := parseFlags(flags, args, stdout); err != nil {
		return err
	}
	if task.Conns < 1 || task.Std < 0 || task.Sample < 1 || *cpus < 1 {
		return errors.New("-n, -sample and -cpus must be at least 1, -std at least 0")
	}
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return errors.New("qemu-system-x86_64 is not installed: apt-get install qemu-system-x86 (Debian)")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()

	dir, err := os.MkdirTemp("", "moor-million-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if *kernel == "" {
		fmt.Fprintln(stderr, "downloading and unpacking Debian's kernel for clouds")
		if *kernel, err = guest.DebianKernel(ctx, dir); err != nil {
			return err
		}
	}
	fmt.Fprintln(stderr, "building the guest's init")
	initramfs, err := guest.Initramfs(ctx, dir)
	if err != nil {
		return err
	}
	report, err := boot(ctx, qemu, []string{
		"-accel", "tcg,thread=multi", "-cpu", "max", "-smp", fmt.Sprint(*cpus), "-m", *memory,
		"-nographic", "-no-reboot", "-nic", "none",
		"-kernel", *kernel, "-initrd", initramfs,
		// Emulated processors' counters are not quite alike, so the kernel would
		// take another clock, which takes a device for every look.
		"-append", "console=ttyS0 quiet panic=-1 tsc=reliable clocksource=tsc " + task.CommandLine(),
	}, stderr)
	if err != nil {
		return err
	}
	if *out != "" {
		text, err := json.MarshalIndent(report, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*out, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return report.Write(stdout)
}

// boot runs the guest, passes on what it says, and returns its report.
func boot(ctx context.Context, qemu string, args []string, stderr io.Writer) (*guest.Report, error) {
	cmd := exec.CommandContext(ctx, qemu, args...)
	cmd.WaitDelay = time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	begun := time.Now()
	var report *guest.Report
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if text, ok := strings.CutPrefix(line, guest.ReportMark); ok {
			report = new(guest.Report)
			if err := json.Unmarshal([]byte(text), report); err != nil {
				return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
			}
			continue
		}
		fmt.Fprintf(stderr, "%6.1fs %s\n", time.Since(begun).Seconds(), line)
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the guest was stopped after %v: %w", time.Since(begun).Round(time.Second), ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(qemu), err, strings.TrimSpace(said.String()))
	case report == nil:
		return nil, errors.New("the guest has ended without a report")
	}
	return report, nil
}
