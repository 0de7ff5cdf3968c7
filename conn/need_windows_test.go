package conn_test

import (
	"errors"
	"os"
	"testing"

	"github.com/moor-net/moor/internal/sockerr"
)

func needComparableNet(t testing.TB) {
	t.Helper()
	if sockerr.Wine {
		t.Skip("under Wine package net reports nothing as sent by WriteMsgUDP and waits for a datagram to read nothing of")
	}
	t.Skip("package net's calls come to the system in another order on Windows")
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
