package conn_test

import (
	"errors"
	"os"
	"testing"

	"github.com/moor-net/moor/internal/sockerr"
)

func needReadsOfNothing(t testing.TB) {
	t.Helper()
	t.Skip("on Windows package net's Read of nothing waits for a datagram and takes it")
}

func needSharedPorts(t testing.TB) {
	t.Helper()
	t.Skip("Windows has no SO_REUSEPORT")
}

// missedReset reports whether err is how a file's transfer ends under Wine when
// the peer resets the connection, about once in ten times: the request of
// TransmitFile stays in progress there until the deadline cancels it, which it
// then confirms (ERROR_OPERATION_ABORTED). Windows ends it with the reset.
func missedReset(source string, err error) bool {
	return source == "file" && sockerr.Wine && errors.Is(err, os.ErrDeadlineExceeded)
}
