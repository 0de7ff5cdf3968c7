package integration_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// An sshServer runs "commands" and forwards ports in both directions.
type sshServer struct {
	stack  *stack
	config *ssh.ServerConfig
	wg     sync.WaitGroup
}

// serveSSH starts a server, which ends with the test, and returns its address
// and key.
func serveSSH(t *testing.T, s *stack) (address string, key ssh.PublicKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	srv := &sshServer{stack: s, config: &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) != "secret" {
				return nil, fmt.Errorf("wrong password")
			}
			return nil, nil
		},
	}}
	srv.config.AddHostKey(signer)
	ln := s.listen(t)
	srv.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			srv.wg.Go(func() { srv.serve(t, c) })
		}
	})
	t.Cleanup(func() { ln.Close(); srv.wg.Wait() })
	return ln.Addr().String(), signer.PublicKey()
}

func (srv *sshServer) serve(t *testing.T, c net.Conn) {
	defer c.Close()
	conn, channels, requests, err := ssh.NewServerConn(c, srv.config)
	if err != nil {
		return // a wrong password, for instance
	}
	srv.wg.Go(func() { srv.listenFor(t, conn, requests) })
	for ch := range channels {
		switch ch.ChannelType() {
		case "session":
			srv.session(ch)
		case "direct-tcpip":
			srv.connectFor(ch)
		default:
			ch.Reject(ssh.UnknownChannelType, "")
		}
	}
}

// session runs the command "echo", which copies its input to its output.
func (srv *sshServer) session(ch ssh.NewChannel) {
	c, requests, err := ch.Accept()
	if err != nil {
		return
	}
	srv.wg.Go(func() {
		for r := range requests {
			r.Reply(r.Type == "exec", nil)
			if r.Type != "exec" {
				continue
			}
			srv.wg.Go(func() {
				defer c.Close()
				io.Copy(c, c)
				c.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{7}))
			})
		}
	})
}

// connectFor connects on behalf of the client (RFC 4254, 7.2).
func (srv *sshServer) connectFor(ch ssh.NewChannel) {
	var to struct {
		Host     string
		Port     uint32
		FromHost string
		FromPort uint32
	}
	if err := ssh.Unmarshal(ch.ExtraData(), &to); err != nil {
		ch.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	srv.wg.Go(func() {
		far, err := srv.stack.dialer().Dial("tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
		if err != nil {
			ch.Reject(ssh.ConnectionFailed, err.Error())
			return
		}
		near, requests, err := ch.Accept()
		if err != nil {
			far.Close()
			return
		}
		go ssh.DiscardRequests(requests)
		srv.join(near, far)
	})
}

// join copies in both directions until both have ended.
func (srv *sshServer) join(near ssh.Channel, far net.Conn) {
	var sending sync.WaitGroup
	sending.Go(func() {
		io.Copy(far, near)
		far.(interface{ CloseWrite() error }).CloseWrite()
	})
	io.Copy(near, far)
	near.CloseWrite()
	sending.Wait()
	near.Close()
	far.Close()
}

// listenFor listens on behalf of the client (RFC 4254, 7.1).
func (srv *sshServer) listenFor(t *testing.T, conn *ssh.ServerConn, requests <-chan *ssh.Request) {
	var listeners []net.Listener
	defer func() {
		for _, ln := range listeners {
			ln.Close()
		}
	}()
	for r := range requests {
		if r.Type != "tcpip-forward" {
			r.Reply(false, nil)
			continue
		}
		var at struct {
			Host string
			Port uint32
		}
		if err := ssh.Unmarshal(r.Payload, &at); err != nil {
			r.Reply(false, nil)
			continue
		}
		ln := srv.stack.listen(t)
		listeners = append(listeners, ln)
		port := uint32(ln.Addr().(*net.TCPAddr).Port)
		srv.wg.Go(func() {
			for {
				far, err := ln.Accept()
				if err != nil {
					return
				}
				from := far.RemoteAddr().(*net.TCPAddr)
				near, requests, err := conn.OpenChannel("forwarded-tcpip", ssh.Marshal(struct {
					Host     string
					Port     uint32
					FromHost string
					FromPort uint32
				}{at.Host, port, from.IP.String(), uint32(from.Port)}))
				if err != nil {
					far.Close()
					continue
				}
				go ssh.DiscardRequests(requests)
				srv.wg.Go(func() { srv.join(near, far) })
			}
		})
		r.Reply(true, ssh.Marshal(struct{ Port uint32 }{port}))
	}
}

// dialSSH logs in. The connection ends with the test.
func dialSSH(t *testing.T, s *stack, address, password string, key ssh.PublicKey) (*ssh.Client, error) {
	t.Helper()
	c, channels, requests, err := ssh.NewClientConn(s.dial(t, address), address, &ssh.ClientConfig{
		User:            "user",
		Auth:            []ssh.AuthMethod{ssh.Password(password)},
		HostKeyCallback: ssh.FixedHostKey(key),
	})
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	t.Cleanup(func() { client.Close() })
	return client, nil
}

func TestSSHSessions(t *testing.T) {
	s := newStack(t)
	address, key := serveSSH(t, s)
	if _, err := dialSSH(t, s, address, "guess", key); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("with a wrong password: %v", err)
	}
	client, err := dialSSH(t, s, address, "secret", key)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			session, err := client.NewSession()
			if err != nil {
				t.Error(err)
				return
			}
			defer session.Close()
			sent := content(byte(i), 1+i*100_000)
			session.Stdin = bytes.NewReader(sent)
			got, err := session.Output("echo")
			if exit, ok := err.(*ssh.ExitError); !ok || exit.ExitStatus() != 7 {
				t.Errorf("the command ended with %v", err)
			}
			if !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back as %d, or changed", len(sent), len(got))
			}
		})
	}
	wg.Wait()
}

func TestSSHForwarding(t *testing.T) {
	s := newStack(t)
	address, key := serveSSH(t, s)
	client, err := dialSSH(t, s, address, "secret", key)
	if err != nil {
		t.Fatal(err)
	}
	// exchange echoes through a pair of ends, with half-close.
	exchange := func(t *testing.T, c net.Conn) {
		t.Helper()
		sent := content(3, 2<<20)
		go func() {
			c.Write(sent)
			c.(interface{ CloseWrite() error }).CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came back as %d, or changed: %v", len(sent), len(got), err)
		}
		c.Close()
	}
	echo := func(ln net.Listener) {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}
	t.Run("local", func(t *testing.T) {
		ln := s.listen(t)
		go echo(ln)
		for range 5 {
			c, err := client.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, c)
		}
	})
	t.Run("refused", func(t *testing.T) {
		ln := s.listen(t)
		ln.Close()
		if _, err := client.Dial("tcp", ln.Addr().String()); err == nil || !strings.Contains(err.Error(), "connect failed") {
			t.Errorf("a connection to nobody: %v", err)
		}
	})
	t.Run("remote", func(t *testing.T) {
		ln, err := client.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go echo(ln)
		for range 5 {
			exchange(t, s.dial(t, ln.Addr().String()))
		}
		client.Close()
	})
}
