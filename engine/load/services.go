package load

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

// maxServices bounds the services of one file.
const maxServices = 1000

// serviceName is the form of the names of services: as DNS and Kubernetes have
// them, with dots and underscores.
var serviceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

// Services reads the services: of gumshoe.yaml: what depends on what, and how to
// see whether it is well.
func (l *Loader) Services(node source.Node) ([]*engine.Service, source.Faults) {
	var faults source.Faults
	b := newBuilder(l, &faults)
	b.book = &engine.Runbook{Inputs: engine.NewInputs(nil), Budget: engine.DefaultBudget}
	nothing := expression.NewScope() // the values are as they stand
	b.scopes = scopes{run: nothing, item: nothing, trigger: nothing, scheduled: nothing}
	fields, _ := node.Mapping(`"services"`, &faults)
	if len(fields) > maxServices {
		faults.Addf(node.Position(), "%d services are too many; there can be %d", len(fields), maxServices)
		return nil, faults
	}
	var services []*engine.Service
	for _, field := range fields {
		services = append(services, b.readService(field))
	}
	b.checkDependencies(services)
	faults = faults.Sorted()
	if faults.Err() != nil {
		return nil, faults
	}
	return services, faults
}

func (b *builder) readService(field source.Field) *engine.Service {
	s := &engine.Service{At: field.Key.Position, Name: field.Key.Value}
	if !serviceName.MatchString(s.Name) || len(s.Name) > maxSymbol {
		b.faults.Addf(s.At, "service %q: a name is lower-case letters, digits, hyphens, dots and underscores, at most %d", clip(s.Name), maxSymbol)
	}
	if field.Value.IsNull() {
		return s // it is only depended on
	}
	o, ok := field.Value.Object("service "+clip(s.Name), b.faults)
	if !ok {
		return s
	}
	for key, into := range map[string]*string{
		"owner": &s.Owner, "escalation": &s.Escalation, "dashboard": &s.Dashboard, "repository": &s.Repository,
	} {
		if text, ok := o.Field(key).String(quoted(key), b.faults); ok {
			*into = text.Value
		}
	}
	s.Critical, _ = o.Field("critical").Bool(`"critical"`, b.faults)
	s.DependsOn = b.readDependencies(s, o.Field("depends_on"))
	probes := o.Field("probes")
	items := []source.Node{o.Field("probe")}
	if !probes.IsZero() {
		if !items[0].IsZero() {
			b.faults.Addf(probes.Position(), `service %s: give either "probe" or "probes"`, s.Name)
		}
		items, _ = probes.List(`"probes"`, b.faults)
	}
	for _, item := range items {
		if item.IsZero() {
			continue
		}
		if p := b.readProbe(s, item); p != nil {
			s.Probes = append(s.Probes, p)
		}
	}
	o.Done()
	return s
}

// readDependencies reads names, or {service, optional} where more is to be said.
func (b *builder) readDependencies(s *engine.Service, node source.Node) []engine.Dependency {
	items, _ := node.List(`"depends_on"`, b.faults)
	var list []engine.Dependency
	for _, item := range items {
		d := engine.Dependency{At: item.Position()}
		if item.IsMapping() {
			o, _ := item.Object("a dependency", b.faults)
			name, _ := o.Required("service")
			if text, ok := name.String(`"service"`, b.faults); ok {
				d.At, d.Service = text.Position, text.Value
			}
			d.Optional, _ = o.Field("optional").Bool(`"optional"`, b.faults)
			o.Done()
		} else if text, ok := item.String("a dependency", b.faults); ok {
			d.Service = text.Value
		}
		switch {
		case d.Service == "":
		case d.Service == s.Name:
			b.faults.Addf(d.At, "service %s depends on itself; leave it out", s.Name)
		case slices.ContainsFunc(list, func(e engine.Dependency) bool { return e.Service == d.Service }):
			b.faults.Addf(d.At, "service %s depends on %s twice; leave one out", s.Name, clip(d.Service))
		default:
			list = append(list, d)
		}
	}
	return list
}

// checkDependencies checks that what is depended on is declared. Circles are
// allowed: they exist.
func (b *builder) checkDependencies(services []*engine.Service) {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	for _, s := range services {
		for _, d := range s.DependsOn {
			if !slices.Contains(names, d.Service) {
				b.faults.Addf(d.At, "service %s depends on %q, which is not declared%s", s.Name, clip(d.Service),
					cmp.Or(source.DidYouMean(d.Service, names), fmt.Sprintf("; add %s: under services", clip(d.Service))))
			}
		}
	}
}

// readProbe reads one look at a service.
func (b *builder) readProbe(s *engine.Service, node source.Node) *engine.ServiceProbe {
	o, ok := node.Object("the probe of service "+s.Name, b.faults)
	if !ok {
		return nil
	}
	step := &engine.Step{Name: engine.ProbeName, At: node.Position(), Check: b.readCheck(o, node)}
	with, healthy := o.Field("with"), o.Field("healthy")
	p := &engine.ServiceProbe{At: step.At, Check: step.Check}
	if step.Check == nil {
		o.Field("cost")
		o.Field("timeout")
		o.Done()
		return nil
	}
	if with.IsMapping() {
		p.Secrets, with = b.readSecretRefs(step.Check, with)
	}
	step.With = b.readWith(with, step.At, step.Check, b.scopes.run)
	b.readTimes(step, o)
	p.With, p.Timeout = step.With, step.Timeout
	scope := expression.NewScope()
	scope.Declare(engine.ProbeName, step.Check.Out.Type)
	if healthy.IsZero() {
		p.Healthy = b.usualHealthy(step.Check, step.At, scope)
	} else {
		p.Healthy = b.condition(healthy, `"healthy"`, scope)
	}
	o.Done()
	return p
}

// readSecretRefs takes the secrets out of what a check is given.
func (b *builder) readSecretRefs(check *engine.Definition, with source.Node) (map[string]engine.SecretRef, source.Node) {
	secrets := make(map[string]engine.SecretRef)
	for _, field := range with.Fields() {
		f, known := check.In.Field(field.Key.Value)
		if !known || f.Kind != engine.KindSecret || !isSecretRef(field.Value) {
			continue
		}
		text, ok := field.Value.Field("secret").String(`"secret"`, b.faults)
		if !ok {
			continue
		}
		ref, err := engine.ParseSecretRef(text.Value)
		if err != nil {
			b.faults.Addf(text.Position, "%s", err)
		}
		secrets[f.Name] = ref
		with = with.Without(f.Name)
	}
	return secrets, with
}

// usualHealthy is the condition of a probe that has none: a command is well when
// its exit status is 0, and of the outcomes that another check can have the first
// is the good one.
func (b *builder) usualHealthy(check *engine.Definition, at source.Position, scope *expression.Scope) *expression.Condition {
	var usual string
	outcome, _ := check.Out.Field("outcome")
	switch _, runs := check.Out.Field("exit_code"); {
	case runs:
		usual = engine.ProbeName + ".exit_code == 0"
	case outcome != nil && len(outcome.Enum) > 0:
		usual = fmt.Sprintf("%s.outcome == %q", engine.ProbeName, outcome.Enum[0])
	default:
		b.faults.Addf(at, `%s has no outcome to tell health by: say when the service is healthy, as in healthy: %s.%s`,
			check.Name, engine.ProbeName, check.Out.Fields[0].Name+" …")
		return nil
	}
	c, faults := expression.CompileCondition(source.Text{Position: at, Value: usual}, scope)
	*b.faults = append(*b.faults, faults...)
	return c
}
