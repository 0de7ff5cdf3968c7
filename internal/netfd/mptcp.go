package netfd

import "net"

// MPTCP says whether Multipath TCP is tried. The zero value is the system's
// default as the GODEBUG setting multipathtcp changes it: on for listeners and
// off for dialers, "0" and "3" turn it off for listeners, "1" and "3" on for
// dialers.
type MPTCP int8

// Set decides against the default.
func (m *MPTCP) Set(use bool) {
	*m = -1
	if use {
		*m = 1
	}
}

// Dial reports whether a dialer tries it.
func (m MPTCP) Dial() bool { return m > 0 || m == 0 && new(net.Dialer).MultipathTCP() }

// Listen reports whether a listener tries it.
func (m MPTCP) Listen() bool { return m > 0 || m == 0 && new(net.ListenConfig).MultipathTCP() }
