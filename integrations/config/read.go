package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// reader reads one file.
type reader struct {
	config *Config
	faults *source.Faults
}

func (r *reader) read(node source.Node) {
	o, ok := node.Object("gumshoe.yaml", r.faults)
	if !ok {
		return
	}
	r.readCommands(o.Field("commands"))
	r.readSecrets(o.Field("secrets"))
	r.readAllow(o.Field("allow"))
	r.config.Services = o.Field("services")
	r.readBackups(o.Field("backups"))
	folders, _ := o.Field("runbooks").Strings(`"runbooks"`, r.faults)
	for _, folder := range folders {
		if path, ok := r.path(folder, `"runbooks"`); ok {
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				r.faults.Warnf(folder.Position, "there is no folder %s to find runbooks in", path)
			}
			r.config.Runbooks = append(r.config.Runbooks, path)
		}
	}
	if state, ok := o.Field("state").String(`"state"`, r.faults); ok {
		r.config.State, _ = r.path(state, `"state"`)
	}
	o.Done()
}

// path makes a path relative to the file absolute, or relative to where the
// program runs.
func (r *reader) path(text source.Text, what string) (string, bool) {
	if err := engine.CheckPath(text.Value); err != nil {
		r.faults.Addf(text.Position, "%s: %s", what, err)
		return "", false
	}
	if filepath.IsAbs(text.Value) {
		return filepath.Clean(text.Value), true
	}
	return filepath.Join(filepath.Dir(r.config.File), text.Value), true
}

func (r *reader) readCommands(node source.Node) {
	items, _ := node.List(`"commands"`, r.faults)
	first := make(map[string]source.Position)
	for _, item := range items {
		o, ok := item.Object("a command", r.faults)
		if !ok {
			continue
		}
		command := Command{At: o.Position(), Risk: engine.Change}
		argvNode, _ := o.Required("argv")
		argv, ok := argvNode.List(`"argv"`, r.faults)
		for _, arg := range argv {
			text, good := arg.String(`an argument in "argv"`, r.faults)
			command.Argv = append(command.Argv, text.Value)
			ok = ok && good
		}
		switch {
		case !ok:
		case len(command.Argv) == 0 || command.Argv[0] == "":
			r.faults.Addf(argvNode.Position(), `"argv" needs a program: ["df", "-P"]`)
		case slices.ContainsFunc(command.Argv, func(arg string) bool { return strings.ContainsRune(arg, 0) }):
			r.faults.Addf(argvNode.Position(), `"argv" holds a NUL character, which no program can be given`)
		}
		r.readRisk(&command, o.Field("risk"))
		o.Done()
		key := strings.Join(command.Argv, "\x00")
		if earlier, known := first[key]; known && len(command.Argv) > 0 {
			r.faults.Addf(command.At, "this command is already listed at %s; leave one out", earlier)
		} else {
			first[key] = command.At
		}
		r.config.Commands = append(r.config.Commands, command)
	}
}

func (r *reader) readRisk(command *Command, node source.Node) {
	text, ok := node.String(`"risk"`, r.faults)
	if !ok {
		return
	}
	for _, risk := range []engine.Risk{engine.Read, engine.Load, engine.Change} {
		if risk.String() == text.Value {
			command.Risk = risk
			return
		}
	}
	words := []string{engine.Read.String(), engine.Load.String(), engine.Change.String()}
	r.faults.Addf(text.Position, "unknown risk %q%s (allowed: %s)", text.Value,
		source.DidYouMean(text.Value, words), strings.Join(words, ", "))
}

func (r *reader) readSecrets(node source.Node) {
	fields, _ := node.Mapping(`"secrets"`, r.faults)
	for _, field := range fields {
		name := field.Key
		if !secretName.MatchString(name.Value) {
			r.faults.Addf(name.Position, "secret %q: a name is lower-case letters, digits and _, and starts with a letter", name.Value)
		}
		if field.Value.IsString() {
			r.faults.Addf(field.Value.Position(), "secret %s: say where it is kept, as in {secret: env:NAME} or {secret: file:PATH}; its value does not belong in this file", name.Value)
			continue
		}
		o, ok := field.Value.Object("secret "+name.Value, r.faults)
		if !ok {
			continue
		}
		refNode, _ := o.Required("secret")
		text, ok := refNode.String(`"secret"`, r.faults)
		o.Done()
		if !ok {
			continue
		}
		ref, err := engine.ParseSecretRef(text.Value)
		if err != nil {
			r.faults.Addf(text.Position, "%s", err)
			continue
		}
		r.config.Secrets = append(r.config.Secrets, Secret{At: name.Position, Name: name.Value, Ref: ref})
	}
}

var secretName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (r *reader) readAllow(node source.Node) {
	if node.IsZero() {
		return
	}
	o, ok := node.Object(`"allow"`, r.faults)
	if !ok {
		return
	}
	targets := o.Field("targets")
	o.Done()
	texts, ok := targets.Strings(`"targets"`, r.faults)
	if !ok {
		return
	}
	r.config.Allow.Set = true
	for _, text := range texts {
		target, err := engine.ParseDestination(text.Value)
		if err != nil {
			r.faults.Addf(text.Position, "target %q: %s", text.Value, err)
			continue
		}
		r.config.Allow.Targets = append(r.config.Allow.Targets, target)
	}
}
