package netfd

import (
	"net"
	"syscall"

	"golang.org/x/net/ipv4"

	"github.com/moor-net/moor/internal/sys"
)

// ReadBatch receives as many datagrams as are there, at least one, and fills in
// ms from the first on. It returns how many.
func (fd *FD) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	ms = ms[:min(len(ms), sys.MaxBatch)]
	if len(ms) == 0 {
		return 0, nil
	}
	b := newBatch(ms)
	defer b.Free()
	for i := range ms {
		b.Add(ms[i].Buffers, ms[i].OOB)
	}
	n, err := fd.FD.ReadBatch(b, flags)
	for i := range n {
		m := &ms[i]
		m.N, m.NN, m.Flags = b.Result(i)
		from := b.Addr(i).Endpoint()
		if old, ok := m.Addr.(*net.UDPAddr); !ok || !from.Is(old) {
			m.Addr = addrOf(from)
		}
	}
	return n, err
}

// addrOf returns e as an interface, nil for no address.
func addrOf(e sys.Endpoint) net.Addr {
	if e.IsZero() {
		return nil
	}
	return e.UDPAddr()
}

// WriteBatch sends ms in order and returns how many it sent. If that is not
// all, the error is that of the next one.
func (fd *FD) WriteBatch(ms []ipv4.Message, flags int) (int, error) {
	sent := 0
	for sent < len(ms) {
		n, err := fd.writeSome(ms[sent:min(len(ms), sent+sys.MaxBatch)], flags)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (fd *FD) writeSome(ms []ipv4.Message, flags int) (int, error) {
	b := newBatch(ms)
	defer b.Free()
	var bad error // of the first message with an address that can't be
	for i := range ms {
		if bad = fd.addTo(b, &ms[i]); bad != nil {
			break
		}
	}
	var n int
	var err error
	if b.Len() > 0 {
		n, err = fd.FD.WriteBatch(b, flags)
	}
	for i := range n {
		ms[i].N, _, _ = b.Result(i)
		ms[i].NN = len(ms[i].OOB)
	}
	if err == nil {
		err = bad
	}
	return n, err
}

// addTo adds a message that is to be sent.
func (fd *FD) addTo(b *sys.Batch, m *ipv4.Message) error {
	if m.Addr == nil {
		b.Add(m.Buffers, m.OOB)
		return nil
	}
	to, ok := m.Addr.(*net.UDPAddr)
	if !ok {
		return syscall.EINVAL
	}
	if to == nil {
		return ErrMissingAddress
	}
	var addr sys.RawAddr
	if err := fd.udpAddr(&addr, to); err != nil {
		return err
	}
	*b.Add(m.Buffers, m.OOB) = addr
	return nil
}

func newBatch(ms []ipv4.Message) *sys.Batch {
	bufs := 0
	for i := range ms {
		bufs += len(ms[i].Buffers)
	}
	return sys.NewBatch(len(ms), bufs)
}
