package netfd

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The zones that a hosts file names are kept, as package net does. The file is this
// process's own: it has its own view of the file system.
func TestResolvedAddressesHaveZones(t *testing.T) {
	const variable = "NETFD_TEST_HOSTS"
	if hosts := os.Getenv(variable); hosts != "" {
		resolvesZones(t, hosts)
		return
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	lines := "fe80::1%lo printer\nfe80::2%lo both\n192.0.2.1 both\n2001:db8::1 plain\n"
	if err := os.WriteFile(hosts, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+hosts)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Skip("the system does not let a process have mounts of its own")
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("in the child: %s", out)
	case err != nil || !bytes.Contains(out, []byte("--- PASS")):
		t.Errorf("%v\n%s", err, out)
	}
}

func resolvesZones(t *testing.T, hosts string) {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, "")
	}
	if err != nil {
		t.Skipf("the system does not let a process have a hosts file of its own: %v", err)
	}
	r := &net.Resolver{PreferGo: true}
	net.DefaultResolver = r
	zoned := 0
	for _, name := range []string{"printer", "both", "plain", "fe80::3%lo"} {
		address := net.JoinHostPort(name, "80")
		got, err := Resolve(t.Context(), r, TCP6, address, nil, true)
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := net.ResolveTCPAddr("tcp6", address)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, []net.Addr{want}) {
			t.Errorf("%s: %v, package net %v", name, got, want)
		}
		if want.Zone != "" {
			zoned++
		}
	}
	if zoned != 3 {
		t.Errorf("package net has found %d zones, want 3", zoned)
	}
	got, err := Resolve(t.Context(), r, TCP, "both:80", nil, true)
	if err != nil || len(got) != 2 {
		t.Fatalf("both: %v, %v", got, err)
	}
	for _, a := range got {
		if a := a.(*net.TCPAddr); (a.Zone == "lo") != (a.IP.To4() == nil) {
			t.Errorf("both: %v", a)
		}
	}
}
