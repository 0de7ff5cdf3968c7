package runtime

import (
	"iter"
	"testing"
)

// A blocked Read that is woken, and one that finds its data there.
func BenchmarkRead(b *testing.B) {
	b.Run("there", func(b *testing.B) {
		x, y := pair(b, start(b, 1))
		buf := make([]byte, 64)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := y.Write(buf); err != nil {
				b.Fatal(err)
			}
			if _, err := x.Read(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("woken", func(b *testing.B) {
		x, y := pair(b, start(b, 1))
		go func() {
			buf := make([]byte, 64)
			for {
				n, err := y.Read(buf)
				if err != nil {
					return
				}
				if _, err := y.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		buf := make([]byte, 64)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.Write(buf); err != nil {
				b.Fatal(err)
			}
			if _, err := x.Read(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Setting a notice, its function on the loop, and reading what it tells of.
func BenchmarkNotice(b *testing.B) {
	x, y := pair(b, start(b, 1))
	told := make(chan error, 1)
	notice := &Notice{To: RecipientFunc(func(err error) { told <- err })}
	buf := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if err := x.NotifyRead(notice); err != nil {
			b.Fatal(err)
		}
		if _, err := y.Write(buf); err != nil {
			b.Fatal(err)
		}
		if err := <-told; err != nil {
			b.Fatal(err)
		}
		if _, err := x.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// What a coroutine is made of, a switch there and back, and a request that one
// of them answers: the peer's two blocking calls are a part of that.
func BenchmarkCoroutine(b *testing.B) {
	b.Run("switch", func(b *testing.B) {
		next, stop := iter.Pull(func(yield func(struct{}) bool) {
			for yield(struct{}{}) {
			}
		})
		defer stop()
		b.ReportAllocs()
		for b.Loop() {
			next()
		}
	})
	b.Run("request", func(b *testing.B) {
		rt := startPatient(b, 1)
		var cs Coroutines
		fd, peer := rawPair(b, rt, rt.Loop(0))
		cs.Go(fd.Loop(), echoBytes(fd))
		buf := make([]byte, 1)
		b.ReportAllocs()
		for b.Loop() {
			writePeer(peer, buf)
			if _, err := readPeer(peer, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
