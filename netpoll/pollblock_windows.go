package netpoll

import (
	"runtime"
	"sync"
	"unsafe"
)

// pollBlocks lends the memory of requests.
//
// The kernel writes to a block at any time between the call that begins the
// request and the moment that its packet is taken from the port. So a block is
// given back only after that, and one whose packet never comes, because its
// port is gone, is never used again. That the memory is still there then, and at
// the same place, is sound because slabs are pinned when they are made, and
// referred to from here for as long as the process lives; they have no
// pointers, so the collector does not look into them either. All Polls share
// them.
var pollBlocks blockPool

// A blockPool is a list of free blocks.
type blockPool struct {
	mu    sync.Mutex
	slabs []*slab // all that there are
	pins  runtime.Pinner
	free  []*pollBlock
	lent  int

	// check is for tests: blocks that are given back are overwritten and not
	// lent again, so that they can look whether anybody has written to them since.
	check bool
	freed []*pollBlock
}

type slab [64]pollBlock

// get lends a block.
func (p *blockPool) get() *pollBlock {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		s := new(slab)
		p.pins.Pin(s)
		p.slabs = append(p.slabs, s)
		for i := range s {
			p.free = append(p.free, &s[i])
		}
	}
	b := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.lent++
	return b
}

// put takes a block back that the kernel is through with.
func (p *blockPool) put(b *pollBlock) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent--
	if p.check {
		*b.bytes() = poison
		p.freed = append(p.freed, b)
	} else {
		p.free = append(p.free, b)
	}
}

const blockSize = unsafe.Sizeof(pollBlock{})

var poison = func() (p [blockSize]byte) {
	for i := range p {
		p[i] = 0xdd
	}
	return p
}()

func (b *pollBlock) bytes() *[blockSize]byte { return (*[blockSize]byte)(unsafe.Pointer(b)) }
