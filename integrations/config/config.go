// Package config reads gumshoe.yaml: what Gumshoe may do and where it finds
// things, as the operator of a machine says it. It reads strictly, as the
// loader of runbooks does: whatever is wrong is told with its place, all at once.
//
// It knows nothing of checks; cmd turns its settings into what they take.
package config

import (
	"errors"
	"io/fs"
	"os"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Config is what gumshoe.yaml says. The zero value is what holds without one:
// no command is allowed, every probe target is, and runbooks are only found in
// the usual places.
type Config struct {
	// File is where it was read from; "" when there is no file.
	File string
	// Commands are those that the check command may run without approval. Nothing
	// but exactly such an argv is allowed.
	Commands []Command
	// Secrets are values to be blotted out of all that is reported, by name.
	Secrets []Secret
	// Allow limits what runs touch.
	Allow Allow
	// Services are what runs and depends on each other, as they stand in the file:
	// load.Loader.Services reads them, since it takes the checks to do so.
	Services source.Node
	// Backups are what should be backed up, where to, and how often.
	Backups []Backup
	// Runbooks are folders in which runbooks are found by name, as absolute or
	// working-directory paths: relative ones in the file are relative to it.
	Runbooks []string
	// State is the folder that runs are kept in; "" means the usual one.
	State string
}

// Command is a command that may be run.
type Command struct {
	At source.Position
	// Argv is the program and its arguments, exactly; at least the program.
	Argv []string
	// Risk is what running it can do. A command without one is a Change.
	Risk engine.Risk
}

// Secret is a named secret.
type Secret struct {
	At   source.Position
	Name string
	// Ref says where its value is kept. It has not been read.
	Ref engine.SecretRef
}

// Allow is what probes may reach.
type Allow struct {
	// Targets lists them; an empty list that is Set allows none.
	Targets []engine.Destination
	// Set tells whether there is a list at all; without one, every target that a
	// runbook names is allowed.
	Set bool
}

// Places are where gumshoe.yaml is looked for, in order.
func Places() []string { return []string{"gumshoe.yaml", "/etc/gumshoe/gumshoe.yaml"} }

// Find gives the path of the file that holds: the explicit one when that is not
// "", else the first of Places that exists. An explicit path is given back
// unseen: Load tells what is wrong with it.
func Find(explicit string) (path string, found bool) {
	if explicit != "" {
		return explicit, true
	}
	for _, path := range Places() {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, true // one that cannot be read is a fault, not absent
		}
	}
	return "", false
}

// Load reads the file. It gives nil when something is wrong with it.
func Load(path string) (*Config, source.Faults) {
	var faults source.Faults
	node, ok := source.ReadFile(path, &faults)
	if !ok {
		return nil, faults.Sorted()
	}
	r := &reader{config: &Config{File: path}, faults: &faults}
	r.read(node)
	faults = faults.Sorted()
	if faults.Err() != nil {
		return nil, faults
	}
	return r.config, faults
}
