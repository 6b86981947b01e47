// Package topology looks at all declared services at once, and finds the one
// that fails while what it needs is well: where a storm of alerts began.
package topology

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/kleene"
)

// Topology makes the check that walks the services.
type Topology struct {
	declared func() []*engine.Service
	observe  engine.Observer
}

// New gives the check of the services that a function gives, whose dependencies
// are all among them. It is called at each look and each plan, and not before:
// services name the checks that look at them, of which this is one. The observer
// takes the observations of their probes.
func New(declared func() []*engine.Service, observe engine.Observer) Topology {
	return Topology{declared: declared, observe: observe}
}

func (t Topology) services() []*engine.Service {
	if t.declared == nil {
		return nil
	}
	return t.declared()
}

// WalkInput are the inputs of topology.walk.
type WalkInput struct {
	// Services limits the walk to these services with all that they need and all
	// that needs them; all services when it is empty.
	Services []string `json:"services"`
	// Timeout is when a probe that has not answered yet is given up.
	Timeout time.Duration `json:"timeout" default:"10s" min:"100ms" max:"60s"`
}

// Walk is what topology.walk observes.
type Walk struct {
	// Services are all services that were looked at or passed, in the order of the
	// file; at most 1000.
	Services []Service `json:"services" expr:"services"`
	// Suspects are the names of the services at which the failing begins, the most
	// urgent first: those that most failing critical services need, then those that
	// most failing services need, then those that most services need.
	Suspects []string `json:"suspects" expr:"suspects"`
	// Hosts are the hosts that the probes look at, by name or address, in the order
	// in which they are met.
	Hosts []Host `json:"hosts" expr:"hosts"`
	// Circles are services that need each other.
	Circles []Circle `json:"circles" expr:"circles"`
	// Probed is the number of services that were looked at, with or without success.
	Probed int `json:"probed" expr:"probed"`
	// Healthy, Failing and Unknown are how many of them are well, are not, and could
	// not be judged.
	Healthy int `json:"healthy" expr:"healthy"`
	// Failing is the number of services that were seen not to be well.
	Failing int `json:"failing" expr:"failing"`
	// Unknown is the number of services that could not be judged.
	Unknown int `json:"unknown" expr:"unknown"`
	// Silent is the number of failing services from whose address nothing came
	// back: no answer, no refusal.
	Silent int `json:"silent" expr:"silent"`
	// NamesFailed is the number of failing services whose names the name service
	// gives no answer for.
	NamesFailed int `json:"names_failed" expr:"names_failed"`
}

// Service is one service of a walk.
type Service struct {
	// Name is the service's.
	Name string `json:"name" expr:"name"`
	// Status is healthy, failing, unknown (we could not look, or not see what the
	// probe asks for) or not_probed (nothing says how to look).
	Status string `json:"status" expr:"status" enum:"healthy,failing,unknown,not_probed"`
	// State says what the others make of that: healthy; of those that fail by
	// themselves down (nothing runs there: refused, no such name), silent (nothing
	// comes back), unresolved (the name service gives no answer) or unwell (it
	// answers wrongly or too late while all it needs is well); of those that fail
	// echo (what it needs explains it); unknown and not_probed as in status.
	State string `json:"state" expr:"state" enum:"healthy,down,silent,unresolved,unwell,echo,unknown,not_probed"`
	// Critical says that it comes first.
	Critical bool `json:"critical" expr:"critical"`
	// Owner is whom to tell; "" when nobody is declared.
	Owner string `json:"owner" expr:"owner"`
	// Suspect says that it fails, and that nothing it needs explains that: all that
	// it needs is well, or it does not even answer.
	Suspect bool `json:"suspect" expr:"suspect"`
	// Certain says of a suspect that all it needs was seen to be well.
	Certain bool `json:"certain" expr:"certain"`
	// Answers says that something at its address accepted a connection.
	Answers bool `json:"answers" expr:"answers"`
	// Silent says that nothing came back from its address, not even a refusal.
	Silent bool `json:"silent" expr:"silent"`
	// Outcome is that of the probe that decided, such as refused; "" when its check
	// has none, or there was no look.
	Outcome string `json:"outcome" expr:"outcome"`
	// Summary says what was seen, or why nothing was.
	Summary string `json:"summary" expr:"summary"`
	// ElapsedSeconds is how long the longest of its probes took.
	ElapsedSeconds float64 `json:"elapsed_seconds" expr:"elapsed_seconds"`
	// DependsOn are the services that it needs, optional ones too.
	DependsOn []string `json:"depends_on" expr:"depends_on"`
	// Causes are the suspects among all that it needs: where its failing may come
	// from.
	Causes []string `json:"causes" expr:"causes"`
	// Dependents is its blast radius: the number of services that cannot do without
	// it, at any distance.
	Dependents int `json:"dependents" expr:"dependents"`
	// Affected are those of them that fail.
	Affected []string `json:"affected" expr:"affected"`
}

// Host is one of the hosts on which services are looked at.
type Host struct {
	// Host is its name or address, as the probes have it.
	Host string `json:"host" expr:"host"`
	// Services are those looked at there.
	Services []string `json:"services" expr:"services"`
	// Failing and Silent are how many of them fail, and from how many nothing came
	// back.
	Failing int `json:"failing" expr:"failing"`
	// Silent is the number of services there from which nothing came back.
	Silent int `json:"silent" expr:"silent"`
}

// Circle is a number of services that need each other.
type Circle struct {
	// Services are their names.
	Services []string `json:"services" expr:"services"`
	// Failing is how many of them fail.
	Failing int `json:"failing" expr:"failing"`
}

// parallel is how many services are looked at at a time.
const parallel = 256

// walks tells whether a probe is this very check, which would walk for ever.
func walks(p *engine.ServiceProbe) bool { return p.Check.Out.Type == reflect.TypeFor[Walk]() }

// Walk is the check topology.walk.
//
// It looks at all services of gumshoe.yaml at the same time, as their probes say,
// and compares what fails with what depends on what. A service fails by itself
// when all that it needs is well, or when nothing answers at its address at all;
// otherwise what it needs explains it.
//
// Example:
//
//	walk: { check: topology.walk }
//
// By hand:
//
//	gumshoe topology --probe
func (t Topology) Walk() engine.Check[WalkInput, Walk] {
	return engine.Check[WalkInput, Walk]{
		Name:      "topology.walk",
		Doc:       "Which of the declared services fail, at which of them it began, and whom that affects.",
		Cost:      2 * time.Second,
		Risk:      engine.Read,
		Plan:      t.plan,
		Run:       t.walk,
		Summarize: summarizeWalk,
	}
}

func summarizeWalk(o Walk) string {
	switch {
	case o.Failing == 0 && o.Unknown == 0:
		return fmt.Sprintf("%d services, all well", o.Probed)
	case o.Failing == 0:
		return fmt.Sprintf("%d services, none seen to fail, %d unknown", o.Probed, o.Unknown)
	case len(o.Suspects) == 0:
		return fmt.Sprintf("%d of %d services fail", o.Failing, o.Probed)
	}
	names := strings.Join(o.Suspects[:min(len(o.Suspects), 3)], ", ")
	if len(o.Suspects) > 3 {
		names += fmt.Sprintf(" and %d more", len(o.Suspects)-3)
	}
	return fmt.Sprintf("%d of %d services fail, beginning at %s", o.Failing, o.Probed, names)
}

func (t Topology) plan(in WalkInput) []engine.Touch {
	chosen, err := Choose(t.services(), in.Services)
	if err != nil {
		return nil
	}
	var touches []engine.Touch
	for _, s := range chosen {
		for _, p := range s.Probes {
			input, err := p.Input()
			if err != nil || walks(p) {
				continue // the look says why it cannot be made
			}
			for _, touch := range p.Check.Plan(input) {
				if !slices.ContainsFunc(touches, func(known engine.Touch) bool { return reflect.DeepEqual(known, touch) }) {
					touches = append(touches, touch)
				}
			}
		}
	}
	return touches
}

func (t Topology) walk(ctx context.Context, call *engine.Call, in WalkInput) (Walk, error) {
	o := Walk{Services: []Service{}, Suspects: []string{}, Hosts: []Host{}, Circles: []Circle{}}
	services := t.services()
	if len(services) == 0 {
		return o, engine.Blind("no services are declared", "declare them, with what they depend on and how to probe them, under services: in gumshoe.yaml", nil)
	}
	chosen, err := Choose(services, in.Services)
	if err != nil {
		return o, err
	}
	call.Reproduce(append([]string{"gumshoe", "topology", "--probe"}, in.Services...)...)
	looked := t.look(ctx, chosen, in.Timeout, call.Incident())
	if err := ctx.Err(); err != nil {
		return o, err
	}
	o.conclude(call, chosen, looked)
	return o, nil
}

// Choose gives those of the services that have these names, all that they need
// and all that needs them, in the same order; all of them without names.
func Choose(services []*engine.Service, names []string) ([]*engine.Service, error) {
	if len(names) == 0 {
		return services, nil
	}
	index := make(map[string]int, len(services))
	for i, s := range services {
		index[s.Name] = i
	}
	needs := make([]vertex, len(services))
	needed := make([]vertex, len(services))
	for i, s := range services {
		for _, d := range s.DependsOn {
			j := index[d.Service]
			needs[i].needs = append(needs[i].needs, j)
			needed[j].needs = append(needed[j].needs, i)
		}
	}
	var keep []int
	for _, name := range names {
		i, ok := index[name]
		if !ok {
			return nil, engine.Blind(fmt.Sprintf("there is no service %q", name), "`gumshoe topology` lists those of gumshoe.yaml", nil)
		}
		keep = append(keep, i)
		keep = append(keep, reach(needs, i)...)
		keep = append(keep, reach(needed, i)...)
	}
	slices.Sort(keep)
	var chosen []*engine.Service
	for _, i := range slices.Compact(keep) {
		chosen = append(chosen, services[i])
	}
	return chosen, nil
}

// looked is what the probes of a service showed.
type looked struct {
	results []engine.ProbeResult
	elapsed float64
}

// look looks at all services at the same time, and at each with all its probes.
func (t Topology) look(ctx context.Context, services []*engine.Service, timeout time.Duration, incident engine.Incident) []looked {
	list := make([]looked, len(services))
	slots := make(chan struct{}, parallel)
	var wait sync.WaitGroup
	for i, s := range services {
		list[i].results = make([]engine.ProbeResult, len(s.Probes))
		for j, p := range s.Probes {
			if walks(p) {
				list[i].results[j] = engine.ProbeResult{
					Reason: "a walk over all services is no look at one of them", Fix: "give it a probe of its own at " + p.At.String(),
				}
				continue
			}
			slots <- struct{}{}
			wait.Go(func() {
				defer func() { <-slots }()
				inner, stop := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it gave no answer in %s", timeout))
				defer stop()
				list[i].results[j] = p.Look(inner, t.observe, incident)
			})
		}
	}
	wait.Wait()
	for i := range list {
		for _, r := range list[i].results {
			list[i].elapsed = max(list[i].elapsed, r.Observation.Elapsed.Seconds())
		}
	}
	return list
}

// conclude judges the services by what was seen.
func (o *Walk) conclude(call *engine.Call, services []*engine.Service, looks []looked) {
	index := make(map[string]int, len(services))
	for i, s := range services {
		index[s.Name] = i
	}
	graph := make([]vertex, len(services))
	for i, s := range services {
		one := judge(s, looks[i])
		graph[i] = vertex{name: s.Name, critical: s.Critical, health: healthOf(one.Status), alone: one.Status == "failing" && !one.Answers}
		for _, d := range s.DependsOn {
			one.DependsOn = append(one.DependsOn, d.Service)
			if j, ok := index[d.Service]; ok && !d.Optional {
				graph[i].needs = append(graph[i].needs, j)
			}
		}
		o.Services = append(o.Services, one)
		o.count(call, i, one, looks[i])
	}
	findings := analyse(graph)
	names := func(list []int) []string {
		texts := []string{}
		for _, i := range list {
			texts = append(texts, graph[i].name)
		}
		return texts
	}
	for i, f := range findings {
		s := &o.Services[i]
		s.Suspect, s.Certain, s.Dependents = f.root, f.certain, len(f.dependent)
		s.Causes, s.Affected = names(f.causes), names(f.affected)
		s.State = stateOf(*s)
		if f.circle > len(o.Circles) {
			o.Circles = append(o.Circles, Circle{Services: []string{}})
		}
		if f.circle > 0 {
			c := &o.Circles[f.circle-1]
			c.Services = append(c.Services, s.Name)
			if s.Status == "failing" {
				c.Failing++
			}
		}
	}
	o.Suspects = names(suspects(graph, findings))
	o.admit(call)
	for i := range services {
		o.place(o.Services[i], looks[i])
	}
}

// count counts a service, and says why it could not be judged.
func (o *Walk) count(call *engine.Call, i int, s Service, l looked) {
	if s.Status == "not_probed" {
		return
	}
	o.Probed++
	switch s.Status {
	case "healthy":
		o.Healthy++
	case "failing":
		o.Failing++
		if s.Silent {
			o.Silent++
		}
		if s.Outcome == "name_failed" {
			o.NamesFailed++
		}
	default:
		o.Unknown++
		for _, r := range l.results {
			if r.Healthy == kleene.Unknown {
				for _, field := range []string{"status", "state", "suspect", "answers", "silent", "outcome"} {
					call.Unread(fmt.Sprintf("services[%d].%s", i, field), s.Name+": "+r.Reason, r.Fix)
				}
			}
		}
	}
}

// admit says that none was seen only of what was all looked at.
func (o *Walk) admit(call *engine.Call) {
	if o.Unknown > 0 && o.Failing == 0 {
		reason := fmt.Sprintf("%d of %d services could not be judged", o.Unknown, o.Probed)
		for _, field := range []string{"failing", "suspects", "silent", "names_failed"} {
			call.Unread(field, reason, "")
		}
	}
}

// place adds a service to the hosts that it was looked at on.
func (o *Walk) place(s Service, l looked) {
	for _, r := range l.results {
		host, _, err := net.SplitHostPort(r.Target)
		if err != nil || host == "" {
			continue
		}
		at := slices.IndexFunc(o.Hosts, func(h Host) bool { return h.Host == host })
		if at < 0 {
			at = len(o.Hosts)
			o.Hosts = append(o.Hosts, Host{Host: host, Services: []string{}})
		}
		h := &o.Hosts[at]
		if slices.Contains(h.Services, s.Name) {
			continue
		}
		h.Services = append(h.Services, s.Name)
		if s.Status == "failing" {
			h.Failing++
		}
		if s.Silent {
			h.Silent++
		}
	}
}
