//go:build !linux || moor_poll

package netpoll

const waitsSoon = false

func (p *Poll) lead(*Events) (int, bool) { return 0, false }
func (p *Poll) follow()                  {}
