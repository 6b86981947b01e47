// Package kafka looks at a Kafka cluster as a client does: which brokers it
// advertises and whether they answer, which partitions lack replicas or a leader,
// and how far behind a consumer group is. It neither produces nor consumes, and
// joins no group.
//
// Its tests run against kfake, a broker of the franz-go project that speaks the
// real protocol in the test's own process, and not against Apache Kafka.
package kafka

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Probes makes the check of Kafka clusters.
type Probes struct{ allow *reach.AllowList }

// New gives the check that connects to what the list allows; nil allows every
// target that is not guarded. It is asked about each broker that the cluster
// advertises, too.
func New(allow *reach.AllowList) Probes { return Probes{allow} }

// Input are the inputs of probe.kafka.
type Input struct {
	// Brokers are the host and port of brokers to ask first, in order, at most 8: the
	// bootstrap servers of the clients.
	Brokers []string `json:"brokers" required:"true"`
	// Topic is the topic whose partitions and rate are looked at; "" for none, and for
	// those of the group.
	Topic string `json:"topic"`
	// Group is the consumer group whose lag is looked at; "" for none.
	Group string `json:"group"`
	// SASL says how to log in.
	SASL string `json:"sasl" default:"off" enum:"off,plain,scram_sha_256,scram_sha_512"`
	// User is who to log in as.
	User string `json:"user"`
	// Password is the user's.
	Password engine.Secret `json:"password"`
	// TLS says whether connections are encrypted. The brokers' certificates are verified.
	TLS string `json:"tls" default:"off" enum:"off,on"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificates have to have; "" means the host
	// that is connected to.
	ServerName string `json:"server_name" format:"host"`
	// CertFile is a PEM file with the certificate to show, for brokers that want one.
	CertFile string `json:"cert_file" format:"path"`
	// KeyFile is the PEM file with its key; "" means that it is in cert_file.
	KeyFile string `json:"key_file" format:"path"`
	// Timeout is how long everything may take beside the window.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
	// Window is the time between the two readings of the offsets. Without a topic and
	// a group nothing waits.
	Window time.Duration `json:"window" default:"3s" min:"100ms" max:"60s"`
}

// Cluster is the check probe.kafka.
//
// It asks the first of the brokers that answers for the metadata of the cluster,
// an answer of at most 16 MiB, then each broker that the cluster advertises, at
// most 32, for the versions that it speaks: a client has to reach all of them.
// With a topic or a group it reads the ends of their partitions and what the
// group has committed, twice. Topics are not created by asking.
//
// A user needs DESCRIBE of the cluster, of the topics and of the group.
//
// Example:
//
//	kafka: { check: probe.kafka, with: { brokers: ["kafka1.example.com:9092", "kafka2.example.com:9092"], group: billing } }
//
// By hand:
//
//	kafka-topics.sh --bootstrap-server kafka1.example.com:9092 --describe --under-replicated-partitions
//	kafka-consumer-groups.sh --bootstrap-server kafka1.example.com:9092 --describe --group billing
func (p Probes) Cluster() engine.Check[Input, Cluster] {
	return engine.Check[Input, Cluster]{
		Name:      "probe.kafka",
		Doc:       "Whether the brokers of a Kafka cluster answer, which partitions lack replicas or a leader, and how far behind a consumer group is.",
		Cost:      3200 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in Input) string { return strings.Join(in.Brokers[:min(1, len(in.Brokers))], "") },
		Plan:      plan,
		Run:       p.look,
		Summarize: summarize,
	}
}

// maxSeeds bounds how many brokers are asked first.
const maxSeeds = 8

func (in Input) check() error {
	if len(in.Brokers) == 0 || len(in.Brokers) > maxSeeds {
		return errors.New("brokers: give one to 8, each as host:port")
	}
	for _, b := range in.Brokers {
		if _, _, err := engine.SplitHostPort(b); err != nil {
			return fmt.Errorf("brokers: %w", err)
		}
	}
	return nil
}

func plan(in Input) []engine.Touch {
	var touches []engine.Touch
	for _, b := range in.Brokers {
		touches = append(touches, reach.Plan(b, "connect, log in, ask for metadata, offsets and the group")...)
	}
	touches = append(touches, engine.Touch{
		Kind: engine.TouchNetwork, What: "the brokers that the cluster advertises, tcp", How: "connect, log in, ask for versions, offsets and the group",
	})
	if in.TLS == "on" {
		touches = append(touches, in.files("").Plan()...)
	}
	return touches
}

// files are those that TLS with a host needs.
func (in Input) files(host string) reach.TLSFiles {
	name := in.ServerName
	if name == "" {
		name = host
	}
	return reach.TLSFiles{ServerName: name, CA: in.CAFile, Certificate: in.CertFile, Key: in.KeyFile}
}

func reproduce(call *engine.Call, in Input) {
	server := strings.Join(in.Brokers, ",")
	call.Reproduce("kafka-topics.sh", "--bootstrap-server", server, "--describe", "--under-replicated-partitions")
	if in.Group != "" {
		call.Reproduce("kafka-consumer-groups.sh", "--bootstrap-server", server, "--describe", "--group", in.Group)
	}
}

func summarize(o Cluster) string {
	if o.Outcome != reach.OK {
		text := reach.Clip(o.Address, 60) + " " + o.Outcome.Words()
		if o.Error != "" {
			text += ": " + reach.Clip(o.Error, 80)
		}
		return text
	}
	text := fmt.Sprintf("%d brokers, %d of %d partitions under-replicated", len(o.Brokers), o.UnderReplicated, o.Partitions)
	if o.Leaderless > 0 {
		text += fmt.Sprintf(", %d without a leader", o.Leaderless)
	}
	if o.BrokersUnreachable > 0 {
		text += fmt.Sprintf(", %d brokers unreachable", o.BrokersUnreachable)
	}
	if o.Group.Outcome == reach.OK {
		text += fmt.Sprintf("; %s: lag %d, %d members", reach.Clip(o.Group.Name, 40), o.Group.Lag, o.Group.Members)
	}
	return text
}
