package wine

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Tools are the programs of a Wine installation.
type Tools struct {
	Loader  string // runs a Windows program
	Server  string // the wineserver
	Version string // as the loader tells it
}

// Compiler is the C compiler that go test -race needs.
const Compiler = "x86_64-w64-mingw32-gcc"

// Where the programs are: in the PATH under the names that they have upstream
// and in other distributions, or where Debian's wine64 package puts them.
var (
	loaders = []string{"/usr/lib/wine/wine64", "wine64", "wine"}
	servers = []string{"/usr/lib/wine/wineserver64", "wineserver64", "wineserver"}
)

var (
	errNoWine     = errors.New("no Wine is installed: on Debian, apt-get install --no-install-recommends wine64")
	errNoCompiler = fmt.Errorf("-race needs %s: on Debian, apt-get install --no-install-recommends gcc-mingw-w64-x86-64-win32", Compiler)
)

// Find looks for Wine, and says what to install when it is not there.
func Find() (Tools, error) {
	var t Tools
	if t.Loader = first(loaders); t.Loader == "" {
		return Tools{}, errNoWine
	}
	if t.Server = first(servers); t.Server == "" {
		return Tools{}, fmt.Errorf("%s has no wineserver: %w", t.Loader, errNoWine)
	}
	out, err := exec.Command(t.Loader, "--version").Output()
	if err != nil {
		return Tools{}, fmt.Errorf("%s --version: %w", t.Loader, err)
	}
	t.Version = strings.TrimSpace(string(out))
	return t, nil
}

// first returns the absolute path of the first program that is installed.
func first(names []string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
