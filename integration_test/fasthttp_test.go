package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// serveFast serves until the test ends and returns the address.
func serveFast(t *testing.T, s *stack, srv *fasthttp.Server) string {
	t.Helper()
	return serveFastOn(t, s.listen(t), srv)
}

func fastEcho(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetContentType("application/octet-stream")
	ctx.SetBody(ctx.PostBody())
}

func TestFastHTTP(t *testing.T) {
	s := newStack(t)
	address := serveFast(t, s, &fasthttp.Server{Handler: fastEcho, MaxRequestBodySize: messageLimit})
	client := &fasthttp.Client{
		Dial:            func(address string) (net.Conn, error) { return s.dialer().Dial("tcp", address) },
		MaxConnsPerHost: 200,
	}
	t.Cleanup(client.CloseIdleConnections)
	echo := func(size int) error {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		defer fasthttp.ReleaseResponse(resp)
		sent := content(byte(size), size)
		req.SetRequestURI("http://" + address)
		req.Header.SetMethod("POST")
		req.SetBody(sent)
		if err := client.Do(req, resp); err != nil {
			return err
		}
		if !bytes.Equal(resp.Body(), sent) {
			return fmt.Errorf("%d bytes came back as %d, or changed", size, len(resp.Body()))
		}
		return nil
	}
	if err := echo(20 << 20); err != nil {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for i := range 20 {
				if err := echo(1 + i*500); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// net/http's client talks to fasthttp's server and the other way round.
func TestFastHTTPAndNetHTTP(t *testing.T) {
	s := newStack(t)
	sent := content(1, 1<<20)
	fast := serveFast(t, s, &fasthttp.Server{Handler: fastEcho})
	transport := &http.Transport{DialContext: s.dialer().DialContext}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Post("http://"+fast, "", bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("fasthttp answered net/http %d bytes, %v", len(got), err)
	}

	slow := serveHTTP(t, s, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	})})
	client := &fasthttp.HostClient{Addr: slow, Dial: func(address string) (net.Conn, error) { return s.dialer().Dial("tcp", address) }}
	defer client.CloseIdleConnections()
	req, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	req.SetRequestURI("http://" + slow)
	req.Header.SetMethod("POST")
	req.SetBodyStream(bytes.NewReader(sent), -1)
	if err := client.Do(req, answer); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(answer.Body(), sent) {
		t.Errorf("net/http answered fasthttp %d bytes", len(answer.Body()))
	}
}

// fasthttp's time-outs are deadlines of the connection.
func TestFastHTTPTimeouts(t *testing.T) {
	const wait = 300 * time.Millisecond
	s := newStack(t)
	address := serveFast(t, s, &fasthttp.Server{Handler: fastEcho, ReadTimeout: wait, IdleTimeout: wait})
	for name, request := range map[string]string{
		"nothing": "",
		"headers": "GET / HTTP/1.1\r\nHost: x\r\n",
		"body":    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\npart",
		"idle":    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			c := s.dial(t, address)
			io.WriteString(c, request)
			c.SetReadDeadline(start.Add(time.Minute))
			if _, err := io.ReadAll(c); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took < wait {
				t.Errorf("the server closed the connection after %v", took)
			}
		})
	}
}
