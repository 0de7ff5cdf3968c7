//go:debug multipathtcp=3

package netfd

import (
	"net"
	"testing"
)

// The setting may be compiled into the program, as it is into this one.
func TestMultipathTCPIsPackageNets(t *testing.T) {
	var m MPTCP
	if d, l := m.Dial(), m.Listen(); !d || l {
		t.Errorf("with //go:debug multipathtcp=3: dialers %v, listeners %v", d, l)
	}
	for _, setting := range []string{"", "multipathtcp=0", "multipathtcp=1", "multipathtcp=2", "multipathtcp=3,multipathtcp=1"} {
		t.Setenv("GODEBUG", setting)
		if got, want := m.Dial(), new(net.Dialer).MultipathTCP(); got != want {
			t.Errorf("%q: dialers %v, package net %v", setting, got, want)
		}
		if got, want := m.Listen(), new(net.ListenConfig).MultipathTCP(); got != want {
			t.Errorf("%q: listeners %v, package net %v", setting, got, want)
		}
	}
	t.Setenv("GODEBUG", "multipathtcp=1")
	m.Set(false)
	if m.Dial() || m.Listen() {
		t.Error("Set(false) did not count")
	}
}
