package belief

import (
	"math"
	"math/rand/v2"
	"slices"

	"gumshoe/engine/kleene"
)

// worldKind says what the synthetic runbooks and incidents are like.
type worldKind struct {
	name    string
	chains  bool // some hypotheses cause others, and half of these incidents are chains
	silent  bool // nothing is seen of a symptom, or none is declared; half is healthy
	unlink  bool // the author leaves caused_by out, though there are chains
	tangled bool // findings over two steps, needs, steps that can be felt
}

// world is a random runbook together with how the system behind it really works:
// noisy-OR with leaks, some of them shared, which the author knows only roughly.
type world struct {
	kind     worldKind
	spec     Spec
	model    *Model
	weight   []float64   // how often each hypothesis really is the cause
	triggers [][]int     // what really causes each hypothesis
	leak     []float64   // by finding
	link     [][]float64 // by hypothesis and finding: how often it makes it true
	quiet    [][]bool    // by hypothesis and finding: it makes it rarer, tenfold
	cluster  []int       // by finding: a source of noise that steps share, or -1
	clusters int
}

// incident is one thing that happened, as the simulated steps will show it.
type incident struct {
	holds   []bool // by hypothesis
	listed  bool   // some hypothesis holds
	healthy bool
	double  bool  // two unconnected causes
	story   []int // deepest cause first, when one caused the other
	values  []kleene.Truth
	faults  []uint8 // by step: 0 works, 1 fails once, 2 fails always
	symptom kleene.Truth
}

const offBy = 3 // the author's likelihood ratios are off by up to this factor

func newWorld(kind worldKind, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{kind: kind}
	hypotheses, steps := 5+r.IntN(26), 8+r.IntN(33)
	var reads []int // by finding: its step
	for s := range steps {
		w.spec.Steps = append(w.spec.Steps, Step{Cost: logUniform(r, 0.05, 30)})
		for range 1 + r.IntN(3) {
			reads = append(reads, s)
			w.leak = append(w.leak, logUniform(r, 0.005, 0.5))
		}
	}
	w.weight = make([]float64, hypotheses)
	w.link = make([][]float64, hypotheses)
	w.quiet = make([][]bool, hypotheses)
	for h := range hypotheses {
		w.weight[h] = logUniform(r, 1, 25)
		w.link[h], w.quiet[h] = w.effects(r), make([]bool, len(reads))
		if r.IntN(4) == 0 { // something that speaks against it
			f := r.IntN(len(reads))
			if w.link[h][f] == 0 {
				w.quiet[h][f] = true
				w.leak[f] = max(w.leak[f], 0.2)
			}
		}
	}
	w.cluster = make([]int, len(reads))
	for f := range w.cluster {
		w.cluster[f] = -1
	}
	w.clusters = 1 + r.IntN(3)
	for c := range w.clusters {
		for range 3 {
			w.cluster[r.IntN(len(reads))] = c
		}
	}
	w.cause(r)
	w.write(r, reads)
	var err error
	if w.model, err = Compile(w.spec); err != nil {
		panic(err)
	}
	return w
}

// effects draws what a cause shows: one finding nearly always, others less.
func (w *world) effects(r *rand.Rand) []float64 {
	link := make([]float64, len(w.leak))
	order := r.Perm(len(w.leak))
	for i, f := range order[:min(3+r.IntN(6), len(order))] {
		link[f] = 0.5 + 0.45*r.Float64()
		if i == 0 {
			link[f] = 0.98
		}
	}
	return link
}

// unlisted draws what a cause shows that nobody thought of: the steps were not
// chosen for it, so they see less of it.
func (w *world) unlisted(r *rand.Rand) []float64 {
	link := make([]float64, len(w.leak))
	for range 1 + r.IntN(4) {
		link[r.IntN(len(link))] = 0.5 + 0.45*r.Float64()
	}
	return link
}

// cause draws what causes what: half of the hypotheses are mechanisms that one
// or two of the later ones can act through.
func (w *world) cause(r *rand.Rand) {
	n := len(w.weight)
	w.triggers = make([][]int, n)
	if !w.kind.chains {
		return
	}
	for h := range n / 2 {
		for range 1 + r.IntN(2) {
			t := n/2 + r.IntN(n-n/2)
			if !contains(w.triggers[h], t) {
				w.triggers[h] = append(w.triggers[h], t)
			}
		}
	}
}

// write makes the runbook as an author would who knows the likelihood ratios up
// to a factor and forgets one link in twenty.
func (w *world) write(r *rand.Rand, reads []int) {
	words := r.IntN(2) == 0 // half of the authors give prior words
	mean := 0.0
	for _, x := range w.weight {
		mean += math.Log(x) / float64(len(w.weight))
	}
	for h := range w.weight {
		hypothesis := Hypothesis{}
		if words {
			switch x := math.Log(w.weight[h]*off(r)) - mean; {
			case x > math.Log(math.Sqrt(3)):
				hypothesis.Prior = Common
			case x < -math.Log(math.Sqrt(3)):
				hypothesis.Prior = Rare
			}
		}
		if !w.kind.unlink {
			hypothesis.CausedBy = w.triggers[h]
		}
		w.spec.Hypotheses = append(w.spec.Hypotheses, hypothesis)
	}
	for f, s := range reads {
		finding := Finding{Reads: []int{s}}
		if w.kind.tangled && r.IntN(8) == 0 {
			finding.Reads = append(finding.Reads, r.IntN(len(w.spec.Steps)))
		}
		for h := range w.weight {
			if citation, cited := w.word(r, h, f); cited && r.IntN(20) != 0 {
				finding.Citations = append(finding.Citations, citation)
			}
		}
		w.spec.Findings = append(w.spec.Findings, finding)
	}
	if w.kind.tangled {
		for s := range w.spec.Steps {
			if s > 0 && r.IntN(5) == 0 {
				w.spec.Steps[s].Needs = []int{r.IntN(s)}
			}
			if r.IntN(5) == 0 {
				w.spec.Steps[s].Risk = Load
			}
		}
	}
	w.spec.Symptom = true
	if w.kind.silent && r.IntN(2) == 0 {
		w.spec.Symptom = false
		w.insist()
	}
}

// word is what the author writes for a finding of a hypothesis.
func (w *world) word(r *rand.Rand, h, f int) (Citation, bool) {
	c := Citation{Hypothesis: h}
	leak := w.leak[f]
	switch {
	case w.quiet[h][f]:
		c.Word = Against
		return c, true
	case w.link[h][f] == 0:
		return c, false
	}
	p := 1 - (1-leak)*(1-w.link[h][f])
	return worded(h, p/leak*off(r), (1-p)/(1-leak)*off(r))
}

// worded is the citation nearest to two likelihood ratios; there is none for a
// finding that hardly tells.
func worded(h int, whenTrue, whenFalse float64) (Citation, bool) {
	c := Citation{Hypothesis: h}
	points := 10 * math.Log10(whenTrue)
	switch {
	case points < 2.5:
		return c, false
	case points < 7.5:
		c.Word = Weak
	case points < 12.5:
		c.Word = Medium
	case points < 17.5:
		c.Word = Strong
	default:
		c.Word = Proof
	}
	c.Must = 10*math.Log10(whenFalse) < (absentPoints+absentPointsMust)/2
	return c, true
}

// insist makes the most faithful supporting finding of each hypothesis a must, as
// an author does who wants a sweep without a symptom to be able to say healthy.
func (w *world) insist() {
	for h := range w.weight {
		best, at := -1, 0
		has := false
		for f := range w.spec.Findings {
			for i, c := range w.spec.Findings[f].Citations {
				if c.Hypothesis != h || !c.Word.Supports() {
					continue
				}
				has = has || c.Must
				if best < 0 || w.link[h][f] > w.link[h][best] {
					best, at = f, i
				}
			}
		}
		if best >= 0 && !has {
			w.spec.Findings[best].Citations[at].Must = true
		}
	}
}

// happen draws an incident.
func (w *world) happen(r *rand.Rand) *incident {
	i := &incident{
		holds:  make([]bool, len(w.weight)),
		values: make([]kleene.Truth, len(w.leak)),
		faults: make([]uint8, len(w.spec.Steps)),
	}
	noise := 1.0
	var unlisted []float64
	switch {
	case w.kind.silent && r.IntN(2) == 0:
		i.healthy, noise = true, 0.3
	case r.IntN(10) == 0:
		unlisted = w.unlisted(r)
	default:
		i.listed = true
		h := w.draw(r)
		i.holds[h] = true
		if len(w.triggers[h]) > 0 && r.IntN(2) == 0 {
			t := w.triggers[h][r.IntN(len(w.triggers[h]))]
			i.holds[t] = true
			i.story = []int{t, h}
		} else if r.IntN(5) == 0 {
			for i.double = true; ; {
				if other := w.draw(r); !i.holds[other] && !contains(w.triggers[h], other) && !contains(w.triggers[other], h) {
					i.holds[other] = true
					break
				} else if r.IntN(50) == 0 {
					i.double = false
					break
				}
			}
		}
	}
	w.show(r, i, unlisted, noise)
	for s := range i.faults {
		if r.IntN(20) == 0 {
			i.faults[s] = uint8(1 + r.IntN(2))
		}
	}
	i.symptom = kleene.Of(!w.kind.silent)
	if !w.spec.Symptom {
		i.symptom = kleene.Unknown
	}
	return i
}

// show draws the truth of every finding.
func (w *world) show(r *rand.Rand, i *incident, unlisted []float64, noise float64) {
	shared := make([]float64, w.clusters)
	for c := range shared {
		shared[c] = r.Float64()
	}
	step, same, level := -1, false, 0.0
	for f := range w.leak {
		if s := w.spec.Findings[f].Reads[0]; s != step {
			step, same, level = s, r.IntN(2) == 0, r.Float64()
		}
		u := r.Float64()
		switch c := w.cluster[f]; {
		case c >= 0 && r.IntN(2) == 0:
			u = shared[c]
		case same:
			u = level
		}
		leak := w.leak[f] * noise
		on := false
		for h, holds := range i.holds {
			if holds && w.quiet[h][f] {
				leak *= 0.1
			}
			on = on || holds && r.Float64() < w.link[h][f]
		}
		if unlisted != nil {
			on = on || r.Float64() < unlisted[f]
		}
		i.values[f] = kleene.Of(on || u < leak)
	}
}

func (w *world) draw(r *rand.Rand) int {
	sum := 0.0
	for _, x := range w.weight {
		sum += x
	}
	at := r.Float64() * sum
	for h, x := range w.weight {
		if at -= x; at < 0 {
			return h
		}
	}
	return len(w.weight) - 1
}

// off is a factor between 1/offBy and offBy.
func off(r *rand.Rand) float64 { return logUniform(r, 1.0/offBy, offBy) }

func logUniform(r *rand.Rand, low, high float64) float64 {
	return low * math.Exp(r.Float64()*math.Log(high/low))
}

func contains(list []int, x int) bool {
	return slices.Contains(list, x)
}
