package engine

import (
	"context"
	"fmt"
	"time"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
	"gumshoe/engine/source"
)

// Service is something that runs somewhere and that others may depend on, as
// gumshoe.yaml declares it.
type Service struct {
	At   source.Position
	Name string
	// Owner is whom to tell, Escalation whom to wake when that does not help.
	Owner, Escalation string
	// Dashboard and Repository are where a person looks next.
	Dashboard, Repository string
	// Critical services come first wherever one has to be named before another.
	Critical bool
	// DependsOn are the services that it needs.
	DependsOn []Dependency
	// Probes tell whether it is well: all of them have to be. A service without any
	// is not looked at.
	Probes []*ServiceProbe
}

// Dependency is a service that another one needs.
type Dependency struct {
	At      source.Position
	Service string
	// Optional says that the other one works without it, perhaps less well.
	Optional bool
}

// ServiceProbe is one look at a service.
type ServiceProbe struct {
	At    source.Position
	Check *Definition
	With  []Argument
	// Secrets are the inputs that are kept elsewhere, by the input's name.
	Secrets map[string]SecretRef
	// Healthy is what has to be true of `probe`, the check's observation.
	Healthy *expression.Condition
	Timeout time.Duration
}

// ProbeName is the name of the observation in the condition of a ServiceProbe.
const ProbeName = "probe"

// ProbeResult is what a look at a service showed.
type ProbeResult struct {
	// Healthy is unknown when we could not look, or not see what the condition asks.
	Healthy kleene.Truth
	// Shown are the values that decided, for a person.
	Shown string
	// Reason and Fix say why Healthy is unknown.
	Reason, Fix string
	// Target is what was to be looked at, such as "db1:5432"; "" for this host, and
	// when the input could not be made.
	Target      string
	Observation Observation
}

// Input makes the check's input. The error is that of a secret that cannot be
// read, or of values that do not fit.
func (p *ServiceProbe) Input() (any, error) {
	values := make(map[string]any, len(p.With)+len(p.Secrets))
	for _, arg := range p.With {
		value, unknown := arg.Value.Resolve(expression.NewEnvironment())
		if unknown != "" {
			return nil, fmt.Errorf("%s is not known: %s", arg.Key, unknown)
		}
		values[arg.Key] = value
	}
	for key, ref := range p.Secrets {
		secret, err := ref.Resolve()
		if err != nil {
			return nil, err
		}
		values[key] = secret
	}
	in, faults := p.Check.In.Decode(values)
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return in, nil
}

// Look looks at the service, and says whether it is well. It reads the secrets, once.
// It never panics, and returns when the observer does.
func (p *ServiceProbe) Look(ctx context.Context, observe Observer, incident Incident) ProbeResult {
	in, err := p.Input()
	if err != nil {
		return ProbeResult{Reason: err.Error(), Fix: "see the service's probe at " + p.At.String()}
	}
	result := ProbeResult{Target: p.Check.Target(in)}
	if risk := p.Check.RiskOf(in); risk >= Change {
		result.Reason, result.Fix = p.Check.Name+" with these inputs could change the system, and nobody has approved that", p.Check.Allow(in)
		return result
	}
	var secrets []Secret
	for _, f := range p.Check.In.Fields {
		if f.Kind == KindSecret {
			secrets = append(secrets, f.secret(in))
		}
	}
	o := observe(ctx, Request{
		Step: ProbeName, Check: p.Check, Input: in, Timeout: p.Timeout, Incident: incident, Masker: NewMasker(secrets...),
	})
	result.Observation = o
	if o.Output == nil {
		result.Reason, result.Fix = o.Reason, o.Fix
		return result
	}
	env := expression.NewEnvironment()
	env.BindObserved(ProbeName, o.Output, asUnread(o.Unread))
	verdict := p.Healthy.Eval(env)
	result.Healthy, result.Shown, result.Reason, result.Fix = verdict.Truth, verdict.Shown, verdict.Reason, verdict.Fix
	return result
}
