package netfd

// A Network is a network's name in one byte.
type Network uint8

const (
	None Network = iota
	TCP
	TCP4
	TCP6
	UDP
	UDP4
	UDP6
	Unix
	Unixgram
	Unixpacket
)

var names = [...]string{"", "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixgram", "unixpacket"}

// NetworkOf returns the network of that name, None when there is none.
func NetworkOf(name string) Network {
	for i, n := range names {
		if n == name {
			return Network(i)
		}
	}
	return None
}

// String returns the network's name.
func (n Network) String() string { return names[n] }

// IsTCP reports whether n is one of the TCP networks.
func (n Network) IsTCP() bool { return n >= TCP && n <= TCP6 }

// IsUDP reports whether n is one of the UDP networks.
func (n Network) IsUDP() bool { return n >= UDP && n <= UDP6 }

// IsUnix reports whether n is one of the Unix networks.
func (n Network) IsUnix() bool { return n >= Unix }

// control returns the name that Control functions see: that of the family
// actually used.
func (n Network) control(ipv6 bool) string {
	switch {
	case (n == TCP || n == UDP) && ipv6:
		return names[n] + "6"
	case n == TCP || n == UDP:
		return names[n] + "4"
	}
	return names[n]
}
