package conn_test

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// What one call writes arrives in one piece, whatever others write at the same time
// and however often each has to wait for space.
func TestWritesAreNotInterleaved(t *testing.T) {
	const writers, each, size = 6, 15, 300_000
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(directory(t), "s")} {
		t.Run(network, func(t *testing.T) {
			if network == "unix" {
				having(t, network)
			}
			a, b, stop, err := tcpPipe(network, address)()
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			a.SetDeadline(time.Now().Add(time.Minute))
			b.SetDeadline(time.Now().Add(time.Minute))
			var all sync.WaitGroup
			for id := range writers {
				block := bytes.Repeat([]byte{byte(id)}, size)
				all.Go(func() {
					for range each {
						var n int64
						var err error
						if id%2 == 0 {
							var m int
							m, err = a.Write(block)
							n = int64(m)
						} else {
							bufs := net.Buffers{block[:1], block[1 : size/2], block[size/2:]}
							n, err = a.(interface {
								WriteBuffers(*net.Buffers) (int64, error)
							}).WriteBuffers(&bufs)
						}
						if n != size || err != nil {
							t.Errorf("%d of %d bytes written: %v", n, size, err)
							return
						}
					}
				})
			}
			got := make([]byte, size)
			var seen [writers]int
			for range writers * each {
				if _, err := io.ReadFull(b, got); err != nil {
					t.Fatal(err)
				}
				id := int(got[0])
				if id >= writers || !bytes.Equal(got, bytes.Repeat(got[:1], size)) {
					t.Fatal("pieces of several writes in one")
				}
				seen[id]++
			}
			all.Wait()
			for id, n := range seen {
				if n != each {
					t.Errorf("writer %d: %d writes arrived, want %d", id, n, each)
				}
			}
		})
	}
}
