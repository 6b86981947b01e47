package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// StepStatus is how a step ended.
type StepStatus string

// The ways a step can end. Partial means that some fields that were asked for are unread.
// NotApplicable means that the step's condition was false, NotNeeded that the
// run ended without it.
const (
	Observed      StepStatus = "observed"
	Partial       StepStatus = "partial"
	Failed        StepStatus = "failed"
	Skipped       StepStatus = "skipped"
	NotApplicable StepStatus = "not_applicable"
	NotNeeded     StepStatus = "not_needed"
)

// Request asks an Observer for one observation.
type Request struct {
	// Step is the step's name in its runbook, for messages and recordings.
	Step string
	// Check is what to run, and Input a value that its Struct.Decode made.
	Check *Definition
	Input any
	// Item is the value of each: that this run is for; "" when there is none.
	Item string
	// Timeout is when the engine stops waiting, whatever the check does.
	Timeout time.Duration
	// Risk is what the look can do with these inputs: what the check says, or what
	// the runbook says when that is more.
	Risk Risk
	// Incident is for checks that look back in time.
	Incident Incident
	// Masker blots out secrets in all that comes back.
	Masker *Masker
	// Keep begins a file of a name beside the record of the run; nil when nothing is
	// kept.
	Keep func(name string) (File, error)
}

// Observation is what came of one look.
type Observation struct {
	// Status is Observed, Partial, Failed or Skipped (when policy refused).
	Status StepStatus
	// Target is where the look was taken from.
	Target  string
	Started time.Time
	Elapsed time.Duration
	// Output is of the check's Out type; nil unless Status is Observed or Partial.
	Output    any
	Summary   string
	Unread    []Unread
	Excerpts  []Excerpt
	Reproduce [][]string
	// Attachments are files that the check has made.
	Attachments []Attachment
	// Reason and Fix say why there is no output. Refused is set when policy
	// forbade the look.
	Reason, Fix string
	Refused     bool
	// Shared is set when another run looked, less than FreshFor ago.
	Shared bool
}

// Observer takes observations: on this host, from a recording, on another host.
// It returns within the request's timeout and a little, and never panics.
type Observer func(ctx context.Context, request Request) Observation

// grace is how long after its deadline a check may take to return before it is
// given up on, and called faulty. It only bounds the wait for checks that ignore
// their context; on a busy host the others too need a while to get a processor.
const grace = time.Second

// innerShare is the part of a step's time that the check is given, so that the
// check's own "timed out" is an observation rather than the engine's failure.
const innerShare = 0.9

// Local gives the Observer that runs checks in this process. The target is the
// name under which this host appears in reports.
func Local(target string) Observer {
	return func(ctx context.Context, request Request) Observation {
		call := &Call{incident: request.Incident, masker: request.Masker, keep: request.Keep}
		started := time.Now()
		out, err := runBounded(ctx, call, request)
		o := Observation{Target: target, Started: started.UTC(), Elapsed: time.Since(started)}
		call.seal(&o)
		if err != nil {
			o.fail(err, request.Masker)
			return o
		}
		var infinite []Unread
		o.Output, infinite = sanitize(request.Masker.Value(out))
		o.Unread = append(o.Unread, infinite...)
		o.Summary = clip(request.Check.Summarize(o.Output), 200)
		o.Status = Observed
		if Incomplete(o.Unread) {
			o.Status = Partial
		}
		return o
	}
}

// Incomplete tells whether something that was asked for could not be read.
func Incomplete(unread []Unread) bool {
	return slices.ContainsFunc(unread, func(u Unread) bool { return !u.NotAsked })
}

// fail fills in why there is no output.
func (o *Observation) fail(err error, masker *Masker) {
	o.Status = Failed
	o.Reason = err.Error()
	var blind *BlindError
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		o.Status, o.Refused, o.Fix = Skipped, true, refused.Fix
	case errors.As(err, &blind):
		o.Fix = blind.Fix
	}
	o.Reason, o.Fix = masker.Text(o.Reason), masker.Text(o.Fix)
}

// runBounded runs the check, and returns at the deadline even when the check
// does not. A panic of the check is an error of it.
func runBounded(ctx context.Context, call *Call, request Request) (any, error) {
	type result struct {
		out any
		err error
	}
	outer, cancel := context.WithTimeout(ctx, request.Timeout)
	defer cancel()
	inner, cancelInner := context.WithTimeout(outer, time.Duration(innerShare*float64(request.Timeout)))
	defer cancelInner()
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("internal error in check %s: %v", request.Check.Name, p)
			}
			done <- r
		}()
		r.out, r.err = request.Check.run(inner, call, request.Input)
	}()
	select {
	case r := <-done:
		return r.out, explainDeadline(ctx, r.err, request.Timeout)
	case <-outer.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.out, explainDeadline(ctx, r.err, request.Timeout)
	case <-timer.C:
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, Blind(fmt.Sprintf("gave no answer in %s and did not stop when told to", request.Timeout),
		"this is a bug of the check "+request.Check.Name+": report it", nil)
}

// explainDeadline says in words why a check had to end without a result.
func explainDeadline(ctx context.Context, err error, timeout time.Duration) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx) // whatever the check says, this is why
	case errors.Is(err, context.DeadlineExceeded):
		return Blind(fmt.Sprintf("gave no answer in %s", timeout), "give the step a longer timeout", nil)
	}
	return err
}

// sanitize replaces every number that is not finite by 0 and says that its
// field is unread.
func sanitize(out any) (any, []Unread) {
	v := reflect.New(reflect.TypeOf(out)).Elem()
	v.Set(reflect.ValueOf(out))
	var unread []Unread
	sanitizeAt("", v, &unread)
	return v.Interface(), unread
}

func sanitizeAt(path string, v reflect.Value, unread *[]Unread) {
	switch v.Kind() {
	case reflect.Float64:
		if !finite(v.Float()) {
			v.SetFloat(0)
			*unread = append(*unread, Unread{Path: path, Reason: "not a finite number"})
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if sf := v.Type().Field(i); sf.IsExported() {
				sanitizeAt(join(path, sf.Tag.Get("json")), v.Field(i), unread)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			sanitizeAt(fmt.Sprintf("%s[%d]", path, i), v.Index(i), unread)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(key))
			sanitizeAt(fmt.Sprintf("%s[%q]", path, key.String()), e, unread)
			v.SetMapIndex(key, e)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
