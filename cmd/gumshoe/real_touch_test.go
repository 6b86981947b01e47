package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gumshoe/engine"
)

// A run touches only what plan names, and writes nothing but its own record:
// seen from outside, by strace.
func TestRealTouchesOnlyThePlan(t *testing.T) {
	needReal(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("gumshoe.yaml", "commands:\n  - { argv: [df, -P], risk: read }\n")
	write("every-kind.yaml", fmt.Sprintf(`runbook: every-kind
title: A step of every kind
steps:
  df:   { check: command, with: { argv: [df, -P] } }
  port: { check: probe.tcp, with: { address: %q } }
  name: { check: probe.tcp, with: { address: "localhost:1" } }
hypotheses:
  refused:
    title: Nothing listens
    strong: { if: 'port.outcome == "refused"', must: true }
    medium: df.exit_code != 0
    weak: name.outcome == "refused"
`, listener.Addr()))
	for _, runbook := range []string{"host-sick", "disk-full", filepath.Join(dir, "every-kind.yaml")} {
		t.Run(filepath.Base(runbook), func(t *testing.T) {
			touchesOnlyThePlan(t, dir, runbook)
		})
	}
}

func touchesOnlyThePlan(t *testing.T, dir, runbook string) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	environment := append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state)
	planned := exec.Command(path, "plan", "--format", "json", runbook)
	planned.Dir, planned.Env = dir, environment
	out, err := planned.Output()
	if err != nil {
		t.Fatal(err)
	}
	var plan engine.RunPlan
	if err := json.Unmarshal(out, &plan); err != nil {
		t.Fatal(err)
	}

	trace := filepath.Join(t.TempDir(), "trace")
	run := exec.Command("strace", "-f", "-qq", "-y", "-s", "4096", "-e", "trace=%file,%network", "-o", trace,
		path, "run", "--all", "--format", "json", runbook)
	run.Dir, run.Env = dir, environment
	if out, err := run.Output(); len(out) == 0 {
		t.Fatalf("the run under strace printed nothing: %v", err)
	}
	calls, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range outside(string(calls), dir, path, &plan) {
		t.Error(violation)
	}

	// The test can fail: without the plan's list, the run is full of violations.
	empty := plan
	empty.Steps, empty.Own = nil, nil
	if len(outside(string(calls), dir, path, &empty)) == 0 {
		t.Error("no system call was seen outside an empty plan: the trace is not being read")
	}
}

var (
	systemCall = regexp.MustCompile(`^(\d+)\s+(\w+)\((.*)$`)
	descriptor = regexp.MustCompile(`^(?:AT_FDCWD|\d+)<([^>]*)>`)
	quoted     = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	inet       = regexp.MustCompile(`sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"`)
	writing    = regexp.MustCompile(`O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND`)
)

// outside lists the system calls of a trace that use something that the plan
// does not name, or write to something that it does not say is written. What a
// planned command does is its own business: only that it was started counts.
func outside(trace, dir, program string, plan *engine.RunPlan) []string {
	var touches []engine.Touch
	for _, s := range plan.Steps {
		touches = append(touches, s.Touches...)
	}
	touches = append(touches, plan.Own...)
	var violations []string
	children := make(map[string]bool) // process ids of planned commands
	for line := range strings.Lines(trace) {
		call := systemCall.FindStringSubmatch(strings.TrimSpace(line))
		if call == nil || children[call[1]] {
			continue
		}
		pid, name, arguments := call[1], call[2], call[3]
		switch name {
		case "execve":
			argv0 := quoted.FindStringSubmatch(arguments)
			if argv0 == nil || argv0[1] == program {
				continue
			}
			if !named(touches, engine.TouchCommand, argv0[1], false) {
				violations = append(violations, "runs "+strings.TrimSpace(line))
			}
			children[pid] = true
		case "connect", "sendto", "sendmsg", "sendmmsg":
			if to := inet.FindStringSubmatch(arguments); to != nil {
				if !named(touches, engine.TouchNetwork, net.JoinHostPort(to[2], to[1]), false) && to[1] != "0" && to[1] != "53" && !loopbackByName(touches, to[1]) {
					violations = append(violations, "connects: "+strings.TrimSpace(line))
				}
			}
		case "socket", "bind", "getsockname", "getpeername", "setsockopt", "getsockopt", "accept4", "recvfrom", "recvmsg", "listen", "socketpair", "shutdown":
		default:
			p := quoted.FindStringSubmatch(arguments)
			if p == nil || p[1] == "" {
				continue
			}
			file := p[1]
			if folder := descriptor.FindStringSubmatch(arguments); folder != nil && !filepath.IsAbs(file) {
				file = filepath.Join(folder[1], file)
			} else if !filepath.IsAbs(file) {
				file = filepath.Join(dir, file)
			}
			changes := writing.MatchString(arguments) || strings.HasPrefix(name, "mkdir") || strings.HasPrefix(name, "unlink") ||
				strings.HasPrefix(name, "rename") || strings.HasPrefix(name, "chmod") || strings.HasPrefix(name, "link")
			if inside(file, "/proc") || inside(file, "/sys") {
				if changes {
					violations = append(violations, "writes: "+strings.TrimSpace(line))
				}
				continue
			}
			looksFor := strings.Contains(name, "stat") || strings.Contains(name, "access")
			if looksFor && named(touches, engine.TouchCommand, file, false) {
				continue
			}
			if !named(touches, engine.TouchFile, file, changes) {
				violations = append(violations, "touches: "+strings.TrimSpace(line))
			}
		}
	}
	return violations
}

func inside(file, folder string) bool { return file == folder || strings.HasPrefix(file, folder+"/") }

// named tells whether the plan names something, or a folder that it is in.
func named(touches []engine.Touch, kind engine.TouchKind, what string, changes bool) bool {
	for _, touch := range touches {
		if touch.Kind != kind || (changes && !strings.Contains(touch.How, "write")) {
			continue
		}
		if touch.What == what || (kind == engine.TouchNetwork && touch.What == what+" tcp") {
			return true
		}
		// A command that is planned by its name is looked for along PATH.
		if kind == engine.TouchCommand && touch.What == filepath.Base(what) {
			return true
		}
		folder := strings.TrimSuffix(touch.What, "/")
		if kind == engine.TouchFile && strings.Contains(touch.How, "write") && (strings.HasPrefix(what, folder+"/") || strings.HasPrefix(folder, what)) {
			return true
		}
		if kind == engine.TouchFile && !changes && strings.Contains(touch.How, "below") && strings.HasPrefix(what, folder+"/") {
			return true
		}
	}
	return false
}

// loopbackByName tells whether the plan names localhost with this port, which
// resolves to more than one address.
func loopbackByName(touches []engine.Touch, port string) bool {
	for _, touch := range touches {
		if touch.Kind == engine.TouchNetwork && strings.HasPrefix(touch.What, "localhost:"+port+" ") {
			return true
		}
	}
	return false
}
