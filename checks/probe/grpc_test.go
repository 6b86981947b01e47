package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// grpcServer starts the gRPC library's own server; with a nil health server it
// has no health service.
func grpcServer(t testing.TB, healthy *health.Server, options ...grpc.ServerOption) string {
	t.Helper()
	l := listen(t)
	server := grpc.NewServer(options...)
	if healthy != nil {
		healthpb.RegisterHealthServer(server, healthy)
	}
	go server.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

func healthOf(services map[string]healthpb.HealthCheckResponse_ServingStatus) *health.Server {
	h := health.NewServer()
	for name, status := range services {
		h.SetServingStatus(name, status)
	}
	return h
}

func TestGRPCConforms(t *testing.T) {
	checktest.Run(t, New(nil).GRPC(), map[string]any{"address": grpcServer(t, health.NewServer())})
}

func TestGRPCHealth(t *testing.T) {
	address := grpcServer(t, healthOf(map[string]healthpb.HealthCheckResponse_ServingStatus{
		"shop.v1.Orders": healthpb.HealthCheckResponse_NOT_SERVING,
		"shop.v1.Carts":  healthpb.HealthCheckResponse_UNKNOWN,
		"shop.v1.Prices": healthpb.HealthCheckResponse_SERVICE_UNKNOWN,
	}))
	for _, tt := range []struct {
		service, status string
		outcome         reach.Outcome
	}{
		{"", "serving", reach.OK},
		{"shop.v1.Orders", "not_serving", NotServing},
		{"shop.v1.Carts", "unknown", NotServing},
		{"shop.v1.Prices", "service_unknown", ServiceUnknown},
		{"shop.v1.None", "service_unknown", ServiceUnknown},
	} {
		t.Run(tt.service, func(t *testing.T) {
			got, o := checktest.Observe[GRPC](t, New(nil).GRPC(), map[string]any{"address": address, "service": tt.service})
			if got.Outcome != tt.outcome || got.Status != tt.status || !got.Alive {
				t.Errorf("got %+v; want %s, %s", got, tt.outcome, tt.status)
			}
			if got.RemoteAddress != address || got.ConnectSeconds <= 0 || got.LatencySeconds <= 0 || got.HTTPStatus != 200 {
				t.Errorf("got %+v; want where and how long", got)
			}
			if o.Status != engine.Observed {
				t.Errorf("%s, unread %v; want all observed", o.Status, o.Unread)
			}
		})
	}
}

// TestGRPCSaysSo: what a real server answers to the call.
func TestGRPCSaysSo(t *testing.T) {
	for _, tt := range []struct {
		code    codes.Code
		outcome reach.Outcome
		alive   bool
	}{
		{codes.Unauthenticated, reach.AuthFailed, true},
		{codes.PermissionDenied, reach.NoPermission, true},
		{codes.Unavailable, Unavailable, false},
		{codes.DeadlineExceeded, DeadlineExceeded, false},
		{codes.Internal, RPCFailed, true},
		{codes.ResourceExhausted, RPCFailed, true},
	} {
		t.Run(tt.code.String(), func(t *testing.T) {
			address := grpcServer(t, health.NewServer(), grpc.UnaryInterceptor(
				func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
					return nil, status.Error(tt.code, "so it is: 100 % wörtlich")
				}))
			got, o := checktest.Observe[GRPC](t, New(nil).GRPC(), map[string]any{"address": address})
			if got.Outcome != tt.outcome || got.Alive != tt.alive || got.Error != "so it is: 100 % wörtlich" {
				t.Errorf("got %+v; want %s", got, tt.outcome)
			}
			if checktest.HasUnread(o, "alive") == tt.alive || !checktest.HasUnread(o, "status") || checktest.HasUnread(o, "latency_seconds") {
				t.Errorf("unread %v", o.Unread)
			}
		})
	}
	t.Run("no health service", func(t *testing.T) {
		got, _ := checktest.Observe[GRPC](t, New(nil).GRPC(), map[string]any{"address": grpcServer(t, nil)})
		if got.Outcome != Unimplemented || !got.Alive || got.GRPCStatus != "UNIMPLEMENTED" {
			t.Errorf("got %+v; want unimplemented", got)
		}
	})
}

// TestGRPCSends: the server gets the metadata, the token and how long we wait; a
// server that is slow by itself is silent for us, or says so itself.
func TestGRPCSends(t *testing.T) {
	var got grpcmetadata.MD
	var left time.Duration
	address := grpcServer(t, health.NewServer(), grpc.UnaryInterceptor(
		func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			got, _ = grpcmetadata.FromIncomingContext(ctx)
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return next(ctx, in)
		}))
	o, observed := checktest.Observe[GRPC](t, New(nil).GRPC(), map[string]any{
		"address": address, "authority": "orders.internal", "metadata": map[string]any{"x-tenant": "acme"},
		"token": engine.NewSecret("s3cret-token"),
	})
	if o.Outcome != reach.OK {
		t.Fatalf("got %+v", o)
	}
	for name, want := range map[string]string{":authority": "orders.internal", "x-tenant": "acme", "authorization": "Bearer s3cret-token", "user-agent": "gumshoe"} {
		if value := got.Get(name); len(value) != 1 || value[0] != want {
			t.Errorf("%s: the server got %q, want %q", name, value, want)
		}
	}
	if left <= 0 || left > 5*time.Second {
		t.Errorf("the server has %s, want at most the timeout", left)
	}
	if text := fmt.Sprint(observed); strings.Contains(text, "s3cret-token") {
		t.Errorf("the token is told: %s", text)
	}
}

func TestGRPCOverTLS(t *testing.T) {
	ca := issue(t, nil, authority("Test CA"))
	leaf := issue(t, ca, nil)
	pair := leaf.pair()
	address := grpcServer(t, health.NewServer(), grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	roots := file(t, nil, ca)
	for _, tt := range []struct {
		name    string
		inputs  map[string]any
		outcome reach.Outcome
		text    string
	}{
		{"trusted", map[string]any{"ca_file": roots}, reach.OK, ""},
		{"by name", map[string]any{"ca_file": roots, "server_name": "localhost"}, reach.OK, ""},
		{"unknown authority", nil, reach.TLSFailed, "incomplete chain"},
		{"wrong name", map[string]any{"ca_file": roots, "server_name": "elsewhere.example"}, reach.TLSFailed, "wrong host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inputs := map[string]any{"address": address, "tls": "on"}
			maps.Copy(inputs, tt.inputs)
			got, o := checktest.Observe[GRPC](t, New(nil).GRPC(), inputs)
			if got.Outcome != tt.outcome || !strings.Contains(got.Error, tt.text) || checktest.HasUnread(o, "handshake_seconds") {
				t.Errorf("got %+v, unread %v; want %s", got, o.Unread, tt.outcome)
			}
		})
	}
	t.Run("asked without TLS", func(t *testing.T) {
		got, _ := checktest.Observe[GRPC](t, New(nil).GRPC(), map[string]any{"address": address})
		if got.Outcome != reach.ProtocolError && got.Outcome != reach.Closed && got.Outcome != reach.Reset {
			t.Errorf("got %+v; want protocol_error, closed or reset", got)
		}
	})
	t.Run("no HTTP/2 in the handshake", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{}, MinVersion: tls.VersionTLS12}
		server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
		server.StartTLS()
		t.Cleanup(server.Close)
		got, _ := checktest.Observe[GRPC](t, New(nil).GRPC(), map[string]any{"address": server.Listener.Addr().String(), "tls": "on", "ca_file": roots})
		if got.Outcome != reach.ProtocolError && got.Outcome != reach.TLSFailed {
			t.Errorf("got %+v; want protocol_error", got)
		}
	})
}

// TestGRPCServes is no test: it is a server of its own, to be stopped by a signal.
func TestGRPCServes(t *testing.T) {
	port := os.Getenv("GUMSHOE_TEST_GRPC_PORT")
	if port == "" {
		t.Skip("it is a server for TestGRPCDies")
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	if err := server.Serve(l); err != nil {
		t.Fatal(err)
	}
}

func TestGRPCDies(t *testing.T) {
	port := checktest.FreePort(t)
	server := checktest.Start(t, checktest.Program{
		Argv:  []string{os.Args[0], "-test.run=^TestGRPCServes$", "-test.timeout=5m"},
		Env:   []string{"GUMSHOE_TEST_GRPC_PORT=" + strconv.Itoa(port)},
		Ready: checktest.Listens(port),
	})
	inputs := map[string]any{"address": net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "timeout": "5s"}
	if got, _ := checktest.Observe[GRPC](t, New(nil).GRPC(), inputs); got.Outcome != reach.OK {
		t.Fatalf("got %+v; want ok", got)
	}
	server.Pause()
	inputs["timeout"] = "1s"
	got, o := checktest.Observe[GRPC](t, New(nil).GRPC(), inputs)
	if got.Outcome != reach.TimedOut || got.RemoteAddress == "" || !checktest.HasUnread(o, "status") || checktest.HasUnread(o, "connect_seconds") {
		t.Errorf("stopped by a signal: got %+v, unread %v; want timed_out", got, o.Unread)
	}
	server.Kill()
	inputs["timeout"] = "5s"
	if got, _ := checktest.Observe[GRPC](t, New(nil).GRPC(), inputs); got.Outcome != reach.RefusedByIt {
		t.Errorf("ended: got %+v; want refused", got)
	}
}

// settings is the empty SETTINGS frame with which an HTTP/2 server begins.
var settings = []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}

// TestGRPCStrange: peers that are no gRPC server, or a sick one.
func TestGRPCStrange(t *testing.T) {
	read := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	h2c := func(handler http.HandlerFunc) string {
		server := httptest.NewUnstartedServer(handler)
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
	grpcAnswer := func(frame []byte) string {
		return h2c(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = w.Write(frame)
			w.Header().Set("Grpc-Status", "0")
		})
	}
	for _, tt := range []struct {
		name, address string
		want          reach.Outcome
	}{
		{"HTTP/1 server", web.Listener.Addr().String(), reach.ProtocolError},
		{"HTTP/2 web server", h2c(http.NotFound), reach.ProtocolError},
		{"HTTP/2 page", h2c(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }), reach.ProtocolError},
		{"proxy without a server", h2c(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), Unavailable},
		{"proxy that asks for a password", h2c(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }), reach.AuthFailed},
		{"proxy that forbids", h2c(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), reach.NoPermission},
		{"compressed", grpcAnswer([]byte{1, 0, 0, 0, 0}), reach.ProtocolError},
		{"cut", grpcAnswer([]byte{0, 0, 0, 0, 2, 8}), reach.ProtocolError},
		{"endless", h2c(func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}), reach.ProtocolError},
		{"reset stream", h2c(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), reach.Reset},
		{"closes at once", checktest.Peer(t, func(conn net.Conn) { conn.Close() }), reach.Closed},
		{"closes after the call", checktest.Peer(t, func(conn net.Conn) { _, _ = conn.Write(settings); read(conn); conn.Close() }), reach.Closed},
		{"garbage", checktest.Peer(t, func(conn net.Conn) { read(conn); _, _ = conn.Write(bytes.Repeat([]byte("garbage "), 100)) }), reach.ProtocolError},
		{"silent", checktest.Peer(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }), reach.TimedOut},
		{"silent after settings", checktest.Peer(t, func(conn net.Conn) { _, _ = conn.Write(settings); _, _ = io.Copy(io.Discard, conn) }), reach.TimedOut},
		{"nothing there", closed(t), reach.RefusedByIt},
		{"full queue", silent(t), reach.TimedOut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, o := checktest.Observe[GRPC](t, New(nil).GRPC(), map[string]any{"address": tt.address, "timeout": timeout})
			if got.Outcome != tt.want && (tt.want != reach.Closed || got.Outcome != reach.Reset) {
				t.Errorf("got %s (%s), want %s", got.Outcome, got.Error, tt.want)
			}
			if alive := got.GRPCStatus == "OK"; got.Alive != alive || !checktest.HasUnread(o, "status") {
				t.Errorf("alive %t, unread %v; want %t, status unread", got.Alive, o.Unread, alive)
			}
		})
	}
}

func TestGRPCRefusedByPolicy(t *testing.T) {
	o := checktest.Look(t, New(allow(t, "db.example.com")).GRPC(), map[string]any{"address": "127.0.0.1:50051"})
	if o.Status != engine.Skipped || !o.Refused || o.Fix == "" {
		t.Errorf("got %s (%s), fix %q; want skipped by policy", o.Status, o.Reason, o.Fix)
	}
}

func FuzzHealthAnswer(f *testing.F) {
	frame := func(message ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	}
	f.Add(frame())
	f.Add(frame(8, 1))
	f.Add(frame(18, 2, 'h', 'i', 8, 2))
	f.Add(frame(9, 1, 2, 3, 4, 5, 6, 7, 8, 13, 1, 2, 3, 4))
	f.Add(healthQuestion("shop.v1.Orders"))
	f.Fuzz(func(t *testing.T, data []byte) {
		status, err := healthAnswer(data)
		if (status == "") == (err == nil) {
			t.Errorf("got %q, %v", status, err)
		}
	})
}

func BenchmarkGRPC(b *testing.B) {
	address := grpcServer(b, health.NewServer())
	p := New(nil)
	for b.Loop() {
		if o, err := p.lookGRPC(b.Context(), &engine.Call{}, GRPCInput{Address: address, Timeout: 3e9}); err != nil || o.Outcome != reach.OK {
			b.Fatal(o, err)
		}
	}
}
