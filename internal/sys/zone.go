package sys

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// zones knows the interfaces' names, as package net does: a datagram's
// link-local sender must not cost a walk through the list of interfaces.
var zones zoneCache

// A zoneCache is a list of interfaces that is read again when it is a minute
// old, and when a zone is asked for that it has not got.
type zoneCache struct {
	mu   sync.Mutex // held by whoever reads the interfaces
	list atomic.Pointer[zoneList]
}

// zoneList is not changed once it is stored.
type zoneList struct {
	read    time.Time
	names   map[uint32]string
	indexes map[string]uint32
}

const zoneListAge = time.Minute

// current returns the list, read again if it is too old, or in any case if it
// is still the one that was found wanting.
func (c *zoneCache) current(wanting *zoneList) *zoneList {
	fresh := func() *zoneList {
		if l := c.list.Load(); l != nil && l != wanting && time.Since(l.read) < zoneListAge {
			return l
		}
		return nil
	}
	if l := fresh(); l != nil {
		return l
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := fresh(); l != nil {
		return l
	}
	l := &zoneList{read: time.Now(), names: make(map[uint32]string), indexes: make(map[string]uint32)}
	interfaces, _ := net.Interfaces() // without them every zone is a number
	for _, ifi := range interfaces {
		l.indexes[ifi.Name] = uint32(ifi.Index)
		if _, ok := l.names[uint32(ifi.Index)]; !ok {
			l.names[uint32(ifi.Index)] = ifi.Name
		}
	}
	c.list.Store(l)
	return l
}

// name returns the name of the interface with that index, or the index in
// decimal when there is none; nothing for zero.
func (c *zoneCache) name(index uint32) string {
	if index == 0 {
		return ""
	}
	l := c.current(nil)
	if name, ok := l.names[index]; ok {
		return name
	}
	if name, ok := c.current(l).names[index]; ok {
		return name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// index returns the index of the interface of that name, or the number that
// the zone is; zero when it is neither or empty.
func (c *zoneCache) index(zone string) uint32 {
	if zone == "" {
		return 0
	}
	l := c.current(nil)
	if index, ok := l.indexes[zone]; ok {
		return index
	}
	if index, ok := c.current(l).indexes[zone]; ok {
		return index
	}
	n, err := strconv.ParseUint(zone, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
