package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kernelPackage is the one that depends on the newest of its kind.
const kernelPackage = "linux-image-cloud-amd64"

// DebianKernel downloads Debian's kernel for clouds, which has the drivers of
// qemu's serial console built in, and unpacks it in dir.
func DebianKernel(ctx context.Context, dir string) (file string, err error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("there is no apt-get here: give a kernel for amd64 with -kernel")
	}
	depends, err := output(ctx, dir, "apt-cache", "depends", kernelPackage)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(depends, "Depends: linux-image")
	version, _, _ := strings.Cut(rest, "\n")
	if version == "" {
		return "", fmt.Errorf("apt knows no %s (apt-get update?)", kernelPackage)
	}
	if _, err := output(ctx, dir, "apt-get", "download", "linux-image"+strings.TrimSpace(version)); err != nil {
		return "", err
	}
	packages, err := filepath.Glob(filepath.Join(dir, "linux-image*.deb"))
	if err != nil || len(packages) != 1 {
		return "", fmt.Errorf("apt-get download has left %v (%v)", packages, err)
	}
	if _, err := output(ctx, dir, "dpkg", "-x", packages[0], "kernel"); err != nil {
		return "", err
	}
	kernels, err := filepath.Glob(filepath.Join(dir, "kernel/boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return "", fmt.Errorf("the package has kernels %v (%v)", kernels, err)
	}
	return kernels[0], nil
}

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// bench is this program, which is the guest's only one.
const bench = "github.com/moor-net/moor/bench"

// Initramfs builds this program without C libraries and puts it in a file in
// dir, from which the kernel runs it as init.
func Initramfs(ctx context.Context, dir string) (file string, err error) {
	program := filepath.Join(dir, "init")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", program, bench)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s (to be run in the project's folder): %w: %s", bench, err, bytes.TrimSpace(out))
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "initramfs.gz")
	to, err := os.Create(file)
	if err != nil {
		return "", err
	}
	zip := gzip.NewWriter(to)
	return file, errors.Join(writeArchive(zip, text), zip.Close(), to.Close())
}
