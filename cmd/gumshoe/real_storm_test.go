package main

// A storm: ten services in a tree, in a network namespace of their own, each with
// an address of its own and a health page that is only good when those of all it
// needs are. Whichever is killed, most of the others fail with it.

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func stormTasks() map[string]func(string) {
	return map[string]func(string){"healthy-if": healthyIf}
}

// stormTree has the services in order of their addresses, 10.9.1.1 and on, and
// what each needs.
func stormTree() []struct{ name, needs string } {
	return []struct{ name, needs string }{
		{"shop", "orders search sessions"}, {"admin", "orders"}, {"orders", "payments inventory"}, {"search", ""}, {"sessions", ""},
		{"payments", "ledger"}, {"inventory", "stock-db"}, {"ledger", "ledger-db"}, {"stock-db", ""}, {"ledger-db", ""},
	}
}

func stormAddress(name string) string {
	i := slices.IndexFunc(stormTree(), func(s struct{ name, needs string }) bool { return s.name == name })
	return fmt.Sprintf("10.9.1.%d:8080", i+1)
}

// healthyIf serves a health page at the first of the addresses, which is good
// while those at the others are.
func healthyIf(addresses string) {
	own, needs, _ := strings.Cut(addresses, " ")
	server := &http.Server{
		Addr: own, ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for at := range strings.FieldsSeq(needs) {
				// What is asked waits longer than what it asks itself.
				ctx, stop := context.WithTimeout(r.Context(), time.Second)
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/health", nil)
				if err != nil {
					panic(err)
				}
				response, err := http.DefaultClient.Do(request)
				good := err == nil && response.StatusCode == http.StatusOK
				if err == nil {
					response.Body.Close()
				}
				stop()
				if !good {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
			}
		}),
	}
	fmt.Println("ready")
	panic(server.ListenAndServe())
}

// storm is the ten services while they run.
type storm struct {
	namespace, config string
	running           map[string]*exec.Cmd
}

func startStorm(t *testing.T) *storm {
	t.Helper()
	s := &storm{namespace: namespace(t, "storm"), config: filepath.Join(t.TempDir(), "gumshoe.yaml"), running: map[string]*exec.Cmd{}}
	var text strings.Builder
	text.WriteString("services:\n")
	for i, service := range stormTree() {
		inShell(t, "ip", "-n", s.namespace, "addr", "add", fmt.Sprintf("10.9.1.%d/32", i+1), "dev", "lo")
		fmt.Fprintf(&text, "  %s: { depends_on: [%s], probe: { check: probe.http, with: { url: \"http://%s/health\", timeout: 5s } } }\n",
			service.name, strings.Join(strings.Fields(service.needs), ", "), stormAddress(service.name))
	}
	if err := os.WriteFile(s.config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, service := range stormTree() {
		s.start(t, service.name)
	}
	t.Cleanup(func() {
		for name := range s.running {
			s.kill(name)
		}
	})
	return s
}

func (s *storm) start(t *testing.T, name string) {
	t.Helper()
	addresses := []string{stormAddress(name)}
	for _, service := range stormTree() {
		if service.name == name {
			for needed := range strings.FieldsSeq(service.needs) {
				addresses = append(addresses, stormAddress(needed))
			}
		}
	}
	cmd := exec.Command("ip", "netns", "exec", s.namespace, os.Args[0], strings.Join(addresses, " "))
	cmd.Env = append(os.Environ(), "GUMSHOE_TEST_TASK=healthy-if")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.running[name] = cmd
	deadline := time.Now().Add(time.Minute)
	for exec.Command("ip", "netns", "exec", s.namespace, "bash", "-c", "exec 3<>/dev/tcp/"+strings.Replace(stormAddress(name), ":", "/", 1)).Run() != nil {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not serve", name)
		}
	}
}

func (s *storm) kill(name string) {
	_ = s.running[name].Process.Kill()
	_ = s.running[name].Wait()
}

// wantBlamed runs the runbook, and checks that it confirms one cause with exactly
// these names.
func (s *storm) wantBlamed(t *testing.T, hypothesis string, names ...string) {
	t.Helper()
	r, exit := diagnoseIn(t, s.namespace, "alert-storm", "--config", s.config)
	wantConfirmed(t, r, exit, hypothesis)
	for _, h := range r.Hypotheses {
		got := slices.Sorted(slices.Values(h.Subjects))
		if slices.Sort(names); h.ID == hypothesis && !slices.Equal(got, names) {
			t.Errorf("%s names %v, want exactly %v\n%s", hypothesis, got, names, verdicts(r))
		}
	}
}

// TestRealStorm: each of ten services killed is named, and nothing else; so are
// two at once, whether one needs the other or not; one that hangs, and one whose
// packets are dropped, are told from one that is dead.
func TestRealStorm(t *testing.T) {
	needReal(t)
	s := startStorm(t)
	r, exit := diagnoseIn(t, s.namespace, "alert-storm", "--config", s.config)
	if exit != 0 {
		t.Fatalf("all are well, exit status %d\n%s", exit, verdicts(r))
	}
	for i, service := range stormTree() {
		t.Run(service.name, func(t *testing.T) {
			s.kill(service.name)
			defer s.start(t, service.name)
			s.wantBlamed(t, "service_down", service.name)
		})
		other := stormTree()[(i+3)%len(stormTree())].name
		t.Run(service.name+" and "+other, func(t *testing.T) {
			for _, name := range []string{service.name, other} {
				s.kill(name)
				defer s.start(t, name)
			}
			s.wantBlamed(t, "service_down", service.name, other)
		})
	}
	for _, pair := range [][2]string{{"ledger", "ledger-db"}, {"shop", "ledger-db"}, {"orders", "inventory"}} {
		t.Run(pair[0]+" needs "+pair[1], func(t *testing.T) {
			for _, name := range pair {
				s.kill(name)
				defer s.start(t, name)
			}
			s.wantBlamed(t, "service_down", pair[0], pair[1])
		})
	}
	t.Run("hangs", func(t *testing.T) {
		process := s.running["stock-db"].Process
		if err := process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = process.Signal(syscall.SIGCONT) }()
		s.wantBlamed(t, "service_unwell", "stock-db")
	})
	t.Run("dropped", func(t *testing.T) {
		wall(t, s.namespace, "input", "ip daddr "+strings.TrimSuffix(stormAddress("ledger-db"), ":8080")+" drop")
		defer inShell(t, "ip", "netns", "exec", s.namespace, "nft", "delete", "table", "inet", "wall")
		s.wantBlamed(t, "service_silent", "ledger-db")
	})
}
