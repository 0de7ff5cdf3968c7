//go:build !unix

package wine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// tryLock says that there is no Wine on this system.
func tryLock(string) (*os.File, error) {
	return nil, fmt.Errorf("no Wine for %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
