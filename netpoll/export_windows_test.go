package netpoll

// All tests run with the memory of requests checked: see blockPool.
func init() { pollBlocks.check = true }

// VerifyPollBlocks reports memory that the kernel wrote to although it was given
// back.
func VerifyPollBlocks() error { return pollBlocks.verify() }

// PollBlocksLent returns the number of blocks that are not given back.
func PollBlocksLent() int {
	pollBlocks.mu.Lock()
	defer pollBlocks.mu.Unlock()
	return pollBlocks.lent
}

// Packets returns the counts of a Poll's requests that are begun, and of sockets
// that are gone but wait for a packet.
func Packets(p *Poll) (requests, gone int) {
	p.sel.mu.Lock()
	defer p.sel.mu.Unlock()
	return p.sel.requests, p.sel.gone
}
