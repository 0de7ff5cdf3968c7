package netpoll_test

import (
	"testing"

	"github.com/moor-net/moor/netpoll"
)

func TestReceiveWouldBlockUntilTheEvent(t *testing.T) {
	p := newPoller(t)
	rx, tx := bindUDP(t), bindUDP(t)
	p.register(rx.source(), 1, R, netpoll.Edge)
	buf := make([]byte, 16)
	for range 5 {
		if _, err := rx.read(buf); err != errAgain {
			t.Fatalf("read: %v, want to block", err)
		}
		tx.sendTo([]byte("hello"), rx.local())
		p.expect(1, R)
		if n, err := rx.read(buf); string(buf[:n]) != "hello" || err != nil {
			t.Errorf("read %q, %v", buf[:n], err)
		}
	}
}

// Received, would block, a new datagram before the next Poll: a new event.
func TestDatagramBetweenWouldBlockAndPoll(t *testing.T) {
	p := newPoller(t)
	rx, tx := bindUDP(t), bindUDP(t)
	p.register(rx.source(), 1, R, netpoll.Edge)
	buf := make([]byte, 16)
	tx.sendTo([]byte("one"), rx.local())
	for range 3 {
		p.expect(1, R)
		if n, _ := rx.read(buf); n != 3 {
			t.Fatalf("read %d bytes", n)
		}
		if _, err := rx.read(buf); err != errAgain {
			t.Fatal(err)
		}
		tx.sendTo([]byte("two"), rx.local())
	}
	p.expect(1, R)
}

func TestConnectedReceiverIgnoresOthers(t *testing.T) {
	p := newPoller(t)
	a, b, stranger := bindUDP(t), bindUDP(t), bindUDP(t)
	a.connect(b.local())
	p.register(a.source(), 1, R, netpoll.Level)
	stranger.sendTo([]byte("psst"), a.local())
	p.silent("a stranger sent")
	b.sendTo([]byte("hello"), a.local())
	p.expect(1, R)
	buf := make([]byte, 16)
	if n, err := a.read(buf); string(buf[:n]) != "hello" || err != nil {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	p.silent("only the peer's datagram arrived")
}

func TestEmptyDatagramIsAnEvent(t *testing.T) {
	p := newPoller(t)
	rx, tx := bindUDP(t), bindUDP(t)
	p.register(rx.source(), 1, R, netpoll.Level)
	tx.sendTo(nil, rx.local())
	p.expect(1, R)
	if n, err := rx.read(make([]byte, 16)); n != 0 || err != nil {
		t.Errorf("read %d, %v; want an empty datagram", n, err)
	}
	p.silent("it was received")
}

func TestDatagramSocketIsWritable(t *testing.T) {
	p := newPoller(t)
	a, b := bindUDP(t), bindUDP(t)
	p.register(a.source(), 1, R|W, netpoll.Edge)
	if got := p.expect(1, W); got != W {
		t.Errorf("%v, want Writable", got)
	}
	b.sendTo([]byte("x"), a.local())
	p.expect(1, R)
}
