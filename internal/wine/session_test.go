//go:build unix

package wine_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/wine"
)

func TestFlagsThatRunProgramsAreTaken(t *testing.T) {
	for _, args := range [][]string{{"-exec", "x"}, {"-v", "--exec=x"}, {"-overlay=x", "."}} {
		if err := wine.Check(args); err == nil || !strings.Contains(err.Error(), "is taken") {
			t.Errorf("%q: %v", args, err)
		}
	}
	for _, args := range [][]string{nil, {"-v", "./..."}, {".", "-args", "-exec"}, {"-executable"}} {
		if err := wine.Check(args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// start begins a session, which ends with the test.
func start(t *testing.T) *wine.Session {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Wine, which takes seconds: not in short mode")
	}
	if _, err := wine.Find(); err != nil {
		t.Skip(err)
	}
	s, err := wine.Start(wine.Config{Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// module writes a module with one test and returns its directory.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, src := range map[string]string{
		"go.mod": "module example.com/windows\n",
		"windows_test.go": `package windows

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestFiles(t *testing.T) {
	if err := os.WriteFile(filepath.Join(t.TempDir(), "x"), nil, 0o666); err != nil {
		t.Error(err)
	}
}

func TestUDP(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestFails(t *testing.T) { t.Error("on " + runtime.GOOS) }

func TestWaits(t *testing.T) {
	println("waiting")
	select {}
}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// test prepares go test in dir.
func test(s *wine.Session, dir string, args ...string) *exec.Cmd {
	cmd := s.Go("go", "test", args)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "PWD="+dir, "GOWORK=off")
	return cmd
}

func TestSessionRunsGoTest(t *testing.T) {
	s, dir := start(t), module(t)
	if out, err := test(s, dir, "-run", "Files|UDP").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := test(s, dir, "-run", "Fails").CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != 1 {
		t.Errorf("a test that fails: %v", err)
	}
	if !strings.Contains(string(out), "on windows") {
		t.Errorf("output:\n%s", out)
	}
}

func TestSessionHasNoDisplay(t *testing.T) {
	t.Setenv("DISPLAY", ":0")
	t.Setenv("WINEPREFIX", "/nonexistent")
	s := start(t)
	env := s.Environ()
	if slices.Contains(env, "DISPLAY=:0") || slices.Contains(env, "WINEPREFIX=/nonexistent") {
		t.Errorf("environment %q", env)
	}
}

// running returns the processes that have an entry in their environment.
func running(t *testing.T, entry string) (pids []string) {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	if len(environs) == 0 {
		t.Skip("no /proc to look for processes in")
	}
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err != nil {
			continue // another user's, or gone
		}
		if slices.Contains(strings.Split(string(env), "\x00"), entry) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// mustBeGone waits for the processes to be gone: one that was killed may take
// a moment.
func mustBeGone(t *testing.T, entry string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		pids := running(t, entry)
		if len(pids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %v", pids)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// untilWaiting starts a command and returns when its test waits.
func untilWaiting(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "waiting") {
			return
		}
	}
	t.Fatal("the test ended early")
}

func TestCloseLeavesNoProcess(t *testing.T) {
	s := start(t)
	cmd := test(s, module(t), "-run", "Waits", "-v")
	untilWaiting(t, cmd)
	entry := "WINEPREFIX=" + filepath.Join(s.Prefix(), "wine")
	if len(running(t, entry)) == 0 {
		t.Error("a session that runs has no processes")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the test that was stopped has passed")
	}
	mustBeGone(t, entry)
}

func TestTerminatedCommandLeavesNoProcess(t *testing.T) {
	start(t) // so that the command takes another prefix
	command := filepath.Join(t.TempDir(), "wine")
	if out, err := exec.Command("go", "build", "-o", command, "./cmd/wine").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(command, "test", "-run", "Waits", "-v")
	cmd.Dir = module(t)
	entry := "SESSION=" + cmd.Dir
	cmd.Env = append(os.Environ(), "PWD="+cmd.Dir, "GOWORK=off", entry)
	untilWaiting(t, cmd)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("a test that was stopped has passed")
	}
	mustBeGone(t, entry)
}
