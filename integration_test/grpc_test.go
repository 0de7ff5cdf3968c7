package integration_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// grpcService is the part of gRPC's own test service that is used here.
type grpcService struct {
	pb.UnimplementedTestServiceServer
	ended chan error // what ended a call of EmptyCall, which waits for that
}

// EmptyCall waits for its caller to give up.
func (s *grpcService) EmptyCall(ctx context.Context, _ *pb.Empty) (*pb.Empty, error) {
	<-ctx.Done()
	s.ended <- ctx.Err()
	return nil, ctx.Err()
}

// UnaryCall answers with what it was sent.
func (s *grpcService) UnaryCall(_ context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return &pb.SimpleResponse{Payload: r.Payload}, nil
}

// StreamingOutputCall sends as many bytes as each parameter asks for.
func (s *grpcService) StreamingOutputCall(r *pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	for i, p := range r.ResponseParameters {
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: content(byte(i), int(p.Size))}}); err != nil {
			return err
		}
	}
	return nil
}

// StreamingInputCall answers with the number of bytes sent.
func (s *grpcService) StreamingInputCall(stream grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse]) error {
	total := 0
	for {
		r, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(total)})
		}
		if err != nil {
			return err
		}
		total += len(r.Payload.Body)
	}
}

// FullDuplexCall echoes.
func (s *grpcService) FullDuplexCall(stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]) error {
	for {
		r, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: r.Payload}); err != nil {
			return err
		}
	}
}

// serveGRPC starts a server, which ends with the test.
func serveGRPC(t *testing.T, s *stack, opts ...grpc.ServerOption) (srv *grpc.Server, address string, service *grpcService) {
	t.Helper()
	return serveGRPCOn(t, s.listen(t), opts...)
}

func serveGRPCOn(t *testing.T, ln net.Listener, opts ...grpc.ServerOption) (srv *grpc.Server, address string, service *grpcService) {
	t.Helper()
	srv = grpc.NewServer(opts...)
	service = &grpcService{ended: make(chan error, 1)}
	pb.RegisterTestServiceServer(srv, service)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return srv, ln.Addr().String(), service
}

// dialGRPC returns a client that ends with the test.
func dialGRPC(t *testing.T, s *stack, address string, creds credentials.TransportCredentials) pb.TestServiceClient {
	t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return s.dialer().DialContext(ctx, "tcp", address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return pb.NewTestServiceClient(cc)
}

func TestGRPC(t *testing.T) {
	server, client := tlsConfigs(t)
	for name, run := range map[string]struct {
		opts  []grpc.ServerOption
		creds credentials.TransportCredentials
	}{
		"plain": {nil, insecure.NewCredentials()},
		"TLS":   {[]grpc.ServerOption{grpc.Creds(credentials.NewTLS(server))}, credentials.NewTLS(client)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			_, address, service := serveGRPC(t, s, run.opts...)
			c := dialGRPC(t, s, address, run.creds)
			t.Run("unary", func(t *testing.T) { testGRPCUnary(t, c) })
			t.Run("streams", func(t *testing.T) { testGRPCStreams(t, c) })
			t.Run("ends", func(t *testing.T) { testGRPCEnds(t, c, service) })
		})
	}
}

func testGRPCUnary(t *testing.T, c pb.TestServiceClient) {
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 20 {
				body := content(byte(i), 1+j*1000)
				r, err := c.UnaryCall(t.Context(), &pb.SimpleRequest{Payload: &pb.Payload{Body: body}})
				if err != nil || !bytes.Equal(r.Payload.Body, body) {
					t.Errorf("a call of %d bytes: %v", len(body), err)
					return
				}
			}
		})
	}
	wg.Wait()
	body := content(1, 3<<20)
	r, err := c.UnaryCall(t.Context(), &pb.SimpleRequest{Payload: &pb.Payload{Body: body}})
	if err != nil || !bytes.Equal(r.Payload.Body, body) {
		t.Errorf("a call of %d bytes: %v", len(body), err)
	}
}

func testGRPCStreams(t *testing.T, c pb.TestServiceClient) {
	sizes := []int32{0, 1, 1000, 16384, 65536, 1 << 20}
	request := new(pb.StreamingOutputCallRequest)
	for _, size := range sizes {
		request.ResponseParameters = append(request.ResponseParameters, &pb.ResponseParameters{Size: size})
	}
	out, err := c.StreamingOutputCall(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range sizes {
		if r, err := out.Recv(); err != nil || !bytes.Equal(r.Payload.Body, content(byte(i), int(size))) {
			t.Errorf("message %d of the server's stream: %v", i, err)
		}
	}
	if _, err := out.Recv(); err != io.EOF {
		t.Errorf("the server's stream ended with %v", err)
	}

	in, err := c.StreamingInputCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := in.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, 50_000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := in.CloseAndRecv(); err != nil || r.AggregatedPayloadSize != 100*50_000 {
		t.Errorf("the client's stream: %v, %v", r, err)
	}

	both, err := c.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const messages = 200
	go func() {
		for i := range messages {
			both.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: content(byte(i), i*100)}})
		}
		both.CloseSend()
	}()
	for i := range messages {
		if r, err := both.Recv(); err != nil || !bytes.Equal(r.Payload.GetBody(), content(byte(i), i*100)) {
			t.Fatalf("message %d of the stream both ways: %v", i, err)
		}
	}
	if _, err := both.Recv(); err != io.EOF {
		t.Errorf("the stream both ways ended with %v", err)
	}
}

func testGRPCEnds(t *testing.T, c pb.TestServiceClient, service *grpcService) {
	const wait = time.Second / 2 // the handler has begun by then
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if _, err := c.EmptyCall(ctx, new(pb.Empty)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a call past its deadline returned %v", err)
	}
	if took := time.Since(start); took < wait {
		t.Errorf("the deadline came after %v, not %v", took, wait)
	}
	if err := <-service.ended; err == nil {
		t.Error("the handler was not told")
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(wait, cancel)
	if _, err := c.EmptyCall(ctx, new(pb.Empty)); status.Code(err) != codes.Canceled {
		t.Errorf("a cancelled call returned %v", err)
	}
	if err := <-service.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler was told %v", err)
	}
}

// The server ends connections that are idle, and clients come back.
func TestGRPCIdleConnections(t *testing.T) {
	s := newStack(t)
	_, address, _ := serveGRPC(t, s, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 50 * time.Millisecond}))
	c := dialGRPC(t, s, address, insecure.NewCredentials())
	for range 3 {
		if _, err := c.UnaryCall(t.Context(), new(pb.SimpleRequest)); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Minute)
		for s.rt.Stats().Conns() > 1 { // the listener stays
			if time.Now().After(deadline) {
				t.Fatal("the idle connection is still there")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// A peer that does not answer pings is dropped.
func TestGRPCKeepAlive(t *testing.T) {
	s := newStack(t)
	const interval, patience = time.Second, 100 * time.Millisecond // gRPC asks no more often
	_, address, _ := serveGRPC(t, s, grpc.KeepaliveParams(keepalive.ServerParameters{Time: interval, Timeout: patience}))
	c := s.dial(t, address)
	start := time.Now()
	// The connection preface and empty settings of HTTP/2 (RFC 9113, 3.4).
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(start.Add(time.Minute))
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < interval+patience {
		t.Errorf("the server gave up after %v", took)
	}
	if !bytes.Contains(got, []byte("\x00\x00\x08\x06\x00\x00\x00\x00\x00")) {
		t.Errorf("there is no PING in what the server sent: %q", got)
	}
}

// GracefulStop lets the calls that have begun end, and refuses new ones.
func TestGRPCGracefulStop(t *testing.T) {
	s := newStack(t)
	srv, address, _ := serveGRPC(t, s)
	c := dialGRPC(t, s, address, insecure.NewCredentials())
	stream, err := c.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	echo := func() {
		t.Helper()
		if err := stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
		if r, err := stream.Recv(); err != nil || string(r.Payload.Body) != "x" {
			t.Fatalf("got %v, %v", r, err)
		}
	}
	echo()
	stopped := make(chan struct{})
	go func() { srv.GracefulStop(); close(stopped) }()
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := c.UnaryCall(ctx, new(pb.SimpleRequest))
		cancel()
		if status.Code(err) == codes.Unavailable {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the stopping server went on: %v", err)
		}
	}
	echo()
	stream.CloseSend()
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the stream ended with %v", err)
	}
	<-stopped
}
