package binding_test

import (
	"sync"
	"testing"

	"github.com/moor-net/moor/netpoll"
)

func TestDuplicateSharesTheBinding(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run("duplicated "+when+" Register", func(t *testing.T) {
			p, other, o := newPoll(t), newPoll(t), newObject(t)
			var d *object
			if when == "before" {
				d = o.duplicate(t)
			}
			must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
			if when == "after" {
				d = o.duplicate(t)
			}
			mustMatch(t, "another Poll and the duplicate", other.Register(d, 2, netpoll.Readable, 0), netpoll.ErrOtherPoll)
			mustMatch(t, "Deregister of the duplicate", p.Deregister(d), netpoll.ErrNotRegistered)
			must(t, "Register of the duplicate", p.Register(d, 2, netpoll.Readable, 0))
			o.ready(t)
			expectTokens(t, p, 1, 2)
			must(t, "Deregister", p.Deregister(o))
			mustMatch(t, "Release while the duplicate is registered", o.Release(), netpoll.ErrAlreadyRegistered)
			expectTokens(t, p, 2)
			must(t, "Deregister of the duplicate", p.Deregister(d))
			must(t, "Release", o.Release())
			must(t, "another Poll and the duplicate after Release", other.Register(d, 2, netpoll.Readable, 0))
			mustMatch(t, "the first Poll after that", p.Register(o, 1, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		})
	}
}

func TestSharingNeedsABlankBinding(t *testing.T) {
	p, o, d := newPoll(t), newObject(t), newObject(t)
	mustMatch(t, "sharing with itself", o.ShareWith(&o.Binding), netpoll.ErrAlreadyRegistered)
	must(t, "Register", p.Register(d, 1, netpoll.Readable, 0))
	mustMatch(t, "sharing with a registered one", o.ShareWith(&d.Binding), netpoll.ErrAlreadyRegistered)
	must(t, "Deregister", p.Deregister(d))
	mustMatch(t, "sharing with a deregistered one", o.ShareWith(&d.Binding), netpoll.ErrAlreadyRegistered)
	must(t, "Release", d.Release())
	must(t, "sharing with a released one", o.ShareWith(&d.Binding))
	mustMatch(t, "sharing twice", o.ShareWith(&d.Binding), netpoll.ErrAlreadyRegistered)
}

func TestConcurrentSharingAndUpdating(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range updates {
			mustMatch(t, "Register", p.Register(o, 1, netpoll.Readable, 0), nil)
			mustMatch(t, "Deregister", p.Deregister(o), nil)
		}
	})
	for range 2 {
		wg.Go(func() {
			for range 50 {
				fd, err := o.fd.TryClone()
				if err != nil {
					t.Error(err)
					return
				}
				d := &object{fd: fd}
				if err := o.ShareWith(&d.Binding); err != nil {
					t.Error(err)
				}
				if err := p.Register(d, 2, netpoll.Readable, 0); err != nil {
					t.Error(err)
				}
				if err := p.Deregister(d); err != nil {
					t.Error(err)
				}
				fd.Close()
			}
		})
	}
	wg.Wait()
	must(t, "Release", o.Release())
}
