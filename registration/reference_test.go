package registration_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// A reference is what the contract says of one Registration, without a queue
// and without concurrency.
type reference struct {
	ready      netpoll.Ready
	registered bool
	token      netpoll.Token
	interest   netpoll.Ready
	opts       netpoll.PollOpt
	spent      bool // a one-shot that fired
	fresh      bool // set or registered since the last event
}

func (r *reference) register(token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) {
	r.registered, r.token, r.interest, r.opts = true, token, interest, opts
	r.spent, r.fresh = false, true
}

// poll returns the event that the next Poll delivers.
func (r *reference) poll() (event, bool) {
	const unasked = netpoll.Error | netpoll.Hup | netpoll.ReadClosed | netpoll.WriteClosed
	wanted := r.ready & (r.interest | unasked)
	if !r.registered || r.spent || r.interest == 0 || wanted == 0 || r.opts&edge != 0 && !r.fresh {
		return event{}, false
	}
	r.fresh = false
	r.spent = r.opts&oneshot != 0
	return event{r.token, wanted}, true
}

func TestRandomUseAgreesWithTheContract(t *testing.T) {
	p := newPoller(t, 16)
	options := []netpoll.PollOpt{0, level, edge, oneshot, edge | oneshot, level | oneshot}
	for seed := range uint64(300 / crossings) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		pick := func() netpoll.Ready { // often empty, often of one bit
			return netpoll.Ready(rnd.UintN(1<<7) & rnd.UintN(1<<7) & rnd.UintN(1<<7))
		}
		var regs [4]*registration.Registration
		var sets [4]*registration.SetReadiness
		var refs [4]reference
		for i := range regs {
			regs[i], sets[i] = registration.New()
		}
		for step := range 200 {
			i := rnd.IntN(len(regs))
			ref := &refs[i]
			switch token, interest, opts := netpoll.Token(step), pick(), options[rnd.IntN(len(options))]; rnd.IntN(8) {
			case 0, 1, 2:
				v := pick()
				must(t, sets[i].Set(v))
				ref.ready, ref.fresh = v, true
			case 3:
				err := p.Register(regs[i], token, interest, opts)
				if ref.registered {
					wantErr(t, "Register", err, netpoll.ErrAlreadyRegistered)
					break
				}
				must(t, err)
				ref.register(token, interest, opts)
			case 4:
				err := p.Reregister(regs[i], token, interest, opts)
				if !ref.registered {
					wantErr(t, "Reregister", err, netpoll.ErrNotRegistered)
					break
				}
				must(t, err)
				ref.register(token, interest, opts)
			case 5:
				err := p.Deregister(regs[i])
				if !ref.registered {
					wantErr(t, "Deregister", err, netpoll.ErrNotRegistered)
					break
				}
				must(t, err)
				ref.registered = false
			default:
				var got, want []event
				for _, e := range p.poll(0) {
					got = append(got, event{e.Token(), e.Readiness()})
				}
				for i := range refs {
					if e, ok := refs[i].poll(); ok {
						want = append(want, e)
					}
				}
				byToken := func(a, b event) int { return int(a.token) - int(b.token) }
				slices.SortFunc(got, byToken)
				slices.SortFunc(want, byToken)
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, step %d: events %v, want %v", seed, step, got, want)
				}
			}
			if got := sets[i].Readiness(); got != ref.ready {
				t.Fatalf("seed %d, step %d: readiness %v, want %v", seed, step, got, ref.ready)
			}
		}
		for _, r := range regs {
			must(t, r.Close())
		}
	}
}
