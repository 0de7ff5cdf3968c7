package conn_test

import (
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
