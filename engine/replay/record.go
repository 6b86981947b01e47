package replay

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Record makes a case of a run that has just been made: its observations, and
// what it concluded as what is expected. The case is to be read and corrected
// by a person before it is kept. Inputs that are secret are left out.
func Record(name string, r *engine.Report, inputs map[string]string) ([]byte, error) {
	expect := source.Map{{Key: "status", Value: string(r.Status)}}
	byVerdict := make(map[engine.Verdict][]any)
	var subjects source.Map
	for _, h := range r.Hypotheses {
		byVerdict[h.Verdict] = append(byVerdict[h.Verdict], h.ID)
		told := h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing
		if told && len(h.Subjects) > 0 {
			subjects = append(subjects, source.Entry{Key: h.ID, Value: texts(h.Subjects)})
		}
	}
	for _, v := range []engine.Verdict{
		engine.VerdictConfirmed, engine.VerdictContributing, engine.VerdictLikely, engine.VerdictRuledOut,
	} {
		if ids := byVerdict[v]; len(ids) > 0 {
			expect = append(expect, source.Entry{Key: string(v), Value: ids})
		}
	}
	if len(subjects) > 0 {
		expect = append(expect, source.Entry{Key: "subjects", Value: subjects})
	}
	var steps source.Map
	for _, s := range r.Steps {
		if value := recordStep(s); value != nil {
			steps = append(steps, source.Entry{Key: s.ID, Value: value})
		}
	}
	top := source.Map{
		{Key: "case", Value: name},
		{Key: "runbook", Value: r.Runbook},
		{Key: "about", Value: fmt.Sprintf("Recorded from run %s.", r.Run)},
		{Key: "target", Value: r.Target},
	}
	if age := r.Started.Sub(r.Onset).Round(time.Second); age > 0 {
		top = append(top, source.Entry{Key: "age", Value: age.String()})
	}
	if len(inputs) > 0 {
		var given source.Map
		for _, key := range slices.Sorted(maps.Keys(inputs)) {
			given = append(given, source.Entry{Key: key, Value: inputs[key]})
		}
		top = append(top, source.Entry{Key: "inputs", Value: given})
	}
	top = append(top, source.Entry{Key: "expect", Value: expect}, source.Entry{Key: "steps", Value: steps})
	return source.Marshal(top)
}

// recordStep gives what a step observed, or nil when it was not run.
func recordStep(s engine.StepReport) any {
	head := source.Map{{Key: "seconds", Value: math.Round(s.ElapsedSeconds*1000) / 1000}}
	switch {
	case s.Status == engine.Failed:
		head = append(head, source.Entry{Key: "failed", Value: s.Reason})
		if s.Fix != "" {
			head = append(head, source.Entry{Key: "fix", Value: s.Fix})
		}
		return head
	case s.Output == nil:
		return nil
	}
	out := reflect.ValueOf(s.Output)
	if out.Kind() == reflect.Slice {
		return recordEach(out, s)
	}
	return recordOutput(head, out, "", s.Unread)
}

// recordEach gives the observations of a step with each:. Those that failed
// are left out of Output by their unread paths.
func recordEach(list reflect.Value, s engine.StepReport) any {
	items := make([]any, 0, list.Len())
	for i := range list.Len() {
		prefix := fmt.Sprintf("[%d]", i)
		elem := list.Index(i)
		head := source.Map{{Key: "item", Value: elem.Field(0).String()}}
		if j := slices.IndexFunc(s.Unread, func(u engine.Unread) bool { return u.Path == prefix }); j >= 0 {
			items = append(items, append(head, source.Entry{Key: "failed", Value: s.Unread[j].Reason}))
			continue
		}
		items = append(items, recordOutput(head, elem, prefix+".", s.Unread))
	}
	return items
}

// recordOutput adds an output and what is unread in it.
func recordOutput(head source.Map, out reflect.Value, prefix string, unread []engine.Unread) source.Map {
	head = append(head, source.Entry{Key: "output", Value: plain(out)})
	var list []any
	for _, u := range unread {
		if len(u.Path) <= len(prefix) || u.Path[:len(prefix)] != prefix {
			continue
		}
		entry := source.Map{{Key: "path", Value: u.Path[len(prefix):]}, {Key: "reason", Value: u.Reason}}
		if u.Fix != "" {
			entry = append(entry, source.Entry{Key: "fix", Value: u.Fix})
		}
		if u.NotAsked {
			entry = append(entry, source.Entry{Key: "not_asked", Value: true})
		}
		list = append(list, entry)
	}
	if len(list) > 0 {
		head = append(head, source.Entry{Key: "unread", Value: list})
	}
	return head
}

// plain turns an output into ordered mappings, lists and scalars.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return t.Format(time.RFC3339Nano)
		}
		var m source.Map
		for i := range v.NumField() {
			if key := v.Type().Field(i).Tag.Get("json"); key != "item" {
				m = append(m, source.Entry{Key: key, Value: plain(v.Field(i))})
			}
		}
		return m
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		var m source.Map
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			if a.String() < b.String() {
				return -1
			}
			return 1
		})
		for _, k := range keys {
			m = append(m, source.Entry{Key: k.String(), Value: plain(v.MapIndex(k))})
		}
		return m
	case reflect.Float64:
		return math.Round(v.Float()*1e6) / 1e6
	default:
		return v.Interface()
	}
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
