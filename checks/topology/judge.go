package topology

import (
	"cmp"
	"reflect"
	"slices"

	"gumshoe/engine"
	"gumshoe/engine/kleene"
)

// judge says how a service is by what its probes showed. One that fails decides,
// then one that could not be made.
func judge(s *engine.Service, l looked) Service {
	one := Service{
		Name: s.Name, Status: "not_probed", Critical: s.Critical, Owner: s.Owner,
		Summary:   "nothing says how to look at it",
		DependsOn: []string{}, Causes: []string{}, Affected: []string{}, ElapsedSeconds: l.elapsed,
	}
	if len(l.results) == 0 {
		return one
	}
	worst := l.results[0]
	for _, r := range l.results[1:] {
		if badness(r.Healthy) > badness(worst.Healthy) {
			worst = r
		}
	}
	one.Outcome = outcomeOf(worst.Observation)
	one.Summary = cmp.Or(worst.Observation.Summary, worst.Reason)
	switch worst.Healthy {
	case kleene.True:
		one.Status, one.Answers = "healthy", true
		return one
	case kleene.Unknown:
		one.Status, one.Summary = "unknown", cmp.Or(worst.Reason, one.Summary)
		return one
	case kleene.False:
		one.Status = "failing"
	}
	// A look that shows anything at its address shows that something answers.
	one.Answers = slices.ContainsFunc(l.results, func(r engine.ProbeResult) bool { return answers(r.Observation) })
	one.Silent = !one.Answers && slices.ContainsFunc(l.results, func(r engine.ProbeResult) bool {
		outcome := outcomeOf(r.Observation)
		return outcome == "timed_out" || outcome == "unreachable"
	})
	return one
}

func badness(healthy kleene.Truth) int {
	switch healthy {
	case kleene.False:
		return 2
	case kleene.Unknown:
		return 1
	case kleene.True:
	}
	return 0
}

// answers tells whether something at the target accepted a connection: it was
// not refused or unreachable, its name was found, and, where the check measures
// the time it takes to connect, there is one.
func answers(o engine.Observation) bool {
	switch outcomeOf(o) {
	case "refused", "unreachable", "name_not_found", "name_failed", "no_answer":
		return false
	case "timed_out", "reset":
		return connected(o)
	}
	return o.Output != nil
}

// connected tells whether an observation has the time it took to connect.
func connected(o engine.Observation) bool {
	v := reflect.ValueOf(o.Output)
	if v.Kind() != reflect.Struct {
		return false
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") == "connect_seconds" {
			return !slices.ContainsFunc(o.Unread, func(u engine.Unread) bool { return u.Path == "connect_seconds" || u.Path == "" })
		}
	}
	return false
}

// outcomeOf gives the outcome that an observation has, if it has one.
func outcomeOf(o engine.Observation) string {
	v := reflect.ValueOf(o.Output)
	if v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Tag.Get("json") == "outcome" && f.Type.Kind() == reflect.String {
			return v.Field(i).String()
		}
	}
	return ""
}

func healthOf(status string) health {
	switch status {
	case "healthy":
		return healthy
	case "failing":
		return failing
	case "unknown":
		return unknown
	}
	return unprobed
}

// stateOf says in a word what a service that has been judged is.
func stateOf(s Service) string {
	switch {
	case s.Status != "failing":
		return s.Status
	case !s.Suspect:
		return "echo"
	case s.Answers:
		return "unwell"
	case s.Silent:
		return "silent"
	case s.Outcome == "name_failed":
		return "unresolved"
	}
	return "down"
}
