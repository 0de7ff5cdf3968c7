package netfd

import (
	"context"
	"net"
	"net/netip"
	"slices"
)

// Resolve turns an address as programs write it into the list of addresses to
// try, in order. It follows package net: names are looked up for the wanted
// family alone, and local, if not nil, must be of the same kind as the result,
// which is reduced to what can be reached from it. dial says that an empty
// address is an error.
func Resolve(ctx context.Context, r *net.Resolver, n Network, address string, local net.Addr, dial bool) ([]net.Addr, error) {
	if dial && address == "" {
		return nil, ErrMissingAddress
	}
	var addrs []net.Addr
	if n.IsUnix() {
		addrs = []net.Addr{&net.UnixAddr{Name: address, Net: n.String()}}
	} else {
		var err error
		if addrs, err = internet(ctx, r, n, address); err != nil {
			return nil, err
		}
	}
	if !dial || local == nil {
		return addrs, nil
	}
	from := InetOf(local)
	var fit []net.Addr
	for _, a := range addrs {
		if a.Network() != local.Network() {
			return nil, &net.AddrError{Err: "mismatched local address type", Addr: local.String()}
		}
		to := InetOf(a)
		if to == nil || from.wildcard() || to.wildcard() || sameFamily(to.IP, from.IP) {
			fit = append(fit, a)
		}
	}
	if fit == nil {
		return nil, &net.AddrError{Err: ErrNoSuitableAddress, Addr: local.String()}
	}
	return fit, nil
}

func sameFamily(a, b net.IP) bool {
	return a.To4() != nil && b.To4() != nil || a.To16() != nil && a.To4() == nil && b.To16() != nil && b.To4() == nil
}

func internet(ctx context.Context, r *net.Resolver, n Network, address string) ([]net.Addr, error) {
	var host string
	var port int
	if address != "" {
		var service string
		var err error
		if host, service, err = net.SplitHostPort(address); err != nil {
			return nil, err
		}
		if port, err = r.LookupPort(ctx, n.String(), service); err != nil {
			return nil, err
		}
	}
	make := func(ip net.IP, zone string) net.Addr {
		if n.IsUDP() {
			return &net.UDPAddr{IP: ip, Port: port, Zone: zone}
		}
		return &net.TCPAddr{IP: ip, Port: port, Zone: zone}
	}
	if host == "" {
		return []net.Addr{make(nil, "")}, nil
	}
	family := "ip" + n.family()
	// A literal address may carry a zone, which LookupIP does not return. Otherwise
	// there is nothing to look up, unless for the error of another family's.
	if ip, err := netip.ParseAddr(host); err == nil {
		sixteen := ip.As16()
		literal := make(sixteen[:], ip.Zone())
		// A system may be able to bind to "::" and not to connect to it: see
		// go.dev/issue/18806.
		unspecified := ip.WithZone("") == netip.IPv6Unspecified()
		switch is4 := ip.Unmap().Is4(); {
		case unspecified && family == "ip":
			return []net.Addr{literal, make(net.IPv4zero, "")}, nil
		case unspecified && family == "ip4":
			return []net.Addr{make(net.IPv4zero, "")}, nil
		case family == "ip" || is4 == (family == "ip4"):
			return []net.Addr{literal}, nil
		case ip.Zone() != "":
			return nil, &net.AddrError{Err: ErrNoSuitableAddress, Addr: host}
		}
	}
	ips, err := r.LookupIP(ctx, family, host)
	if err != nil {
		return nil, err
	}
	zones := zones(ctx, r, host, ips)
	addrs := []net.Addr{}
	for _, ip := range ips {
		addrs = append(addrs, make(ip, zones[ip.String()]))
	}
	return addrs, nil
}

// zones returns the zones of those addresses of host that need one, as a hosts file may
// name them. LookupIP leaves them out; LookupIPAddr looks for both families.
func zones(ctx context.Context, r *net.Resolver, host string, ips []net.IP) map[string]string {
	if !slices.ContainsFunc(ips, func(ip net.IP) bool { return ip.To4() == nil && ip.IsLinkLocalUnicast() }) {
		return nil
	}
	all, _ := r.LookupIPAddr(ctx, host) // an address without its zone has an error of its own
	zones := map[string]string{}
	for _, a := range all {
		zones[a.IP.String()] = a.Zone
	}
	return zones
}

// family returns the version that the network's name ends in, if it does.
func (n Network) family() string {
	switch n {
	case TCP4, UDP4:
		return "4"
	case TCP6, UDP6:
		return "6"
	}
	return ""
}

// First returns the first IPv4 address, or else the first of all: where a
// listener listens when a name has several.
func First(addrs []net.Addr) net.Addr {
	for _, a := range addrs {
		if IsIPv4(a) {
			return a
		}
	}
	return addrs[0]
}

// IsIPv4 reports whether a is an IPv4 address.
func IsIPv4(a net.Addr) bool {
	in := InetOf(a)
	return in != nil && in.IP.To4() != nil
}
