package belief

import (
	"slices"

	"gumshoe/engine/kleene"
)

// The rules for a verdict.
const (
	tolerance        = 1e-6
	confirmAt        = 0.90
	stopAt           = 0.97 // to be so sure of what is confirmed that looking can end
	confirmPoints    = 15.0 // with evidence from two groups
	confirmPointsOne = 20.0 // from one
	// confirmPointsBeside is what it takes beside other causes: a proof and more.
	// With 20 false confirms rise from 3.4 to 3.6 % in our worlds, without asking
	// for a proof to 7.5 %.
	confirmPointsBeside = 22.5
	toldPoints          = 5.0
	contributeAt        = 0.50
	leadAt              = 0.60
	leadTimes           = 2.0
	ruledOutAt          = 0.05
	excludePoints       = -4.0
	equallyProbable     = 1e-9
	leadingHypotheses   = 3
)

// judgements is what has been said of each hypothesis, as long as it holds.
type judgements struct {
	stale bool
	list  []judged
	some  bool // one is confirmed
}

// judged is what is worked out about one hypothesis.
type judged struct {
	verdict  Verdict
	rule     Rule
	own      float64 // own points
	sources  int     // groups with evidence for it
	excluded bool
	clear    bool    // does not keep the run from being healthy
	severe   bool    // a strong or proof finding of its own is true
	capped   bool    // a trigger nothing of whose effect has been seen
	sure     float64 // p, or the probability of the story by which it is confirmed
	story    int     // the most probable single or chain that holds it
}

func (j *judgements) init(m *Model) {
	j.list = make([]judged, len(m.spec.Hypotheses))
	j.stale = true
}

func (j *judged) enoughOfItsOwn() bool {
	return !j.excluded && !j.capped && (j.own >= confirmPointsOne-tolerance ||
		j.own >= confirmPoints-tolerance && j.sources >= 2)
}

// judge works out every verdict.
func (b *Belief) judge() {
	b.update()
	if !b.judgements.stale {
		return
	}
	b.judgements.stale = false
	list := b.judgements.list
	for h := range list {
		b.examine(h, &list[h])
	}
	for h := range list {
		j := &list[h]
		j.capped = len(b.m.mechanisms[h]) > 0 && !j.severe
		for _, m := range b.m.mechanisms[h] {
			j.capped = j.capped && list[m].own <= tolerance
		}
	}
	b.confirm()
	for h := range list {
		b.decide(h)
	}
}

// examine works out what follows from a hypothesis's own findings.
func (b *Belief) examine(h int, j *judged) {
	*j = judged{verdict: VerdictOpen, rule: RuleUndecided, story: b.mostProbableStory(h)}
	cites := b.m.cites[h]
	for i := 0; i < len(cites); {
		group, points := cites[i].group, b.buffer[:0]
		for ; i < len(cites) && cites[i].group == group; i++ {
			c := cites[i]
			if b.truth[c.finding] != kleene.True || !c.Word.Supports() {
				continue
			}
			points = append(points, c.ifTrue())
			j.severe = j.severe || c.Word >= Strong
		}
		b.buffer = points
		if len(points) > 0 {
			j.own += damp(points)
			j.sources++
		}
	}
	var must bool
	must, j.excluded, j.clear = b.absent(h)
	if must {
		j.rule = RuleMust
	} else if j.excluded {
		j.rule = RuleAllFalse
	}
}

// absent says whether what would show the hypothesis was looked for and is not
// there: a must is false, or everything of medium or more is false and that
// counts for enough. Without anything of medium or more, everything weak has to
// be false. A finding that does not apply is not seen, but does not stand in the
// way of healthy either.
func (b *Belief) absent(h int) (must, excluded, free bool) {
	seen, dismissed, open := 0, 0, 0
	anyNotable := b.m.anyNotable(h)
	sum := 0.0
	cites := b.m.cites[h]
	for i := 0; i < len(cites); {
		group, points := cites[i].group, b.buffer[:0]
		for ; i < len(cites) && cites[i].group == group; i++ {
			c := cites[i]
			t := b.truth[c.finding]
			if c.Must && t == kleene.False {
				return true, true, true
			}
			if !c.Word.Supports() || anyNotable && !c.notable() {
				continue
			}
			switch {
			case t == kleene.False:
				seen++
				points = append(points, c.ifFalse())
			case t == kleene.Unknown && b.dismissed[c.finding]:
				dismissed++
			default:
				open++
			}
		}
		b.buffer = points
		sum += damp(points)
	}
	excluded = open == 0 && dismissed == 0 && seen > 0 && sum <= excludePoints+tolerance
	return false, excluded, excluded || open == 0 && dismissed > 0
}

func (m *Model) anyNotable(h int) bool {
	for _, c := range m.cites[h] {
		if c.notable() {
			return true
		}
	}
	return false
}

// mostProbableStory is the single or chain in which h is told.
func (b *Belief) mostProbableStory(h int) int {
	holding := b.m.holding[h]
	best := holding[0]
	for _, s := range holding[1:] {
		if b.posterior[s] > b.posterior[best]*(1+equallyProbable) {
			best = s
		}
	}
	return best
}

// confirm finds what is confirmed, by its own probability or by that of its
// story, and then what is told along with it.
func (b *Belief) confirm() {
	list := b.judgements.list
	b.judgements.some = false
	for h := range list {
		if b.p[h] >= confirmAt-tolerance && list[h].enoughOfItsOwn() {
			list[h].verdict, list[h].rule = VerdictConfirmed, RuleProbability
			list[h].sure = b.p[h]
			b.judgements.some = true
		}
	}
	for _, s := range b.m.stories {
		if len(b.m.members[s]) < 2 {
			continue
		}
		sum, best := 0.0, -1
		for _, part := range b.m.parts[s] {
			sum += b.posterior[part]
			if best < 0 || b.posterior[part] > b.posterior[best]*(1+equallyProbable) {
				best = part
			}
		}
		if sum < confirmAt-tolerance {
			continue
		}
		for _, h := range b.m.members[best] {
			j := &list[h]
			if j.verdict != VerdictConfirmed && j.enoughOfItsOwn() {
				j.verdict, j.rule = VerdictConfirmed, RuleStory
				b.judgements.some = true
			}
			j.sure = max(j.sure, sum)
		}
	}
	b.confirmTogether()
	for h := range list {
		if list[h].verdict != VerdictConfirmed {
			continue
		}
		for _, other := range b.m.members[list[h].story] {
			if j := &list[other]; j.verdict == VerdictOpen && b.tellable(other) {
				j.verdict, j.rule = VerdictLikely, RuleTold
			}
		}
	}
}

// confirmTogether confirms several causes at once when nothing else is left, and
// each has enough evidence of its own that none of the others would explain. Two
// causes that are both there share the probability among each of them alone and
// the pair, so that neither may reach by itself what it takes.
func (b *Belief) confirmTogether() {
	list := b.judgements.list
	var all []int
	for h := range list {
		if list[h].enoughOfItsOwn() {
			all = append(all, h)
		}
	}
	for before := -1; before != len(all); {
		before = len(all)
		set := slices.Clone(all)
		all = slices.DeleteFunc(all, func(h int) bool { return !b.enoughBeside(h, set) })
	}
	if len(all) < 2 {
		return
	}
	sum := 0.0
	for s, members := range b.m.members {
		if len(members) > 0 && !slices.ContainsFunc(members, func(h int) bool { return !slices.Contains(all, h) }) {
			sum += b.posterior[s]
		}
	}
	if sum < confirmAt-tolerance {
		return
	}
	for _, h := range all {
		if j := &list[h]; j.verdict != VerdictConfirmed {
			j.verdict, j.rule = VerdictConfirmed, RuleTogether
			b.judgements.some = true
		}
		list[h].sure = max(list[h].sure, sum)
	}
}

// enoughBeside reports whether h has enough evidence that none of the others
// would explain, and what it must show is proof of it.
func (b *Belief) enoughBeside(h int, others []int) bool {
	own, proven := 0.0, false
	cites := b.m.cites[h]
	for i := 0; i < len(cites); {
		group, points := cites[i].group, b.buffer[:0]
		for ; i < len(cites) && cites[i].group == group; i++ {
			c := cites[i]
			if b.truth[c.finding] != kleene.True || !c.Word.Supports() {
				continue
			}
			shared := slices.ContainsFunc(others, func(other int) bool {
				return other != h && b.m.points[kleene.True][c.finding*len(b.m.spec.Hypotheses)+other] > 0
			})
			if !shared {
				proven = proven || c.Word == Proof && c.Must
				points = append(points, c.ifTrue())
			}
		}
		b.buffer = points
		if len(points) > 0 {
			own += damp(points)
		}
	}
	return proven && own >= confirmPointsBeside-tolerance
}

// tellable reports whether h has enough evidence to be named in a story.
func (b *Belief) tellable(h int) bool {
	j := &b.judgements.list[h]
	return !j.excluded && j.own >= toldPoints-tolerance
}

// decide gives h its verdict when it is neither confirmed nor told.
func (b *Belief) decide(h int) {
	j, p := &b.judgements.list[h], b.p[h]
	base := b.m.base[h]
	if b.symptom == kleene.True {
		base = b.m.baseIll[h]
	}
	switch {
	case j.excluded:
		j.verdict = VerdictRuledOut
	case j.verdict != VerdictOpen:
	case b.judgements.some && p >= contributeAt-tolerance && j.own >= confirmPoints-tolerance:
		j.verdict, j.rule = VerdictContributing, RuleSecond
		if j.capped {
			j.verdict, j.rule = VerdictLikely, RuleTrigger
		}
	case p <= base+tolerance && p > ruledOutAt+tolerance:
		// What is known before looking is no verdict.
	case p >= confirmAt-tolerance:
		j.verdict, j.rule = VerdictLikely, RuleElimination
		if j.capped && j.own >= confirmPoints-tolerance {
			j.rule = RuleTrigger
		}
	case p >= leadAt-tolerance && p >= leadTimes*b.nextOutside(h)-tolerance:
		j.verdict, j.rule = VerdictLikely, RuleLead
	case p <= ruledOutAt+tolerance && p < base-tolerance:
		j.verdict, j.rule = VerdictRuledOut, RuleImprobable
	}
}

// nextOutside is the highest probability of a hypothesis that is not told in the
// story of h.
func (b *Belief) nextOutside(h int) float64 {
	next := 0.0
	for other, p := range b.p {
		if p > next && !b.inStoryOf(h, other) {
			next = p
		}
	}
	return next
}

func (b *Belief) inStoryOf(h, other int) bool {
	if h == other {
		return true
	}
	if slices.Contains(b.m.members[b.judgements.list[h].story], other) {
		return b.judgements.list[other].verdict == VerdictConfirmed || b.tellable(other)
	}
	return false
}

// settled reports whether one hypothesis is confirmed, beyond what it takes to
// say so, and no other is left open. It takes more to stop than to say: one cheap
// finding that happens to be true must not end a run before the true cause has
// been looked at.
func (b *Belief) settled() bool {
	b.judge()
	if !b.judgements.some {
		return false
	}
	for h := range b.judgements.list {
		j := &b.judgements.list[h]
		switch {
		case j.verdict == VerdictConfirmed && j.sure >= stopAt-tolerance:
		case j.verdict == VerdictContributing, j.excluded, j.rule == RuleTold, b.p[h] <= ruledOutAt+tolerance:
		default:
			return false
		}
	}
	return true
}
