package probe

import (
	"context"
	"fmt"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// GRPCInput are the inputs of probe.grpc.
type GRPCInput struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// Service is which service's health to ask for, by its full name, such as
	// "shop.v1.Orders"; "" asks for that of the whole server.
	Service string `json:"service"`
	// TLS says whether the connection begins with TLS.
	TLS string `json:"tls" default:"off" enum:"off,on"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that is asked for (SNI) and that the certificate has to
	// have; "" means the host of address.
	ServerName string `json:"server_name" format:"host"`
	// Authority is the :authority to send, which proxies choose a server by; ""
	// means server_name, and else address.
	Authority string `json:"authority"`
	// Metadata is sent beside our own headers. It is shown in plans: what is secret
	// goes into token.
	Metadata map[string]string `json:"metadata"`
	// Token is sent as "authorization: Bearer TOKEN"; not set means that it is not.
	Token engine.Secret `json:"token"`
	// Timeout is how long all may take together, from the look-up of the name to the
	// answer. The server is told what is left of it (grpc-timeout).
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
}

// The outcomes that only a gRPC server has.
const (
	NotServing       reach.Outcome = "not_serving"
	ServiceUnknown   reach.Outcome = "service_unknown"
	Unimplemented    reach.Outcome = "unimplemented"
	Unavailable      reach.Outcome = "unavailable"
	DeadlineExceeded reach.Outcome = "deadline_exceeded"
	RPCFailed        reach.Outcome = "rpc_failed"
)

// GRPC is what probe.grpc observes.
type GRPC struct {
	// Outcome is what came of it: ok (it says that it serves); not_serving (it says
	// that it does not, or that it does not know); service_unknown (it knows no such
	// service); unimplemented (it is a gRPC server without the health service: alive,
	// and no more is known); unavailable (it, or a proxy before it, says that it
	// cannot be had now); auth_failed (it wants other credentials); no_permission
	// (they do not suffice); deadline_exceeded (it, or a proxy, gave up before we
	// did); rpc_failed (any other status: see grpc_status); protocol_error (what
	// answers does not speak gRPC over HTTP/2: see error); tls_failed (no handshake,
	// or the certificate is not valid: see error, and probe.tls); closed (it closed
	// the connection before the answer was whole); refused, timed_out, reset,
	// unreachable, name_not_found, name_failed (as in probe.tcp; timed_out and reset
	// also later).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,not_serving,service_unknown,unimplemented,unavailable,auth_failed,no_permission,deadline_exceeded,rpc_failed,protocol_error,tls_failed,closed,refused,timed_out,reset,unreachable,name_not_found,name_failed"`
	// Error is what the server says (grpc-message), or what is behind the outcome, as
	// far as it was told, else "".
	Error string `json:"error" expr:"error"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// Service is the service as asked for, "" for the whole server.
	Service string `json:"service" expr:"service"`
	// Alive says that a gRPC server answered, whatever it said. It is unread for
	// unavailable and deadline_exceeded, which a proxy before it says too.
	Alive bool `json:"alive" expr:"alive"`
	// Status is the health that the server tells: serving, not_serving, unknown (it
	// has not been set) or service_unknown; unread when it does not tell.
	Status string `json:"status" expr:"status" enum:"serving,not_serving,unknown,service_unknown"`
	// GRPCStatus is the status of the call by its name, such as UNAVAILABLE; unread
	// without one.
	GRPCStatus string `json:"grpc_status" expr:"grpc_status"`
	// HTTPStatus is the status of the HTTP/2 answer, 200 from a gRPC server; unread
	// without an answer.
	HTTPStatus int `json:"http_status" expr:"http_status"`
	// Server is the answer's server header, which tells a proxy; "" when it has none.
	// Unread without an answer.
	Server string `json:"server" expr:"server"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer;
	// unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// HandshakeSeconds is the time of the TLS handshake; unread unless it came to an
	// end, and without TLS.
	HandshakeSeconds float64 `json:"handshake_seconds" expr:"handshake_seconds"`
	// LatencySeconds is the time from sending the call to the end of its answer, the
	// beginning of HTTP/2 included; unread without an answer.
	LatencySeconds float64 `json:"latency_seconds" expr:"latency_seconds"`
}

// GRPC is the check probe.grpc.
//
// It makes one call of the gRPC health checking protocol, Check of
// grpc.health.v1.Health, as load balancers and Kubernetes do. It speaks it over
// the HTTP/2 of Go's own library: one message of one string is asked, one of one
// number answered, and the gRPC library would add 5 MB to the program for that.
//
// Example:
//
//	orders: { check: probe.grpc, with: { address: "orders.internal:50051", service: shop.v1.Orders } }
//
// By hand:
//
//	grpcurl -plaintext -d '{"service":"shop.v1.Orders"}' orders.internal:50051 grpc.health.v1.Health/Check
func (p Probes) GRPC() engine.Check[GRPCInput, GRPC] {
	return engine.Check[GRPCInput, GRPC]{
		Name:      "probe.grpc",
		Doc:       "Whether a gRPC server says that it is healthy, by the standard health checking protocol, and if it does not answer, why.",
		Cost:      100 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in GRPCInput) string { return in.Address },
		Plan:      planGRPC,
		Run:       p.lookGRPC,
		Summarize: summarizeGRPC,
	}
}

func summarizeGRPC(o GRPC) string {
	text := reach.Clip(o.Address, 60)
	if o.Service != "" {
		text += " " + reach.Clip(o.Service, 40)
	}
	switch o.Outcome {
	case reach.OK:
		return fmt.Sprintf("%s serving, %s", text, reach.Milliseconds(o.LatencySeconds))
	case Unimplemented:
		return text + " answers, and has no health service"
	default:
	}
	text += " " + o.Outcome.Words()
	if o.Error != "" {
		text += ": " + reach.Clip(o.Error, 60)
	}
	return text
}

func planGRPC(in GRPCInput) []engine.Touch {
	how := "connect, ask for its health over HTTP/2"
	if in.TLS == "on" {
		how = "connect, TLS handshake, ask for its health over HTTP/2"
	}
	touches := reach.Plan(in.Address, how)
	if in.TLS == "on" && touches != nil {
		touches = append(touches, reach.PlanAuthorities(in.CAFile)...)
	}
	return touches
}

func (p Probes) lookGRPC(ctx context.Context, call *engine.Call, in GRPCInput) (GRPC, error) {
	o := GRPC{Address: in.Address, Service: reach.Printable(in.Service)}
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return o, err
	}
	reproduceGRPC(call, in)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return o, err
	}
	deadline := time.Now().Add(reach.InnerTimeout(ctx, in.Timeout))
	r, outcome, err := p.allow.Reach(ctx, host, port, deadline)
	o.ResolveSeconds = r.ResolveSeconds
	if err != nil {
		return o, err
	}
	if outcome != reach.Connected {
		o.Outcome = outcome
		o.unread(call, "connect_seconds", "remote_address", "handshake_seconds")
		return o, nil
	}
	o.RemoteAddress, o.ConnectSeconds = r.RemoteAddr().String(), r.ConnectSeconds
	defer reach.Bind(ctx, r, deadline)()
	conn, done, err := o.encrypt(ctx, call, r, in, host)
	if err != nil {
		return o, err
	}
	if done {
		if err := o.ask(ctx, conn, in, deadline); err != nil {
			return o, err
		}
	}
	o.unread(call)
	return o, nil
}

// unread says what the outcome leaves unseen, beside the fields given.
func (o *GRPC) unread(call *engine.Call, fields ...string) {
	reason := "there was no answer: " + o.Outcome.Words()
	if o.HTTPStatus == 0 {
		fields = append(fields, "http_status", "server", "latency_seconds")
	} else {
		reason = "the answer does not tell: " + o.Outcome.Words()
	}
	if o.GRPCStatus == "" {
		fields = append(fields, "grpc_status")
	}
	if o.Status == "" {
		fields = append(fields, "status")
	}
	if o.Outcome == Unavailable || o.Outcome == DeadlineExceeded {
		call.Unread("alive", "the server or a proxy before it says "+o.Outcome.Words(), "")
	}
	for _, field := range fields {
		call.Unread(field, reason, "")
	}
}

// reproduceGRPC gives the command that shows the same. What is secret is left for
// the person to fill in.
func reproduceGRPC(call *engine.Call, in GRPCInput) {
	argv := []string{"grpcurl"}
	if in.TLS != "on" {
		argv = append(argv, "-plaintext")
	}
	if in.CAFile != "" {
		argv = append(argv, "-cacert", in.CAFile)
	}
	if in.ServerName != "" {
		argv = append(argv, "-servername", in.ServerName)
	}
	if in.Authority != "" {
		argv = append(argv, "-authority", in.Authority)
	}
	if in.Token.IsSet() {
		argv = append(argv, "-H", "authorization: Bearer "+in.Token.String())
	}
	call.Reproduce(append(argv, "-d", fmt.Sprintf(`{"service":%q}`, in.Service), in.Address, "grpc.health.v1.Health/Check")...)
}
