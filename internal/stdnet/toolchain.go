package stdnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Toolchain is the installed go command with the target it works for.
// Its methods may be called from several goroutines.
type Toolchain struct {
	// Go is the go command; empty means "go" from the PATH.
	Go string
	// GOOS and GOARCH are the target; empty means the go command's own default.
	GOOS, GOARCH string
	// Env is the environment of the go command and so of the tests; nil means
	// this process's.
	Env []string
}

// listedPackage is the part of a `go list -json` record that is used here.
type listedPackage struct {
	ImportPath   string
	Name         string
	Dir          string
	Export       string
	Standard     bool
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
	Error        *struct{ Err string }
}

// command prepares a go command that runs in dir for the target. A workspace
// above dir is ignored: what is built is what the module itself asks for.
func (tc Toolchain) command(dir string, args ...string) *exec.Cmd {
	name := tc.Go
	if name == "" {
		name = "go"
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	env := tc.Env
	if env == nil {
		env = os.Environ()
	}
	cmd.Env = append(slices.Clip(env), "GOWORK=off", "PWD="+dir)
	if tc.GOOS != "" {
		cmd.Env = append(cmd.Env, "GOOS="+tc.GOOS)
	}
	if tc.GOARCH != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+tc.GOARCH)
	}
	return cmd
}

// output runs a go command and returns what it printed on standard output.
func (tc Toolchain) output(dir string, args ...string) ([]byte, error) {
	cmd := tc.command(dir, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

// env returns one value of `go env` as seen from dir.
func (tc Toolchain) env(dir, name string) (string, error) {
	out, err := tc.output(dir, "env", name)
	return strings.TrimSpace(string(out)), err
}

// list loads the packages and all their dependencies, with export data. A
// package that cannot be found or built comes without an Export file.
func (tc Toolchain) list(dir string, test bool, patterns ...string) ([]listedPackage, error) {
	args := []string{"list", "-e", "-export", "-deps",
		"-json=ImportPath,Name,Dir,Export,Standard,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Error"}
	if test {
		args = append(args, "-test")
	}
	out, err := tc.output(dir, append(append(args, "--"), patterns...)...)
	if err != nil {
		return nil, err
	}
	var list []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		list = append(list, p)
	}
}

// exportData imports packages from the compiler's export files.
type exportData struct {
	files map[string]string // import path -> export file
	types.Importer
}

// newExportData makes an importer for the listed packages. Packages that std
// has vendored are found by the path that its sources use for them.
func newExportData(fset *token.FileSet, list []listedPackage) *exportData {
	e := &exportData{files: make(map[string]string)}
	for _, p := range list {
		if p.Export != "" {
			e.files[p.ImportPath] = p.Export
		}
	}
	e.Importer = importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		file, ok := e.files[path]
		if !ok {
			file, ok = e.files["vendor/"+path]
		}
		if !ok {
			return nil, fmt.Errorf("no export data for %q", path)
		}
		return os.Open(file)
	})
	return e
}

// has reports whether path can be imported.
func (e *exportData) has(path string) bool {
	return path == "unsafe" || e.files[path] != ""
}
