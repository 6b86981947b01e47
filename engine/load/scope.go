package load

import (
	"reflect"
	"regexp"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
	"gumshoe/engine/source"
)

// scopes are what expressions can read, by where they stand.
type scopes struct {
	run       *expression.Scope // all that a run knows
	item      *expression.Scope // the same, in a step with each:
	trigger   *expression.Scope // before a run: the alert
	scheduled *expression.Scope // before a run that no alert starts: nothing
}

// makeScopes declares the names that expressions can read. Alert is one of them
// in a runbook that an alert can start.
func (b *builder) makeScopes() {
	run := expression.NewScope()
	run.Declare("inputs", b.book.Inputs.Type)
	run.Declare("incident", reflect.TypeFor[engine.Incident]())
	if b.hasAlert {
		run.Declare("alert", reflect.TypeFor[engine.Alert]())
	}
	for _, d := range b.drafts {
		if d.step.Check == nil || b.poisoned.steps[d.step.Name] {
			continue
		}
		t := d.step.Check.Out.Type
		if d.repeated {
			t = reflect.SliceOf(engine.EachType(t))
		}
		run.Declare(d.step.Name, t)
	}
	item := run.Clone()
	item.Declare("item", reflect.TypeFor[string]())
	trigger := expression.NewScope()
	trigger.Declare("alert", reflect.TypeFor[engine.Alert]())
	b.scopes = scopes{run: run, item: item, trigger: trigger, scheduled: expression.NewScope()}
}

// compiledAt says which text was compiled, and how. What an alias repeats is
// compiled once, so that a file costs no more than its length.
type compiledAt struct {
	at        source.Position
	scope     *expression.Scope
	forSecret bool
}

// once gives what was compiled before; the faults of it have been told.
func once[T any](done map[compiledAt]T, key compiledAt, compile func() T) T {
	result, known := done[key]
	if !known {
		result = compile()
		done[key] = result
	}
	return result
}

// condition compiles a condition; it is nil when that is not possible.
func (b *builder) condition(node source.Node, what string, scope *expression.Scope) *expression.Condition {
	return once(b.conditionsAt, compiledAt{node.Position(), scope, false}, func() *expression.Condition {
		return b.compileCondition(node, what, scope)
	})
}

func (b *builder) compileCondition(node source.Node, what string, scope *expression.Scope) *expression.Condition {
	text, ok := b.expressionText(node, what)
	if !ok || !b.readable(text, text.Value, scope) {
		return nil
	}
	c, faults := expression.CompileCondition(text, scope)
	b.addCompiled(text, faults)
	if faults.Err() != nil || !b.noHiddenSecrets(text, c.Reads(), false) || !b.keysGiven(text, c.Reads()) || !b.ends(c) {
		return nil
	}
	return c
}

// addCompiled adds the faults of a bare expression. One that stops where an
// element of a list could be named has lost its rest to YAML.
func (b *builder) addCompiled(text source.Text, faults source.Faults) {
	written := strings.TrimSpace(text.Value)
	cut := strings.HasSuffix(written, ",") || strings.HasSuffix(written, "(")
	for _, f := range faults {
		if cut && len(faults) == 1 {
			f.Message += "; a # after a space begins a comment in YAML: put the expression in quotes"
		}
		*b.faults = append(*b.faults, f)
	}
}

// maxTrials bounds the time that trying out conditions takes.
const maxTrials = 20

// ends tries out a condition that reads nothing: when it cannot be worked out
// now, it never can.
func (b *builder) ends(c *expression.Condition) bool {
	if len(c.Roots()) > 0 || len(b.tried) >= maxTrials {
		return true
	}
	result := c.Eval(expression.NewEnvironment())
	b.tried[c] = result.Truth
	if result.Truth == kleene.Unknown {
		b.faults.Addf(c.Text().Position, "it never comes to an end: %s", result.Reason)
		return false
	}
	return true
}

// names compiles the expression of names:.
func (b *builder) names(node source.Node, what string) *expression.Names {
	return once(b.namesAt, compiledAt{node.Position(), b.scopes.run, false}, func() *expression.Names {
		return b.compileNames(node, what)
	})
}

func (b *builder) compileNames(node source.Node, what string) *expression.Names {
	text, ok := b.expressionText(node, what)
	if !ok || !b.readable(text, text.Value, b.scopes.run) {
		return nil
	}
	n, faults := expression.CompileNames(text, b.scopes.run)
	b.addCompiled(text, faults)
	if faults.Err() != nil || !b.noHiddenSecrets(text, n.Reads(), false) || !b.keysGiven(text, n.Reads()) {
		return nil
	}
	return n
}

// expressionText gives a bare expression.
func (b *builder) expressionText(node source.Node, what string) (source.Text, bool) {
	text := node.Text()
	if !node.IsString() {
		if node.IsScalar() || node.IsList() || node.IsMapping() || node.IsNull() {
			b.faults.Addf(node.Position(), "%s must be an expression, such as cpu.used_percent > 90, not %s", what, node.Kind())
		}
		return text, false
	}
	if isTemplate(text.Value) {
		b.faults.Addf(text.Position, "%s is an expression as it stands: write it without ${…}", what)
		return text, false
	}
	return text, true
}

// template compiles a text with ${…} in it. A secret is let through when it is
// the whole of a value that is for a secret.
func (b *builder) template(text source.Text, scope *expression.Scope, forSecret bool) *expression.Template {
	return once(b.templatesAt, compiledAt{text.Position, scope, forSecret}, func() *expression.Template {
		return b.compileTemplate(text, scope, forSecret)
	})
}

func (b *builder) compileTemplate(text source.Text, scope *expression.Scope, forSecret bool) *expression.Template {
	if len(text.Value) > maxTemplate {
		b.faults.Addf(text.Position, "a text in which ${…} is filled in has at most %d bytes, not %d", maxTemplate, len(text.Value))
		return nil
	}
	code := templateCode(text.Value)
	if !(forSecret && wholeInput.MatchString(text.Value)) && !b.noSecrets(text, code) || !b.inputsKnown(text, code, scope) || b.poisoned.spoils(code) {
		return nil
	}
	t, faults := expression.CompileTemplate(text, scope)
	*b.faults = append(*b.faults, faults...)
	if faults.Err() != nil || !b.noHiddenSecrets(text, t.Reads(), forSecret) || !b.keysGiven(text, t.Reads()) {
		return nil
	}
	return t
}

// sentence compiles a text for people: a title, a reason, advice.
func (b *builder) sentence(node source.Node, what string) *expression.Template {
	text, ok := node.String(what, b.faults)
	if !ok {
		return nil
	}
	if strings.TrimSpace(text.Value) == "" {
		b.faults.Addf(text.Position, "%s is empty", what)
		return nil
	}
	return b.template(text, b.scopes.run, false)
}

func isTemplate(text string) bool { return expression.HasTemplate(text) }

var (
	wholeInput = regexp.MustCompile(`^\s*\$\{\s*inputs\s*\.\s*[a-z0-9_]+\s*\}\s*$`)
	inBraces   = regexp.MustCompile(`\$\{([^}]*)\}`)
)

// templateCode gives what stands in the ${…} of a text, roughly.
func templateCode(text string) string {
	var code []string
	for _, m := range inBraces.FindAllStringSubmatch(text, -1) {
		code = append(code, m[1])
	}
	return strings.Join(code, " ; ")
}

// readable tells whether an expression can be compiled without telling again
// what has been told.
func (b *builder) readable(text source.Text, code string, scope *expression.Scope) bool {
	return b.noSecrets(text, code) && b.inputsKnown(text, code, scope) && !b.poisoned.spoils(code)
}

// inputsKnown tells of an input that is read where none is declared.
func (b *builder) inputsKnown(text source.Text, code string, scope *expression.Scope) bool {
	if len(b.inputNames) > 0 || len(b.poisoned.inputs) > 0 || b.poisoned.open || scope == b.scopes.trigger || scope == b.scopes.scheduled {
		return true
	}
	for _, name := range inputsRead(code) {
		b.faults.Addf(text.Position, "there is no input %q: the runbook declares none", clip(name))
		return false
	}
	return true
}

// noSecrets tells whether an expression or template leaves secrets alone.
func (b *builder) noSecrets(text source.Text, code string) bool {
	for _, name := range inputsRead(code) {
		if in := b.inputs[name]; in != nil && in.Type == engine.InputSecret {
			b.secretFault(text.Position, name)
			return false
		}
	}
	return true
}

func (b *builder) secretFault(at source.Position, name string) {
	b.faults.Addf(at, `input %s is a secret: it can only be given, as "${inputs.%s}" and nothing else, to an input of a check that takes a secret`,
		name, name)
}

// noHiddenSecrets refuses what noSecrets cannot see in the text: a secret that
// is read in a roundabout way, and all inputs at once when a secret is among
// them.
func (b *builder) noHiddenSecrets(text source.Text, reads []expression.Read, forSecret bool) bool {
	for _, r := range reads {
		if r.Root != "inputs" {
			continue
		}
		for _, in := range b.book.Inputs.List {
			switch {
			case in.Type != engine.InputSecret:
			case r.Path == "":
				b.faults.Addf(text.Position, "read one input, as in inputs.name: all of them together hold a secret")
				return false
			case r.Path == in.Name && !forSecret:
				b.secretFault(text.Position, in.Name)
				return false
			}
		}
	}
	return true
}
