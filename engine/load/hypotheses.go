package load

import (
	"cmp"
	"slices"

	"gumshoe/engine"
	"gumshoe/engine/belief"
	"gumshoe/engine/source"
)

// words gives the evidence words in the order in which evidence is kept.
func words() []belief.Word {
	return []belief.Word{belief.Weak, belief.Medium, belief.Strong, belief.Proof, belief.Against, belief.Excludes}
}

// hypothesisDraft is a hypothesis whose caused_by is not looked up yet.
type hypothesisDraft struct {
	hypothesis *engine.Hypothesis
	causes     []source.Text
}

// readSymptom reads the conditions of which any is what is wrong.
func (b *builder) readSymptom(node source.Node) {
	items := []source.Node{node}
	if node.IsList() {
		if items = node.Items(); len(items) == 0 {
			b.faults.Addf(node.Position(), `"symptom" is empty; leave the key out when there is none to see`)
		}
	}
	if !b.within(node, len(items), "symptoms", maxItems) {
		return
	}
	seen := make(map[string]bool)
	for _, item := range items {
		c := b.condition(item, `"symptom"`, b.scopes.run)
		if c == nil {
			continue
		}
		if seen[c.Key()] {
			b.faults.Addf(item.Position(), "this symptom is listed twice; leave one out")
			continue
		}
		seen[c.Key()] = true
		b.book.Symptom = append(b.book.Symptom, c)
	}
}

// readHypotheses reads the hypotheses of all files.
func (b *builder) readHypotheses() {
	b.hypotheses = make(map[string]int)
	var drafts []hypothesisDraft
	for _, d := range b.docs {
		fields, ok := d.hypotheses.Mapping(`"hypotheses"`, b.faults)
		if ok && len(fields) == 0 {
			b.faults.Addf(d.hypotheses.Position(), `"hypotheses" is empty: name what may be the cause, and what speaks for it`)
		}
		if !b.within(d.hypotheses, len(b.book.Hypotheses)+len(fields), "hypotheses", maxHypotheses) {
			b.poisoned.open = true
			continue
		}
		for _, field := range fields {
			if earlier, known := b.hypotheses[field.Key.Value]; known {
				b.twice("hypothesis", field.Key, b.book.Hypotheses[earlier].At)
				continue
			}
			h := &engine.Hypothesis{ID: field.Key.Value, At: field.Key.Position}
			b.hypotheses[h.ID] = len(b.book.Hypotheses)
			b.book.Hypotheses = append(b.book.Hypotheses, h)
			b.goodName(field.Key, "hypothesis", false)
			drafts = append(drafts, hypothesisDraft{h, b.readHypothesis(h, field.Value)})
		}
	}
	for _, draft := range drafts {
		b.readCauses(draft)
	}
	b.refuseCauseCycles()
}

// readHypothesis reads one hypothesis, and gives the names in its caused_by.
func (b *builder) readHypothesis(h *engine.Hypothesis, node source.Node) []source.Text {
	o, ok := node.Object("hypothesis "+clip(h.ID), b.faults)
	if !ok {
		return nil
	}
	if title, ok := required(o, node, "title"); ok {
		h.Title = b.sentence(title, `"title"`)
	}
	if about, ok := o.Field("about").String(`"about"`, b.faults); ok {
		h.About = about.Value
	}
	if prior, ok := b.oneOf(o.Field("prior"), "prior", "rare", "usual", "common"); ok {
		h.Prior, _ = belief.ParsePrior(prior)
	}
	b.readEvidence(h, o, node)
	causes, _ := o.Field("caused_by").Strings(`"caused_by"`, b.faults)
	if node := o.Field("names"); !node.IsZero() {
		h.Names = b.names(node, `"names"`)
	}
	if node := o.Field("next"); !node.IsZero() {
		h.Next = b.sentence(node, `"next"`)
	}
	h.Remedy = b.readRemedy(o.Field("remedy"))
	o.Done()
	return causes
}

// readEvidence reads the items under the evidence words.
func (b *builder) readEvidence(h *engine.Hypothesis, o *source.Object, in source.Node) {
	seen := make(map[string]bool)
	supported := false
	for _, word := range words() {
		node := o.Field(word.String())
		supported = supported || word.Supports() && slipped(in, word.String())
		items := node.Items()
		switch {
		case node.IsZero():
			continue
		case !node.IsList():
			items = []source.Node{node}
		case len(items) == 0:
			b.faults.Addf(node.Position(), "%q is empty; give it an expression or leave it out", word)
		}
		if !b.within(node, len(items), "items of evidence under one word", maxItems) {
			continue
		}
		for _, item := range items {
			e, ok := b.readItem(word, item)
			if !ok {
				continue
			}
			if seen[e.Condition.Key()] {
				b.faults.Addf(e.Condition.Text().Position, "%s cites the same expression twice, which would count it twice; leave one out", h.ID)
				continue
			}
			seen[e.Condition.Key()] = true
			h.Evidence = append(h.Evidence, e)
		}
	}
	if !supported {
		b.faults.Addf(h.At, "hypothesis %s has nothing that speaks for it: give it weak, medium, strong or proof", clip(h.ID))
	}
}

// readItem reads an item of evidence: an expression, or a mapping with one.
func (b *builder) readItem(word belief.Word, node source.Node) (engine.Evidence, bool) {
	e := engine.Evidence{Word: word}
	what := quoted(word.String())
	if !node.IsMapping() {
		e.Condition = b.condition(node, what, b.scopes.run)
		return e, e.Condition != nil
	}
	o, ok := node.Object("evidence", b.faults)
	if !ok {
		return e, false
	}
	condition, ok := required(o, node, "if")
	if because := o.Field("because"); !because.IsZero() {
		e.Because = b.sentence(because, `"because"`)
	}
	must := o.Field("must")
	e.Must, _ = must.Bool(`"must"`, b.faults)
	other := o.Field("else")
	_, e.ElseNone = b.oneOf(other, "else", "none")
	o.Done()
	switch {
	case e.Must && !word.Supports():
		b.faults.Addf(o.Key("must").Position, `"must" goes with weak, medium, strong and proof: %s speaks against`, word)
	case e.ElseNone && !word.Supports():
		b.faults.Addf(o.Key("else").Position, `leave "else" out: %s says nothing when it is false anyway`, word)
	case e.Must && e.ElseNone:
		b.faults.Addf(o.Key("else").Position, `"must" says that its being false speaks against, "else: none" that it says nothing; leave one out`)
	}
	if ok {
		e.Condition = b.condition(condition, `"if"`, b.scopes.run)
	}
	return e, e.Condition != nil
}

// readCauses looks up the hypotheses that a caused_by names.
func (b *builder) readCauses(draft hypothesisDraft) {
	h := draft.hypothesis
	if len(draft.causes) > maxItems {
		b.faults.Addf(draft.causes[0].Position, "caused_by: %d causes are too many; a hypothesis has at most %d", len(draft.causes), maxItems)
		return
	}
	for _, name := range draft.causes {
		i, known := b.hypotheses[name.Value]
		switch {
		case !known && b.poisoned.open:
		case !known:
			ids := make([]string, 0, len(b.hypotheses))
			for id := range b.hypotheses {
				ids = append(ids, id)
			}
			b.faults.Addf(name.Position, "caused_by: there is no hypothesis %q%s", clip(name.Value),
				cmp.Or(source.DidYouMean(name.Value, ids), "; there are "+listing(ids)))
		case slices.Contains(h.CausedBy, i):
			b.faults.Addf(name.Position, "caused_by: %q is listed twice", name.Value)
		default:
			h.CausedBy = append(h.CausedBy, i)
		}
	}
}

// refuseCauseCycles tells of hypotheses that cause each other.
func (b *builder) refuseCauseCycles() {
	to := make([][]int, len(b.book.Hypotheses))
	for i, h := range b.book.Hypotheses {
		to[i] = h.CausedBy
	}
	for _, cycle := range cycles(to) {
		first := b.book.Hypotheses[cycle[0]]
		if len(cycle) == 1 {
			b.faults.Addf(first.At, "caused_by: %s cannot cause itself", first.ID)
			continue
		}
		b.faults.Addf(first.At, "caused_by goes in a circle: %s; take one link out",
			chainOf(cycle, func(i int) string { return b.book.Hypotheses[i].ID }))
	}
}

// readRemedy reads a change that would help.
func (b *builder) readRemedy(node source.Node) *engine.Remedy {
	if node.IsZero() {
		return nil
	}
	o, ok := node.Object("a remedy", b.faults)
	if !ok {
		return nil
	}
	r := &engine.Remedy{At: o.Position(), Check: b.readCheck(o, node)}
	with := o.Field("with")
	if verify := o.Field("verify"); !verify.IsZero() {
		r.Verify = b.condition(verify, `"verify"`, b.scopes.run)
	}
	o.Done()
	if r.Check != nil {
		r.With = b.readWith(with, r.At, r.Check, b.scopes.run)
	}
	return r
}
