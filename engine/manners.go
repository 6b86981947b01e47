package engine

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Limits of what all runs together ask of one target with one check.
const (
	// LooksPerMinute is how often a check looks at a target.
	LooksPerMinute = 6
	// FreshFor is how long an observation is given to whoever asks for the same.
	FreshFor = 30 * time.Second

	ratePeriod   = time.Minute
	pressurePoll = time.Second
)

// Manners is an Observer that is polite to the targets it observes, whatever
// asks for it: of each check and target one look at a time, LooksPerMinute of
// them, and what was seen less than FreshFor ago is not looked at again. A step
// that loads its target waits while this host is under pressure. Checks without
// a target of their own look at this host and are only held to the last rule.
//
// It is safe for concurrent use.
type Manners struct {
	observe  Observer
	pressure func() (reason string)

	mu    sync.Mutex
	looks map[look]*lookedAt
}

// look is a check at a target.
type look struct{ check, target string }

// lookedAt is what is known of the looks of a check at a target.
type lookedAt struct {
	turn  chan struct{} // holds a token while nobody looks
	users int           // who waits for the turn or has it

	// The holder of the turn owns these.
	starts []time.Time // of the last minute
	seen   []seen      // of the last FreshFor
}

// seen is an observation with what was asked.
type seen struct {
	input       any
	incident    Incident
	observation Observation
	ended       time.Time
}

// NewManners makes an observer polite. The function tells why this host is under
// pressure, or ""; nil means that it never is.
func NewManners(observe Observer, pressure func() (reason string)) *Manners {
	return &Manners{observe: observe, pressure: pressure, looks: map[look]*lookedAt{}}
}

// Observe is the Observer. It waits for its turn at most as long as the request
// may take, beside the time of the look itself; after that the step is skipped.
func (m *Manners) Observe(ctx context.Context, request Request) Observation {
	patience := time.NewTimer(request.Timeout)
	defer patience.Stop()
	target := request.Check.Target(request.Input)
	if target == "" {
		if o := m.waitForQuiet(ctx, request, patience); o != nil {
			return *o
		}
		return m.observe(ctx, request)
	}
	key := look{request.Check.Name, target}
	at := m.enter(key)
	defer m.leave(key, at)
	select {
	case <-at.turn:
	case <-ctx.Done():
		return notLooked(Failed, context.Cause(ctx).Error(), "")
	case <-patience.C:
		return notLooked(Skipped, fmt.Sprintf("other runs have looked at %s all the time with %s", target, key.check), "run it again when they have ended")
	}
	defer func() { at.turn <- struct{}{} }()
	if o, ok := at.shared(request); ok {
		return o
	}
	if o := at.waitForRate(ctx, request, target); o != nil {
		return *o
	}
	if o := m.waitForQuiet(ctx, request, patience); o != nil {
		return *o
	}
	at.starts = append(at.starts, time.Now())
	o := m.observe(ctx, request)
	if o.Status == Observed || o.Status == Partial {
		at.seen = append(at.seen, seen{request.Input, request.Incident, o, time.Now()})
	}
	return o
}

// shared gives what was seen a moment ago by whoever asked for the same. The
// secrets of this run are blotted out in it, as they are in one of its own.
func (at *lookedAt) shared(request Request) (Observation, bool) {
	now := time.Now()
	at.seen = slices.DeleteFunc(at.seen, func(s seen) bool { return now.Sub(s.ended) > FreshFor })
	for _, s := range slices.Backward(at.seen) {
		if !reflect.DeepEqual(s.input, request.Input) || !s.incident.Onset.Equal(request.Incident.Onset) {
			continue
		}
		o := s.observation
		o.Output, o.Summary = request.Masker.Value(o.Output), request.Masker.Text(o.Summary)
		o.Unread = request.Masker.Value(o.Unread).([]Unread)
		o.Excerpts = request.Masker.Value(o.Excerpts).([]Excerpt)
		o.Reproduce = request.Masker.Value(o.Reproduce).([][]string)
		o.Shared = true
		return o, true
	}
	return Observation{}, false
}

// waitForRate waits until another look is allowed; it gives what to say when
// that would take longer than the request may.
func (at *lookedAt) waitForRate(ctx context.Context, request Request, target string) *Observation {
	now := time.Now()
	at.starts = slices.DeleteFunc(at.starts, func(t time.Time) bool { return now.Sub(t) >= ratePeriod })
	if len(at.starts) < LooksPerMinute {
		return nil
	}
	wait := at.starts[len(at.starts)-LooksPerMinute].Add(ratePeriod).Sub(now)
	if wait > request.Timeout {
		o := notLooked(Skipped, fmt.Sprintf("%s was looked at %d times in the last minute with %s", target, LooksPerMinute, request.Check.Name),
			fmt.Sprintf("run it again in %d seconds", int(wait.Seconds())+1))
		return &o
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		o := notLooked(Failed, context.Cause(ctx).Error(), "")
		return &o
	}
}

// waitForQuiet lets a step that loads its target wait while this host has
// enough to do.
func (m *Manners) waitForQuiet(ctx context.Context, request Request, patience *time.Timer) *Observation {
	if m.pressure == nil || max(request.Risk, request.Check.RiskOf(request.Input)) < Load {
		return nil
	}
	tick := time.NewTicker(pressurePoll)
	defer tick.Stop()
	for {
		reason := m.pressure()
		if reason == "" {
			return nil
		}
		var o Observation
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
			o = notLooked(Failed, context.Cause(ctx).Error(), "")
		case <-patience.C:
			o = notLooked(Skipped, "it would add load to this host, which is under pressure: "+reason, "run it again when the host is quiet")
		}
		return &o
	}
}

func notLooked(status StepStatus, reason, fix string) Observation {
	return Observation{Status: status, Started: time.Now().UTC(), Reason: reason, Fix: fix}
}

// enter finds or makes the state of a look, and forgets those that say nothing
// any more.
func (m *Manners) enter(key look) *lookedAt {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.looks[key]
	if at == nil {
		at = &lookedAt{turn: make(chan struct{}, 1)}
		at.turn <- struct{}{}
		m.looks[key] = at
	}
	at.users++
	return at
}

// leave forgets what nobody uses any more once its minute is over.
func (m *Manners) leave(key look, at *lookedAt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at.users--
	if at.users > 0 {
		return
	}
	if len(at.starts) == 0 {
		delete(m.looks, key)
		return
	}
	time.AfterFunc(ratePeriod, func() { m.forget(key, at) })
}

func (m *Manners) forget(key look, at *lookedAt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.users == 0 && m.looks[key] == at && time.Since(at.starts[len(at.starts)-1]) >= ratePeriod {
		delete(m.looks, key)
	}
}
