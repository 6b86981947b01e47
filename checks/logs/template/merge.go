package template

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// manyWords is how many different words in one place of otherwise equal forms
	// are values: fewer may be states, such as opened and closed.
	manyWords = 4
	// manyFirstWords is the same for the first word of a message, which mostly says
	// who speaks or what is done.
	manyFirstWords = 16
	// manyPairs is how many different pairs of words in two places are values.
	manyPairs = 8
	// maxPairForms bounds how many forms of a length are compared in two places.
	maxPairForms = 1 << 12
	// maxPairWords is the longest message that is compared in two places, in words.
	maxPairWords = 24
)

// merge joins the forms that differ in values alone.
func (m *Miner) merge() {
	byLength := map[int][]*form{}
	for _, f := range m.forms {
		byLength[len(f.sums)] = append(byLength[len(f.sums)], f)
	}
	values := map[uint64]bool{}
	for {
		joined := 0
		for _, forms := range byLength {
			joined += m.mergeOne(forms, values, false)
			joined += m.mergeTwo(forms, values)
		}
		if joined == 0 {
			break
		}
	}
	for {
		joined := 0
		for _, forms := range byLength {
			joined += m.mergeOne(forms, values, true)
		}
		if joined == 0 {
			break
		}
	}
	m.sweep()
}

// sweep drops the forms that were merged into others.
func (m *Miner) sweep() {
	m.forms = slices.DeleteFunc(m.forms, func(f *form) bool { return f.merged })
	for hash, f := range m.byHash {
		for f.merged {
			f = f.into
		}
		m.byHash[hash] = f
	}
	clear(m.general)
	for _, f := range m.forms {
		if f.general {
			at := place{len(f.sums), f.first()}
			m.general[at] = append(m.general[at], f)
		}
	}
}

// A context is a form without one or two of its words.
type context struct {
	sum  uint64
	p, q int8
}

// mergeOne joins forms that differ in one place, by words that are values, and
// gives how many it did away with. values collects the words that were; with known
// set, few words are enough when each is a value elsewhere.
func (m *Miner) mergeOne(forms []*form, values map[uint64]bool, known bool) int {
	contexts := map[context][]*form{}
	for _, f := range forms {
		if f.merged {
			continue
		}
		whole := f.sum()
		for p, sum := range f.sums {
			c := context{whole - spread(sum, p), int8(p), -1}
			contexts[c] = append(contexts[c], f)
		}
	}
	return m.joinAll(contexts, func(c context, forms []*form) bool {
		if len(forms) < 2 {
			return false
		}
		p := int(c.p)
		isKnown, hasHole := true, haveHole(forms, p)
		for _, f := range forms {
			isKnown = isKnown && (f.sums[p] == wholeHole || values[f.sums[p]])
		}
		many := manyWords
		if p == 0 {
			many = manyFirstWords
		}
		switch {
		case len(forms) >= many:
			for _, f := range forms {
				if f.sums[p] != wholeHole {
					values[f.sums[p]] = true
				}
			}
			return true
		case hasHole:
			return true
		}
		return known && isKnown
	})
}

// haveHole says whether forms have values in one place of which some show as such:
// "rhost=<*>" beside "rhost=relay". A first word that is nothing but a value shows
// nothing of what others begin with.
func haveHole(forms []*form, p int) bool {
	for _, f := range forms {
		before, after, found := strings.Cut(f.words[p], hole)
		if key := strings.IndexByte(before, '='); key >= 0 {
			before, after = before[:key+1], ""
		}
		if p == 0 && before == "" {
			continue
		}
		if found && !slices.ContainsFunc(forms, func(f *form) bool {
			w := f.words[p]
			return len(w) < len(before)+len(after) || !strings.HasPrefix(w, before) || !strings.HasSuffix(w, after)
		}) {
			return true
		}
	}
	return false
}

// mergeTwo joins forms that differ in two places.
func (m *Miner) mergeTwo(forms []*form, values map[uint64]bool) int {
	live := slices.DeleteFunc(slices.Clone(forms), func(f *form) bool { return f.merged })
	if len(live) < manyPairs || len(live) > maxPairForms || len(live[0].sums) > maxPairWords {
		return 0
	}
	contexts := map[context][]*form{}
	for _, f := range live {
		whole := f.sum()
		for p := range f.sums {
			for q := p + 1; q < len(f.sums); q++ {
				c := context{whole - spread(f.sums[p], p) - spread(f.sums[q], q), int8(p), int8(q)}
				contexts[c] = append(contexts[c], f)
			}
		}
	}
	return m.joinAll(contexts, func(c context, forms []*form) bool {
		if len(forms) < manyPairs || c.p == 0 {
			return false
		}
		for _, at := range [...]int8{c.p, c.q} {
			distinct := map[uint64]bool{}
			for _, f := range forms {
				distinct[f.sums[at]] = true
			}
			if len(distinct) < manyWords && !distinct[wholeHole] {
				return false
			}
		}
		for _, f := range forms {
			for _, at := range [...]int8{c.p, c.q} {
				if f.sums[at] != wholeHole {
					values[f.sums[at]] = true
				}
			}
		}
		return true
	})
}

// joinAll joins the forms of each context that is for it, the largest first, and
// gives how many forms that did away with.
func (m *Miner) joinAll(contexts map[context][]*form, isFor func(context, []*form) bool) int {
	type group struct {
		at    context
		forms []*form
	}
	var groups []group
	for c, forms := range contexts {
		if len(forms) > 1 {
			groups = append(groups, group{c, forms})
		}
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(len(b.forms), len(a.forms)), cmp.Compare(a.at.p, b.at.p), cmp.Compare(a.at.q, b.at.q),
			cmp.Compare(a.forms[0].order, b.forms[0].order))
	})
	gone := 0
	for _, g := range groups {
		live := slices.DeleteFunc(slices.Clone(g.forms), func(f *form) bool { return f.merged || f.fresh })
		if isFor(g.at, live) {
			m.join(live)
			live[0].fresh = true
			gone += len(live) - 1
		}
	}
	for _, g := range groups {
		for _, f := range g.forms {
			f.fresh = false
		}
	}
	return gone
}

// join makes one form of several, in the first of them: with a hole where they
// differ.
func (m *Miner) join(forms []*form) {
	to := forms[0]
	for i := range to.words {
		if !slices.ContainsFunc(forms[1:], func(f *form) bool { return f.sums[i] != to.sums[i] }) {
			continue
		}
		to.words[i] = commonHole(forms, i)
		to.sums[i] = wholeHole
		to.varies |= 1 << i
		to.general = true
	}
	for _, f := range forms[1:] {
		f.merged, f.into = true, to
		to.take(f)
	}
}

// commonHole is a hole with what all forms have before and behind it in a word:
// "user=<*>".
func commonHole(forms []*form, i int) string {
	first := forms[0].words[i]
	prefix, suffix := len(first), len(first)
	for _, f := range forms[1:] {
		w := f.words[i]
		n := 0
		for n < min(prefix, len(w)) && w[n] == first[n] {
			n++
		}
		prefix = n
		n = 0
		for n < min(suffix, len(w)) && w[len(w)-1-n] == first[len(first)-1-n] {
			n++
		}
		suffix = n
	}
	before, after := first[:prefix], first[len(first)-min(suffix, len(first)-prefix):]
	before = before[:strings.LastIndexAny(before, `=:([{"'`)+1]
	if at := strings.IndexAny(after, `)]}"',;:`); at >= 0 {
		after = after[at:]
	} else {
		after = ""
	}
	return before + hole + after
}

// take adds the messages of another form to those of this one.
func (f *form) take(other *form) {
	f.varies |= other.varies
	for i := range f.raw {
		if f.raw[i] != other.raw[i] {
			f.varies |= 1 << i
		}
	}
	f.seen += other.seen
	s, o := &f.stats, &other.stats
	s.Lines.Add(o.Lines)
	if o.First != 0 && (o.First < s.First || s.First == 0) {
		s.First, s.Example, s.Mark = o.First, o.Example, o.Mark
	}
	s.Last = max(s.Last, o.Last)
}

// sum is a hash of the words of a form from which single words can be taken.
func (f *form) sum() uint64 {
	var whole uint64
	for p, sum := range f.sums {
		whole += spread(sum, p)
	}
	return whole
}

// spread makes the hash of a word that of a word in a place.
func spread(sum uint64, place int) uint64 {
	x := sum + uint64(place+1)*0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9 // splitmix64 (Steele, Lea and Flood 2014)
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// combine makes a hash of that of words and that of the next.
func combine(hash, next uint64) uint64 {
	hash = (hash ^ next) * 0x9E3779B97F4A7C15
	return hash ^ hash>>29
}
