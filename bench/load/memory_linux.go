package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory reads a line of proc_meminfo(5), such as MemFree, in bytes. With many
// sockets MemAvailable is too large: half of what they take counts as available,
// since some of such memory could be reclaimed were it not in use.
func Memory(name string) (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), name+":")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/meminfo has no %s", name)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10, err
}
