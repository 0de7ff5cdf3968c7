package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/bench/server"
)

// piece is how much a client of large transfers asks for at a time, a multiple
// of the content's length.
const piece = 64 << 20

// runTransfer receives as much as the server sends. The connections are package
// net's: what is measured is the other side.
func runTransfer(cfg Config) (result Result, err error) {
	if cfg.Requests > 0 {
		return result, errors.New("large transfers are measured by time")
	}
	from, err := net.Dial("tcp", cfg.Addr.String())
	if err != nil {
		return result, err
	}
	defer from.Close()
	to := from
	if cfg.Protocol == server.Splice {
		// What goes into the first connection comes out of the second.
		if to, err = net.Dial("tcp", cfg.Addr.String()); err != nil {
			return result, err
		}
		defer to.Close()
	}
	r := receiver{from: to, buf: make([]byte, 256<<10), failed: make(chan error, 2)}
	if cfg.Protocol == server.Splice {
		go func() { r.failed <- feed(from) }()
	} else {
		r.ask = from
	}
	go func() { r.failed <- r.receive() }()

	if err := sleep(cfg.Warmup, r.failed); err != nil {
		return result, err
	}
	begin, err := takeSample(cfg.ServerPID)
	if err != nil {
		return result, err
	}
	had := r.received.Load()
	// On a busy machine either side may not run for that long.
	for err = sleep(cfg.Duration, r.failed); err == nil && r.received.Load() == had; {
		err = sleep(time.Millisecond, r.failed)
	}
	if err != nil {
		return result, err
	}
	end, err := takeSample(cfg.ServerPID)
	if err != nil {
		return result, err
	}
	result = begin.until(end, 0)
	result.Bytes = r.received.Load() - had
	if cfg.End != nil {
		err = cfg.End(result)
	}
	return result, err
}

// feed sends the very bytes that a relay passes on.
func feed(c net.Conn) error {
	for {
		if _, err := c.Write(server.Content()); err != nil {
			return fmt.Errorf("feeding the relay: %w", err)
		}
	}
}

type receiver struct {
	from     net.Conn
	ask      net.Conn // where to ask for more, or nil
	buf      []byte
	received atomic.Int64
	failed   chan error
}

// receive checks that the content comes, over and over.
func (r *receiver) receive() error {
	content := server.Content()
	asked := int64(0)
	for at := 0; ; {
		// One request is waiting at the server while it serves another.
		for r.ask != nil && asked < r.received.Load()+2*piece {
			if _, err := r.ask.Write(binary.BigEndian.AppendUint64(nil, piece)); err != nil {
				return fmt.Errorf("asking for more: %w", err)
			}
			asked += piece
		}
		if err := r.from.SetReadDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		n, err := r.from.Read(r.buf[:min(len(r.buf), len(content)-at)])
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(r.buf[:n], content[at:at+n]) {
			return fmt.Errorf("corrupt transfer: the %d bytes from %d on", n, r.received.Load())
		}
		r.received.Add(int64(n))
		at = (at + n) % len(content)
	}
}
