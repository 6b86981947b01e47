// Package checks is the list of the checks that Gumshoe comes with. Each family
// has a package below; a new check is its file, its test, and one line here.
//
// The file has, in this order: the struct of inputs and that of the observation,
// with a doc comment and a unit on each field; the method that makes the check,
// whose doc comment ends in an example step and the commands to do it by hand;
// the summary; and the look. host/cpu.go is the pattern. The test calls
// checktest.Run and then shows what is particular to the check, on real things
// on localhost and on a fed /proc for states that are rare. go generate ./checks
// brings the reference up to date.
package checks

import (
	_ "embed"
	"encoding/json"
	"sync"

	"gumshoe/checks/backups"
	"gumshoe/checks/changes"
	"gumshoe/checks/command"
	"gumshoe/checks/host"
	"gumshoe/checks/kafka"
	"gumshoe/checks/metrics"
	"gumshoe/checks/mongodb"
	"gumshoe/checks/mysql"
	"gumshoe/checks/nats"
	"gumshoe/checks/packets"
	"gumshoe/checks/postgres"
	"gumshoe/checks/probe"
	"gumshoe/checks/profile"
	"gumshoe/checks/rabbitmq"
	"gumshoe/checks/reach"
	"gumshoe/checks/redis"
	"gumshoe/checks/topology"
	"gumshoe/engine"
)

//go:generate go run ./docgen

// Dependencies are what the checks need from outside. The zero value allows no
// command and probes every target that is not guarded.
type Dependencies struct {
	// Host is where the files that describe this host are.
	Host host.Source
	// Changes is where the traces of changes to this host are.
	Changes changes.Source
	// AllowedCommands are the commands that the check command may run.
	AllowedCommands []command.Allowed
	// Probes says which targets may be connected to.
	Probes *reach.AllowList
	// Backups are those that are declared; the zero value has none.
	Backups backups.Backups
	// Topology has the services that are declared; the zero value has none.
	Topology topology.Topology
}

// Instruments lists the checks.
func Instruments(deps Dependencies) []engine.Instrument {
	probes := probe.New(deps.Probes)
	return []engine.Instrument{
		deps.Backups.State(),
		deps.Changes.Recent(),
		command.New(deps.AllowedCommands),
		deps.Host.CPU(),
		deps.Host.Cgroup(),
		deps.Host.Cgroups(),
		deps.Host.Disk(),
		deps.Host.DiskIO(),
		deps.Host.Kernel(),
		deps.Host.Limits(),
		deps.Host.Load(),
		deps.Host.Memory(),
		deps.Host.Network(),
		deps.Host.Pressure(),
		deps.Host.Process(),
		deps.Host.Processes(),
		deps.Host.Services(),
		deps.Host.Sockets(),
		deps.Host.Time(),
		kafka.New(deps.Probes).Cluster(),
		metrics.New(deps.Probes).Prometheus(),
		mongodb.New(deps.Probes).Server(),
		mysql.New(deps.Probes).Server(),
		nats.New(deps.Probes).Server(),
		postgres.New(deps.Probes).Pooler(),
		postgres.New(deps.Probes).Server(),
		packets.New(deps.Probes).Capture(),
		packets.New(deps.Probes).File(),
		probes.DNS(),
		probes.GRPC(),
		probes.HTTP(),
		probes.NTP(),
		probes.Ping(),
		probes.Ports(),
		probes.Route(),
		probes.SMTP(),
		probes.TLS(),
		probes.TCP(),
		profile.New(deps.Probes).Pprof(),
		rabbitmq.New(deps.Probes).Server(),
		redis.New(deps.Probes).Server(),
		deps.Topology.Walk(),
	}
}

// fields are the doc comments of the checks' inputs and outputs, as go generate
// wrote them.
//
//go:embed fields.json
var fields []byte

// Builtin gives the registry of the checks with their documentation, which is read
// when a field's is first asked for.
func Builtin(deps Dependencies) (*engine.Registry, error) {
	return engine.NewRegistry(sync.OnceValue(readFields), Instruments(deps)...)
}

func readFields() engine.FieldDocs {
	var docs engine.FieldDocs
	if err := json.Unmarshal(fields, &docs); err != nil {
		panic("checks/fields.json: " + err.Error()) // a bug of ours, and a test reads it
	}
	return docs
}
