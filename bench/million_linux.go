package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/guest"
	"github.com/moor-net/moor/bench/suite"
)

// million holds a million connections where the machine allows a process
// thousands: in a guest with a kernel of its own.
func million(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("million", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var task guest.Task
	park := flags.Int("n", 1_000_000, "`number` of idle keep-alive connections of a parked net/http server, 0 for none")
	std := flags.Int("std", 1_000_000, "`number` of those of the same server on package net, 0 for none; fewer if the guest's memory or the time do not allow more")
	flags.IntVar(&task.Sample, "sample", 20_000, "`number` of connections that make a request after that, all at once")
	flags.DurationVar(&task.Opening, "opening", 25*time.Minute, "`time` after which no more connections are opened")
	flags.DurationVar(&task.IdleTimeout, "idletimeout", 0, "http.Server's IdleTimeout, a `time` that each idle connection has a deadline for, which takes 60 bytes more; 0 for none")
	memory := flags.String("memory", "16G", "`size` of the guest's memory")
	cpus := flags.Int("cpus", 2, "`number` of the guest's CPUs")
	kernel := flags.String("kernel", "", "`file` of a kernel for the guest; without, Debian's is downloaded and unpacked, not installed")
	limit := flags.Duration("limit", 40*time.Minute, "`time` after which all guests are stopped; what they have found by then is printed")
	out := flags.String("out", "", "`file` to write the figures to, in JSON; what it has of a server that is not measured stays")
	if err := parseFlags(flags, args, stdout); err != nil {
		return err
	}
	if *park < 0 || *std < 0 || *park+*std == 0 || task.Sample < 1 || *cpus < 2 {
		return errors.New("-n and -std must be at least 0, one of them and -sample 1, and -cpus 2")
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
	machine := []string{
		"-accel", "tcg,thread=multi", "-cpu", "qemu64", "-smp", fmt.Sprint(*cpus), "-m", *memory,
		"-nographic", "-no-reboot", "-nic", "none", "-kernel", *kernel, "-initrd", initramfs,
	}
	var report guest.Report
	if *out != "" {
		if report, err = readReport(*out); err != nil {
			return err
		}
	}
	var failed error
	begun, measured := time.Now(), 0
	// Each server has a guest of its own: to end a million connections takes
	// minutes, to end a guest none.
	for _, side := range []struct {
		server string
		conns  int
	}{{"park", *park}, {"std", *std}} {
		if side.conns == 0 {
			continue
		}
		own := task
		own.Server, own.Conns = side.server, side.conns
		// The rest takes some minutes too.
		own.Opening = min(own.Opening, *limit-time.Since(begun)-afterOpening)
		if own.Opening <= 0 {
			failed = errors.Join(failed, fmt.Errorf("%s: no time is left", side.server))
			continue
		}
		found, err := boot(ctx, qemu, append(machine[:len(machine):len(machine)], "-append", quick+" "+own.CommandLine()), stderr)
		failed = errors.Join(failed, err)
		if found != nil {
			report.Kernel, report.Memory = found.Kernel, found.Memory
			report.Rows = slices.DeleteFunc(report.Rows, func(r guest.Row) bool { return r.Server == side.server })
			report.Rows = append(report.Rows, found.Rows...)
			measured++
		}
	}
	if measured == 0 {
		return failed
	}
	slices.SortFunc(report.Rows, func(a, b guest.Row) int { return strings.Compare(a.Server, b.Server) })
	if *out != "" {
		text, err := json.MarshalIndent(report, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*out, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	missed := 0
	for _, bar := range report.Bars() {
		if !bar.Met {
			missed++
		}
	}
	if missed > 0 && *park > 0 {
		failed = errors.Join(failed, fmt.Errorf("%d of %d bars not met", missed, len(report.Bars())))
	}
	return errors.Join(report.Write(stdout), failed)
}

// afterOpening is what is left of a server's time when its opening ends: to
// collect, to see how it rests, and to answer the sample.
const afterOpening = 4 * time.Minute

// quick is the kernel's command line for an emulated machine.
//
// Emulated processors' counters are not quite alike, so the kernel would take
// another clock, which takes a device for every look. Timers of high resolution
// wake Go's monitor every 20 µs, which takes longer here than that. What guards
// one program of a machine from another guards nobody here, and accounting for
// control groups counts for nobody; both cost a fifth of the time. The check for
// a timer's interrupt fails at random where the emulator has to wait for a CPU.
const quick = "console=ttyS0 quiet panic=-1 tsc=reliable clocksource=tsc highres=off mitigations=off init_on_alloc=0" +
	" hardened_usercopy=off cgroup_disable=memory apparmor=0 audit=0 no_timer_check"

// millionFile is where the figures are that the report of all bars takes.
const millionFile = "docs/million.json"

// millionLines are the bars of a file of this command's figures. What is not
// there, or is of less than a million, has not been measured.
func millionLines(file string) ([]suite.Line, error) {
	report, err := readReport(file)
	if err != nil {
		return nil, err
	}
	measured := slices.ContainsFunc(report.Rows, func(r guest.Row) bool { return r.Server == "park" && r.Asked >= 1_000_000 })
	var lines []suite.Line
	for _, bar := range report.Bars() {
		line := suite.Line{Verdict: suite.NotMeasured, Value: "–", Bar: bar.Text}
		if measured {
			line.Value, line.Verdict = bar.Value, suite.NotMet
			if bar.Met {
				line.Verdict = suite.Met
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// boot runs the guest, passes on what it says, and returns the last report that
// it gave, together with an error if it did not end by itself.
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
	var broken error
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if text, ok := strings.CutPrefix(line, guest.ReportMark); ok {
			found := new(guest.Report)
			if broken = json.Unmarshal([]byte(text), found); broken == nil {
				report = found
			}
			continue
		}
		fmt.Fprintf(stderr, "%6.1fs %s\n", time.Since(begun).Seconds(), line)
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return report, fmt.Errorf("the guest was stopped after %v: %w", time.Since(begun).Round(time.Second), ctx.Err())
	case err != nil:
		return report, fmt.Errorf("%s: %w: %s", filepath.Base(qemu), err, strings.TrimSpace(said.String()))
	case report == nil && broken == nil:
		return nil, errors.New("the guest has ended without a report")
	}
	return report, broken
}

// readReport reads a file of this command's figures; one that is not there has
// none.
func readReport(file string) (report guest.Report, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return report, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	return report, err
}
