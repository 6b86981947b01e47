// Package rabbitmq looks at a RabbitMQ broker as a client does: it logs in over
// AMQP 0-9-1, and asks the management API how the broker, its nodes and its
// queues are. It neither publishes nor consumes.
package rabbitmq

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Probes makes the check of RabbitMQ brokers.
type Probes struct{ allow *reach.AllowList }

// New gives the check that connects to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Probes { return Probes{allow} }

// Input are the inputs of probe.rabbitmq.
type Input struct {
	// Address is the host and port of AMQP; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// User is who to log in as. RabbitMQ lets guest in from localhost alone.
	User string `json:"user" default:"guest"`
	// Password is the user's.
	Password engine.Secret `json:"password"`
	// Vhost is the virtual host to open. Only its queues are listed.
	Vhost string `json:"vhost" default:"/"`
	// TLS says whether AMQP is encrypted. The server's certificate is verified.
	TLS string `json:"tls" default:"off" enum:"off,on"`
	// CAFile is a PEM file with authorities to trust beside those of this host, for
	// AMQP and for a management API over https.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate of AMQP has to have; "" means the
	// host of address.
	ServerName string `json:"server_name" format:"host"`
	// Management is the URL of the management API, such as http://rabbit:15672; ""
	// does not ask it, and then nothing is known of nodes, queues and alarms.
	Management string `json:"management" format:"url"`
	// ManagementUser is who to log in to it as; "" means user, with password.
	ManagementUser string `json:"management_user"`
	// ManagementPassword is the password of management_user.
	ManagementPassword engine.Secret `json:"management_password"`
	// Timeout is how long everything may take.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
	// Window is over which time the broker's own rates are averaged, in steps of 5
	// seconds: it remembers, and nothing waits.
	Window time.Duration `json:"window" default:"60s" min:"10s" max:"10m"`
}

// Server is the check probe.rabbitmq.
//
// It logs in on one connection, which calls itself gumshoe, opens the virtual
// host and one channel, and closes them. On one connection beside it, it asks the
// management API for the overview, the nodes, the 100 queues with the most
// messages and the first 100 connections by their state (blocked comes first):
// four answers, each of at most 4 MiB. All rates are those that the broker
// measured; it refreshes them every 5 seconds.
//
// That a broker blocks publishers is told by its alarms: AMQP says so only to
// clients that publish, which this does not.
//
// Example:
//
//	rabbitmq: { check: probe.rabbitmq, with: { address: "rabbit.example.com:5672", management: "http://rabbit.example.com:15672", user: gumshoe, password: "${inputs.password}" } }
//
// By hand:
//
//	rabbitmqctl status
//	rabbitmqctl list_queues -p / name messages_ready messages_unacknowledged consumers
//	curl -u gumshoe http://rabbit.example.com:15672/api/overview
func (p Probes) Server() engine.Check[Input, Server] {
	return engine.Check[Input, Server]{
		Name:      "probe.rabbitmq",
		Doc:       "Whether a RabbitMQ broker lets clients in, what waits in its queues, who consumes it, and what the broker is short of.",
		Cost:      200 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in Input) string { return in.Address },
		Plan:      plan,
		Run:       p.look,
		Summarize: summarize,
	}
}

func plan(in Input) []engine.Touch {
	touches := reach.Plan(in.Address, "connect, log in, open the virtual host and a channel")
	if in.Management != "" {
		if address, err := managementAddress(in.Management); err == nil {
			touches = append(touches, reach.Plan(address, "GET /api/overview, nodes, queues, connections")...)
		}
	}
	if in.TLS == "on" || strings.HasPrefix(in.Management, "https:") {
		touches = append(touches, in.files().Plan()...)
	}
	return touches
}

// files are those that TLS needs.
func (in Input) files() reach.TLSFiles {
	name := in.ServerName
	if name == "" {
		name, _, _ = engine.SplitHostPort(in.Address)
	}
	return reach.TLSFiles{ServerName: name, CA: in.CAFile}
}

// managementAddress is the host and port of a URL.
func managementAddress(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("management: %q is not an http or https URL", reach.Printable(text))
	}
	host, port, err := reach.Endpoint(u)
	if err != nil {
		return "", fmt.Errorf("management: %w", err)
	}
	return reach.JoinPort(host, port), nil
}

// credentials are those for the management API.
func (in Input) credentials() (user string, password engine.Secret) {
	if in.ManagementUser != "" {
		return in.ManagementUser, in.ManagementPassword
	}
	return in.User, in.Password
}

func reproduce(call *engine.Call, in Input) {
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return
	}
	if in.Management == "" {
		call.Reproduce("nc", "-vz", "-w", "3", host, strconv.Itoa(port))
		return
	}
	user, _ := in.credentials()
	call.Reproduce("curl", "-u", user, strings.TrimRight(in.Management, "/")+"/api/overview")
	call.Reproduce("curl", "-u", user, strings.TrimRight(in.Management, "/")+
		"/api/queues/"+url.PathEscape(in.Vhost)+"?page=1&page_size=100&sort=messages&sort_reverse=true")
}

func summarize(o Server) string {
	address := reach.Clip(o.Address, 60)
	if o.Outcome != reach.OK {
		text := address + " " + o.Outcome.Words()
		if o.Error != "" {
			text += ": " + reach.Clip(o.Error, 80)
		}
		return text
	}
	text := fmt.Sprintf("%s logged in within %s", address, reach.Milliseconds(o.LoginSeconds))
	if o.ManagementOutcome != reach.OK {
		return text
	}
	text += fmt.Sprintf(", %d ready and %d unacked in %d queues", o.Totals.Ready, o.Totals.Unacked, o.Totals.Queues)
	if o.MemoryAlarm {
		text += ", memory alarm"
	}
	if o.DiskAlarm {
		text += ", disk alarm"
	}
	return text
}
