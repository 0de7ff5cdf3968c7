package netpoll

import (
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/mono"
)

// What the selector does with a sock: see sock_windows.go for its states. s.mu is
// held in all of this file.

// admit gives k its number, its memory and a handle of the driver.
func (s *selector) admit(k *sock) error {
	if len(s.roomy) == 0 {
		a, err := openAfd(s.port)
		if err != nil {
			return err
		}
		s.afds = append(s.afds, a)
		s.roomy = append(s.roomy, a)
	}
	k.afd = s.roomy[len(s.roomy)-1]
	if k.afd.used++; k.afd.used == socketsPerAfd {
		s.roomy = s.roomy[:len(s.roomy)-1]
	}
	k.block = pollBlocks.get()
	if n := len(s.numbers); n > 0 {
		k.number = s.numbers[n-1]
		s.numbers = s.numbers[:n-1]
	} else {
		k.number = uint32(len(s.byNumber))
		s.byNumber = append(s.byNumber, nil)
	}
	s.byNumber[k.number] = k
	return nil
}

// release takes back what admit gave, once k, which is gone, has no packet to
// come.
func (s *selector) release(k *sock) {
	if k.state != idle || k.guard != nil {
		return
	}
	s.gone--
	s.byNumber[k.number] = nil
	s.numbers = append(s.numbers, k.number)
	pollBlocks.put(k.block)
	k.block = nil
	a := k.afd
	if a.used == socketsPerAfd {
		s.roomy = append(s.roomy, a)
	}
	if a.used--; a.used == 0 && len(s.roomy) > 1 {
		a.close()
		s.roomy = without(s.roomy, a)
		s.afds = without(s.afds, a)
	}
}

func without(list []*afd, a *afd) []*afd {
	i := slices.Index(list, a)
	return slices.Delete(list, i, i+1)
}

// drop ends the registration of k.
func (s *selector) drop(k *sock) {
	delete(s.byFD, k.fd)
	s.unremember(k)
	k.gone, k.again, k.repeat = true, false, nil
	s.gone++
	s.release(k)
}

// Numbers of packets: two for each sock. Zero would be no address: such a
// request has no packet.
func (k *sock) packet() uintptr      { return 2*uintptr(k.number) + 1 }
func (k *sock) guardPacket() uintptr { return 2*uintptr(k.number) + 2 }

// watchOver begins the request that tells when the socket of k is closed.
func (s *selector) watchOver(k *sock) error {
	b := pollBlocks.get()
	if err := k.afd.poll(k.base, afdClosed, k.guardPacket(), b); err != nil {
		pollBlocks.put(b)
		return err
	}
	k.guard = b
	s.requests++
	return nil
}

// unguard ends the guard of k, which is gone though its socket stays open. The
// closing of a socket ends it otherwise.
func (s *selector) unguard(k *sock) {
	if k.guard != nil {
		k.afd.cancel(k.guard)
	}
}

// settle makes sure that the guard of k has found the closing of the socket, if
// that was closed: what it finds is written by the thread that began the request,
// a moment later if another one has closed the socket. Cancelling it makes it
// end in any case.
func (s *selector) settle(k *sock) {
	if k.guard == nil || k.closed() {
		return
	}
	k.afd.cancel(k.guard)
	const patience = 100 * time.Millisecond
	for end := mono.After(patience); k.guard.result() == windows.STATUS_PENDING && mono.Now() < end; {
		runtime.Gosched()
	}
}

// guardEnded takes the packet of a guard.
func (s *selector) guardEnded(k *sock) {
	closed, cancelled := k.closed(), k.guard.result() == windows.STATUS_CANCELLED
	pollBlocks.put(k.guard)
	k.guard = nil
	switch {
	case k.gone:
		s.release(k)
	case closed:
		s.drop(k)
	case cancelled: // by settle, and it was not closed
		s.watchOver(k) // without a guard it is no worse than with asked
	}
}

// ask makes sure that a request for what k waits for is in progress, or will be
// once the packet of the present one has come. It fails when the system refuses
// the socket.
func (s *selector) ask(k *sock) error {
	want := k.wanted()
	if k.state != idle {
		if want&^k.asked != 0 {
			s.cancel(k)
		}
		return nil
	}
	if want == 0 {
		return nil
	}
	if err := k.afd.poll(k.base, want, k.packet(), k.block); err != nil {
		return err
	}
	k.state, k.asked = pending, want
	s.requests++
	return nil
}

// askLater is ask where nobody is there to be returned an error. It mostly says
// that the socket was closed. A driver that refuses for another reason, such as
// that it has no memory, leaves an event that did not happen: whoever tries and
// finds nothing asks by rearm, which returns the error.
func (s *selector) askLater(k *sock) {
	if k.closed() { // it may be another socket that would be asked for
		s.drop(k)
		return
	}
	switch err := s.ask(k); {
	case err == nil:
	case isSocket(k.fd):
		s.tell(k, Readable|Writable|Error)
	default:
		s.drop(k)
	}
}

// cancel ends the request in progress. It reports false if it had ended already.
func (s *selector) cancel(k *sock) bool {
	if k.state != pending {
		return true
	}
	if !k.afd.cancel(k.block) {
		return false // its packet is on the way
	}
	k.state = cancelling
	return true
}

// closed reports whether the socket of k, which is registered, has been closed
// meanwhile, and then ends the registration. Without a guard it is found out as
// far as that can be told: a request that is in progress then ends.
func (s *selector) closed(k *sock) bool {
	switch {
	case k.closed():
		s.drop(k)
	case k.state == pending && !s.cancel(k):
		s.sweep()
	}
	return k.gone
}

// answered takes the packet of a request.
func (s *selector) answered(p *packet) {
	number := p.overlapped - 1
	k := s.byNumber[number/2]
	s.requests--
	if number%2 == 1 {
		s.guardEnded(k)
		return
	}
	k.state = idle
	if k.gone {
		s.release(k)
		return
	}
	var ready Ready
	switch info := &k.block.info; {
	case p.status() == windows.STATUS_CANCELLED, p.status() == windows.STATUS_SUCCESS && info.sockets == 0:
		// The events are those that were asked for: nothing was found.
	case p.status() != windows.STATUS_SUCCESS:
		ready = Readable | Writable | Error // the next operation tells
	case info.events&afdClosed != 0:
		s.drop(k)
		return
	default:
		ready = info.events.readiness()
	}
	if s.tell(k, ready) {
		s.askLater(k)
	}
}

// tell queues the event of k, if the readiness makes one. It reports whether the
// next request is to begin now.
func (s *selector) tell(k *sock, ready Ready) bool {
	told := k.report(ready)
	if told == 0 {
		return true
	}
	if k.closed() || !k.hooked && !isSocket(k.fd) {
		// The event came before the closing did. Owners that call rearm know
		// when they close, and say so before. The number alone does not tell
		// when it names another socket; the guard does not when a duplicate is
		// open.
		s.drop(k)
		return false
	}
	s.out = append(s.out, polledEvent{k.key, told})
	switch {
	case k.spent:
		return false
	case k.opts&Edge == 0:
		k.again = true
		s.levels = append(s.levels, k)
		return false
	case !k.hooked:
		s.remember(k)
	}
	return true
}

// remember sets the time to forget what was told of an edge-triggered source for
// which nobody calls rearm.
func (s *selector) remember(k *sock) {
	s.unremember(k)
	now := mono.Now()
	r := k.repeat
	if r == nil {
		r = new(repeat)
		r.timer.Owner = k
		k.repeat = r
	}
	if r.delay == 0 || now-r.asked > int64(edgeRepeats) {
		r.delay = firstRepeat
	} else {
		r.delay *= 2 // it was ready when it was asked again
	}
	switch {
	case k.told&Readable != 0 && k.told&ReadClosed == 0:
		r.delay = min(r.delay, mostReadRepeat)
	case k.told&Writable != 0 && k.told&(Hup|Error) == 0:
		r.delay = min(r.delay, mostWriteRepeat)
	default:
		return // nothing can become of it
	}
	s.repeats.Add(&r.timer, now+int64(r.delay))
}

// unremember takes k out of the wheel.
func (s *selector) unremember(k *sock) {
	if k.repeat != nil {
		s.repeats.Remove(&k.repeat.timer)
	}
}
