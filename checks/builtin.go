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
	"fmt"

	"gumshoe/checks/command"
	"gumshoe/checks/host"
	"gumshoe/checks/probe"
	"gumshoe/engine"
)

//go:generate go run ./docgen

// Dependencies are what the checks need from outside. The zero value allows no
// command and probes every target that is not guarded.
type Dependencies struct {
	// Host is where the files that describe this host are.
	Host host.Source
	// AllowedCommands are the commands that the check command may run.
	AllowedCommands []command.Allowed
	// Probes says which targets may be connected to.
	Probes *probe.AllowList
}

// Instruments lists the checks.
func Instruments(deps Dependencies) []engine.Instrument {
	probes := probe.New(deps.Probes)
	return []engine.Instrument{
		command.New(deps.AllowedCommands),
		deps.Host.CPU(),
		deps.Host.Cgroup(),
		deps.Host.Disk(),
		deps.Host.Limits(),
		deps.Host.Memory(),
		deps.Host.Network(),
		deps.Host.Pressure(),
		deps.Host.Process(),
		deps.Host.Processes(),
		deps.Host.Sockets(),
		probes.TCP(),
	}
}

// fields are the doc comments of the checks' inputs and outputs, as go generate
// wrote them.
//
//go:embed fields.json
var fields []byte

// Builtin gives the registry of the checks with their documentation.
func Builtin(deps Dependencies) (*engine.Registry, error) {
	var docs engine.FieldDocs
	if err := json.Unmarshal(fields, &docs); err != nil {
		return nil, fmt.Errorf("checks/fields.json: %w", err)
	}
	return engine.NewRegistry(docs, Instruments(deps)...)
}
