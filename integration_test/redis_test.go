package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// dialRedis starts a server and returns a client of it.
func dialRedis(t *testing.T, s *stack) *redis.Client {
	t.Helper()
	host, port := freeAddress(t)
	start(t, "Ready to accept connections", program(t, "redis-server", "redis-server"),
		"--port", port, "--bind", host, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	c := redis.NewClient(&redis.Options{
		Addr:     net.JoinHostPort(host, port),
		PoolSize: 100,
		// A busy machine must not make it give up, let alone send a command twice.
		MaxRetries:   -1,
		DialTimeout:  time.Minute,
		ReadTimeout:  time.Minute,
		WriteTimeout: time.Minute,
		PoolTimeout:  time.Minute,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.dialer().DialContext(ctx, network, address)
		},
	})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRedis(t *testing.T) {
	s := newStack(t)
	c := dialRedis(t, s)
	ctx := t.Context()

	t.Run("values", func(t *testing.T) {
		for _, size := range []int{0, 1, 65536, 16 << 20} {
			sent := content(1, size)
			if err := c.Set(ctx, "value", sent, 0).Err(); err != nil {
				t.Fatal(err)
			}
			got, err := c.Get(ctx, "value").Bytes()
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back as %d, or changed: %v", size, len(got), err)
			}
		}
	})

	t.Run("clients", func(t *testing.T) {
		const clients, rounds = 100, 50
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				for range rounds {
					if err := c.Incr(ctx, "counter").Err(); err != nil {
						t.Error(err)
						return
					}
				}
				key := fmt.Sprint("key ", i)
				if err := c.Set(ctx, key, i, time.Minute).Err(); err != nil {
					t.Error(err)
				}
				if got, err := c.Get(ctx, key).Int(); err != nil || got != i {
					t.Errorf("%s is %d, %v", key, got, err)
				}
			})
		}
		wg.Wait()
		if got, err := c.Get(ctx, "counter").Int(); err != nil || got != clients*rounds {
			t.Errorf("the counter is %d, %v; want %d", got, err, clients*rounds)
		}
	})

	t.Run("pipeline", func(t *testing.T) {
		commands, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range 10_000 {
				p.RPush(ctx, "list", i)
			}
			return nil
		})
		if err != nil || len(commands) != 10_000 {
			t.Fatalf("%d commands, %v", len(commands), err)
		}
		got, err := c.LRange(ctx, "list", 0, -1).Result()
		if err != nil || len(got) != 10_000 || got[9_999] != "9999" {
			t.Errorf("the list has %d entries, %v", len(got), err)
		}
	})

	t.Run("subscription", func(t *testing.T) {
		sub := c.Subscribe(ctx, "news")
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil { // the confirmation
			t.Fatal(err)
		}
		if m, err := sub.ReceiveTimeout(ctx, 50*time.Millisecond); !isTimeout(err) {
			t.Errorf("without news: %v, %v", m, err)
		}
		for i := range 100 {
			if err := c.Publish(ctx, "news", i).Err(); err != nil {
				t.Fatal(err)
			}
			if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != fmt.Sprint(i) {
				t.Fatalf("got %v, %v; want %d", m, err, i)
			}
		}
	})

	t.Run("blocking", func(t *testing.T) {
		popped := make(chan []string, 1)
		go func() {
			got, err := c.BLPop(ctx, time.Minute, "queue").Result()
			if err != nil {
				t.Error(err)
			}
			popped <- got
		}()
		if err := c.RPush(ctx, "queue", "entry").Err(); err != nil {
			t.Fatal(err)
		}
		if got := <-popped; len(got) != 2 || got[1] != "entry" {
			t.Errorf("got %q", got)
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if err := c.WithTimeout(50*time.Millisecond).BLPop(short, time.Second, "queue").Err(); err == nil {
			t.Error("something came out of an empty queue")
		}
	})
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
