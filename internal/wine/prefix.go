package wine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// layout is part of a prefix's path: prefixes that were made otherwise are left
// alone. It counts up with every change of what make does.
const layout = 1

// maxPrefixes bounds the sessions at one time, and so the disk space.
const maxPrefixes = 8

// A prefix is a directory with a Wine installation's state, used by one session
// at a time:
//
//	wine/      WINEPREFIX
//	overlay/   see Overlay
//	complete   is there once the prefix is
//	lock       is locked while it is in use
type prefix struct {
	dir  string
	lock *os.File
}

// cache returns the directory of all prefixes.
func cache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = filepath.Join(os.TempDir(), fmt.Sprint("cache-", os.Getuid()))
	}
	return filepath.Join(dir, "moor-wine")
}

// takePrefix returns the first prefix below dir that nobody else uses.
func takePrefix(dir string) (*prefix, error) {
	for i := range maxPrefixes {
		p := &prefix{dir: filepath.Join(dir, strconv.Itoa(i))}
		if err := os.MkdirAll(p.dir, 0o777); err != nil {
			return nil, err
		}
		lock, err := tryLock(filepath.Join(p.dir, "lock"))
		if err != nil {
			return nil, err
		}
		if lock != nil {
			p.lock = lock
			return p, nil
		}
	}
	return nil, fmt.Errorf("all %d prefixes in %s are in use", maxPrefixes, dir)
}

// versioned returns where the prefixes of a version of Wine are.
func versioned(version string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, version)
	return filepath.Join(cache(), fmt.Sprintf("%s-%d", clean, layout))
}

func (p *prefix) path(name string) string { return filepath.Join(p.dir, name) }

func (p *prefix) release() error { return p.lock.Close() }

// fill makes the prefix complete if it is not.
func (p *prefix) fill(s *Session) error {
	if _, err := os.Stat(p.path("complete")); err == nil {
		return nil
	}
	s.logf("making a Wine prefix in %s", p.dir)
	if err := os.RemoveAll(p.path("wine")); err != nil {
		return err
	}
	if err := os.MkdirAll(p.path("wine"), 0o777); err != nil {
		return err
	}
	if err := s.wine(prefixTimeout, "wineboot", "-i"); err != nil {
		return err
	}
	if err := s.wine(prefixTimeout, "reg", "add", `HKCU\Software\Wine`, "/v", "Version", "/d", "win10", "/f"); err != nil {
		return err
	}
	s.stopServer() // writes the registry to disk
	dll := filepath.Join(p.path("wine"), "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(dll); os.IsNotExist(err) { // later versions of Wine have it
		code := Forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036")
		if err := os.WriteFile(dll, code, 0o666); err != nil {
			return err
		}
	}
	return os.WriteFile(p.path("complete"), nil, 0o666)
}

// prefixTimeout bounds each step of making a prefix, which takes some seconds.
const prefixTimeout = 3 * time.Minute

// Clean removes all prefixes that nobody uses, of all versions of Wine.
func Clean() error {
	dirs, err := filepath.Glob(filepath.Join(cache(), "*", "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		lock, err := tryLock(filepath.Join(dir, "lock"))
		if err != nil {
			return err
		}
		if lock == nil {
			return fmt.Errorf("%s is in use", dir)
		}
		err = os.RemoveAll(dir)
		lock.Close()
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(cache())
}
