package main

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/emersion/go-smtp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"gumshoe/engine"
)

func protocolTasks() map[string]func(string) {
	return map[string]func(string){
		"grpc":      func(address string) { serveHealth(address, healthpb.HealthCheckResponse_SERVING) },
		"grpc-sick": func(address string) { serveHealth(address, healthpb.HealthCheckResponse_NOT_SERVING) },
		"mail":      serveMail,
		"mail-busy": func(address string) {
			l, err := net.Listen("tcp", address)
			serveEach(l, err, func(conn net.Conn) {
				_, _ = io.WriteString(conn, "421 4.3.2 mx.example too many connections\r\n")
				_, _ = io.Copy(io.Discard, conn)
			})
		},
	}
}

// serveHealth is a gRPC server that says how it is.
func serveHealth(address string, status healthpb.HealthCheckResponse_ServingStatus) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	checks := health.NewServer()
	checks.SetServingStatus("", status)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, checks)
	fmt.Println("ready")
	fmt.Println(server.Serve(l))
}

// postOffice is a mail server that takes nothing.
type postOffice struct{}

func (postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return counter{}, nil }

type counter struct{}

func (counter) Mail(string, *smtp.MailOptions) error { return nil }
func (counter) Rcpt(string, *smtp.RcptOptions) error { return smtp.ErrAuthRequired }
func (counter) Data(io.Reader) error                 { return smtp.ErrAuthRequired }
func (counter) Reset()                               {}
func (counter) Logout() error                        { return nil }

func serveMail(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	fmt.Println(smtp.NewServer(postOffice{}).Serve(l))
}

// TestRealDependencyProtocols: the failures of services that have no runbook of
// their own.
func TestRealDependencyProtocols(t *testing.T) {
	needReal(t)
	at := func(task, port, protocol string, paused bool) func(t *testing.T) (string, []string) {
		return func(t *testing.T) (string, []string) {
			t.Helper()
			near, _, far := behindRouter(t)
			if task != "" {
				helperIn(t, far, task, "10.8.0.2:"+port)
			}
			if paused {
				pauseIn(t, far, port)
			}
			return near, []string{"address=10.8.0.2:" + port, "protocol=" + protocol}
		}
	}
	for _, args := range [][3]string{{"grpc", "50051", "grpc"}, {"mail", "25", "smtp"}} {
		t.Run(args[2]+", healthy", func(t *testing.T) {
			near, given := at(args[0], args[1], args[2], false)(t)
			r, exit := diagnoseIn(t, near, append([]string{"dependency-unreachable"}, given...)...)
			if r.Status != engine.StatusHealthy || exit != exitHealthy {
				t.Errorf("got %s with exit status %d, want healthy\n%s", r.Status, exit, verdicts(r))
			}
		})
	}
	wantNamed(t, "dependency-unreachable", []brokenLink{
		{"gRPC, ended", at("", "50051", "grpc", false), "port_closed", ""},
		{"gRPC, stopped by a signal", at("grpc", "50051", "grpc", true), "hangs", ""},
		{"gRPC, not serving", at("grpc-sick", "50051", "grpc", false), "service_fails", ""},
		{"gRPC, another service", at("greeter", "50051", "grpc", false), "wrong_protocol", ""},
		{"mail, ended", at("", "25", "smtp", false), "port_closed", ""},
		{"mail, stopped by a signal", at("mail", "25", "smtp", true), "hangs", ""},
		{"mail, busy", at("mail-busy", "25", "smtp", false), "service_fails", ""},
		{"mail, another service", at("greeter", "25", "smtp", false), "wrong_protocol", ""},
		{"MongoDB, ended", at("", "27017", "mongodb", false), "port_closed", ""},
		{"MongoDB, stopped by a signal", at("web", "27017", "mongodb", true), "hangs", ""},
		{"MongoDB, another service", at("greeter", "27017", "mongodb", false), "wrong_protocol", ""},
		{"Kafka, another service", at("greeter", "9092", "kafka", false), "wrong_protocol", ""},
		{"NATS, another service", at("greeter", "4222", "nats", false), "wrong_protocol", ""},
		{"PostgreSQL, another service", at("greeter", "5432", "postgres", false), "wrong_protocol", ""},
		{"MySQL, another service", at("greeter", "3306", "mysql", false), "wrong_protocol", ""},
		{"RabbitMQ, another service", at("greeter", "5672", "rabbitmq", false), "wrong_protocol", ""},
	})
}
