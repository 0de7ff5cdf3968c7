package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// sampleInterval is how often the server looks at itself. Tests are less patient.
var sampleInterval = time.Second

// idleTimeout is how long the server keeps an idle connection, parked or not.
const idleTimeout = 5 * time.Minute

// server is an unmodified http.Server on one listener, with the site on it.
type server struct {
	http        http.Server
	listener    net.Listener
	meter       *meter
	feed        *feed
	sampler     *sampler
	idle        *idleClient
	url         string // where a browser on this machine finds the page
	fingerprint string // of the certificate, with TLS

	sampling sync.WaitGroup
	closing  sync.Once
	closed   chan struct{}
}

// newServer prepares a server on ln and begins to take samples. If there is no
// error, the server owns ln from here on and has to be closed. What http.Server
// has to say goes to errorLog.
func newServer(opts options, ln net.Listener, errorLog io.Writer) (*server, error) {
	host, _, err := net.SplitHostPort(opts.addr)
	if err != nil {
		return nil, err
	}
	loops, err := loopReader(opts.std)
	if err != nil {
		return nil, err
	}
	s := &server{
		listener: ln,
		meter:    new(meter),
		feed:     newFeed(),
		url:      siteURL(host, ln.Addr(), opts.tls),
		closed:   make(chan struct{}),
	}
	name := "moor"
	if opts.std {
		name = "std"
	}
	now := time.Now()
	var config, clientConfig *tls.Config
	if opts.tls {
		cert, err := newCertificate(host, now)
		if err != nil {
			return nil, err
		}
		s.fingerprint = fingerprint(cert)
		config = &tls.Config{
			Certificates: []tls.Certificate{cert},
			NextProtos:   []string{"h2", "http/1.1"},
		}
		if clientConfig, err = trusting(cert); err != nil {
			return nil, err
		}
	}
	s.idle = newIdleClient(ln.Addr().String(), clientConfig)
	site, err := newSite(s.feed, s.idle, opts, s.url)
	if err != nil {
		return nil, err
	}
	s.http = http.Server{
		Handler:           s.meter.count(site),
		ConnState:         s.meter.track,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idleTimeout,
		ErrorLog:          log.New(errorLog, "http_example: ", 0),
		TLSConfig:         config,
	}
	if opts.tls {
		s.listener = tls.NewListener(ln, config)
	}
	if opts.park {
		if s.listener, s.meter.parking, err = park(&s.http, s.listener); err != nil {
			return nil, err
		}
	}
	s.sampler = newSampler(s.meter, name, loops, s.idle.count, now)
	if err := s.feed.publish(s.sampler.take(now)); err != nil {
		return nil, err
	}
	s.sampling.Go(s.watch)
	return s, nil
}

// siteURL is the page's address: the host that was asked for, unless that
// stands for every address, and the port that the listener got.
func siteURL(host string, addr net.Addr, secure bool) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(addr.String())
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}
	if secure {
		u.Scheme = "https"
	}
	return u.String()
}

// serve serves until shutdown or close, and then returns nil.
func (s *server) serve() error {
	err := s.http.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// connections returns how many are open.
func (s *server) connections() int64 {
	active, parked := s.meter.open()
	return active + parked
}

// watch publishes a sample every sampleInterval until the server is closed.
func (s *server) watch() {
	ticker := time.NewTicker(sampleInterval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if err := s.feed.publish(s.sampler.take(now)); err != nil {
				s.http.ErrorLog.Print(err)
			}
		case <-s.closed:
			return
		}
	}
}

// shutdown stops listening, ends the streams, which would never end by
// themselves, and waits until the other requests have ended or ctx has.
func (s *server) shutdown(ctx context.Context) error {
	s.feed.endStreams()
	s.idle.refuse()
	return s.http.Shutdown(ctx)
}

// close cuts whatever is open and releases everything.
func (s *server) close() {
	s.closing.Do(func() { close(s.closed) })
	s.feed.endStreams()
	s.idle.refuse()
	s.http.Close()
	s.idle.close()
	s.sampling.Wait()
}
