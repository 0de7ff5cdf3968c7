package sys

import (
	"net"
	"testing"
)

func TestZonesAreInterfaces(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var c zoneCache
	for _, ifi := range interfaces {
		if n := c.index(ifi.Name); n != uint32(ifi.Index) {
			t.Errorf("index of %s is %d, want %d", ifi.Name, n, ifi.Index)
		}
		if s := c.name(uint32(ifi.Index)); s != ifi.Name {
			t.Errorf("name of %d is %s, want %s", ifi.Index, s, ifi.Name)
		}
	}
	for zone, want := range map[string]uint32{"": 0, "4000000": 4000000, "no such": 0, "-1": 0, "99999999999": 0} {
		if n := c.index(zone); n != want {
			t.Errorf("index of %q is %d, want %d", zone, n, want)
		}
	}
	if s := c.name(4000000); s != "4000000" {
		t.Errorf("name of an unknown index is %q", s)
	}
	if s := c.name(0); s != "" {
		t.Errorf("name of no zone is %q", s)
	}
}

// What is known is not asked for again; what is not known is.
func TestZonesAreReadAgainWhenOneIsMissing(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil || len(interfaces) == 0 {
		t.Skip("no interfaces: ", err)
	}
	known := interfaces[0].Name
	var c zoneCache
	c.index(known)
	first := c.list.Load()
	c.index(known)
	if c.list.Load() != first {
		t.Error("the interfaces were read again for a known one")
	}
	c.index("no such")
	if c.list.Load() == first {
		t.Error("the interfaces were not read again for an unknown one")
	}
}
