// Package template finds the templates of log messages: what a program wrote
// with its values left out, such as "Accepted password for <*> from <*> port <*>".
//
// It works in two steps. As messages come, values that show by themselves
// (numbers, addresses, identifiers, paths, durations, texts in quotes) are masked;
// messages that are equal then are of one form, which costs one look into a map.
// When the templates are asked for, forms are merged that differ in words which
// vary as values do: many different ones, in one place of otherwise equal forms.
// This sees all messages before it decides, where Drain (He et al., ICWS 2017)
// decides at each line by how similar it is to what came before.
//
// It knows no language and no program, and has one configuration.
package template

import (
	"hash/maphash"
	"strings"

	"gumshoe/checks/logs/tally"
)

// DefaultMaxForms is how many forms a miner holds, unless told otherwise.
const DefaultMaxForms = 1 << 15

// Stats is what is known of the messages of a template.
type Stats struct {
	// Lines is how many there were, by part of time.
	Lines tally.Count
	// First and Last are when, in nanoseconds since 1970; 0 when no message has a
	// time.
	First, Last int64
	// Example is the first of them, cut at 4096 bytes.
	Example string
	// Mark is what was given with it, such as its level.
	Mark uint8
}

// A Miner collects messages. The zero value is not usable: see New. It is used by
// one goroutine at a time; miners that saw different messages can be merged.
type Miner struct {
	maxForms int
	scanner  scanner
	forms    []*form
	// byHash finds a form by the hash of its words, and by those of the forms that
	// were merged into it.
	byHash map[uint64]*form
	// general are the forms with words that were found to vary: a message of a new
	// form may be theirs.
	general map[place][]*form
	coarse  bool
	order   int // of the next form
}

// A place is where a general form is looked for.
type place struct {
	words int
	first uint64 // hash of the first word; that of a hole for any
}

// A form is all messages that are equal but for their values.
type form struct {
	hash   uint64
	words  []string // with holes
	sums   []uint64 // their hashes
	raw    []string // those of the example
	varies uint64   // a bit for each word that is not always as in the example
	seen   uint32
	order  int // by when it was first seen
	// merged is set when it is part of into, general when words of it were found to
	// vary, and fresh while it is so since this round.
	merged, general, fresh bool
	into                   *form
	stats                  Stats
}

// New gives a miner that holds at most so many forms; 0 means DefaultMaxForms.
// When there are more, it merges those that it has, coarsely if it must.
func New(maxForms int) *Miner {
	if maxForms <= 0 {
		maxForms = DefaultMaxForms
	}
	return &Miner{
		maxForms: maxForms,
		scanner:  scanner{seed: maphash.MakeSeed()},
		byHash:   map[uint64]*form{},
		general:  map[place][]*form{},
	}
}

// Coarse says whether there were more forms than the miner may hold: it then took
// for one template what begins with the same word and is as long.
func (m *Miner) Coarse() bool { return m.coarse }

// Add takes in a message, without the time and the level that a program puts
// before it. at is when it was written, in nanoseconds since 1970; 0 when that is
// not known; part is one of package tally. The message may be changed afterwards. mark is kept beside the first of
// each template.
func (m *Miner) Add(message []byte, at int64, part int, mark uint8) {
	words, hash := m.scanner.scan(message)
	f := m.byHash[hash]
	if f == nil {
		f = m.newForm(words, hash, message)
		if f.seen == 0 {
			f.stats.Mark = mark
		}
	}
	f.seen++
	if f.seen <= alwaysCompared || f.seen%compareEvery == 0 {
		f.compare(words)
	}
	f.stats.Lines[part]++
	if at == 0 {
		return
	}
	if at < f.stats.First || f.stats.First == 0 {
		f.stats.First = at
	}
	f.stats.Last = max(f.stats.Last, at)
}

const (
	// alwaysCompared is how many messages of a form are compared with its example
	// word by word, to see which values are always the same.
	alwaysCompared = 64
	// compareEvery is that one in so many is compared afterwards.
	compareEvery = 16
)

// compare notes which words differ from those of the example.
func (f *form) compare(words []word) {
	if len(words) != len(f.raw) {
		return
	}
	for i := range words {
		if string(words[i].text) != f.raw[i] {
			f.varies |= 1 << i
		}
	}
}

// newForm gives the form of a message of which none is known: one that words were
// merged in, or a new one.
func (m *Miner) newForm(words []word, hash uint64, message []byte) *form {
	if len(m.byHash) >= 4*m.maxForms {
		m.forget()
	}
	if f := m.find(words); f != nil {
		m.byHash[hash] = f
		return f
	}
	if len(m.forms) >= m.maxForms {
		m.makeRoom()
		if f := m.find(words); f != nil {
			m.byHash[hash] = f
			return f
		}
	}
	f := &form{
		hash:  hash,
		order: m.order,
		words: make([]string, len(words)),
		sums:  make([]uint64, len(words)),
		raw:   make([]string, len(words)),
	}
	f.stats.Example = string(message[:min(len(message), maxBytes)])
	for i, w := range words {
		f.sums[i] = w.hash
		f.raw[i] = strings.Clone(string(w.text))
		f.words[i] = f.raw[i]
		switch {
		case w.hash == wholeHole:
			f.words[i] = hole
		case w.masked:
			f.words[i] = string(appendMasked(nil, w.text))
		}
	}
	m.order++
	m.forms = append(m.forms, f)
	m.byHash[hash] = f
	return f
}

// find gives the general form that words are of, or nil.
func (m *Miner) find(words []word) *form {
	if len(words) == 0 {
		return nil
	}
	for _, first := range [...]uint64{words[0].hash, wholeHole} {
		for _, f := range m.general[place{len(words), first}] {
			if f.covers(words) {
				return f
			}
		}
	}
	return nil
}

func (f *form) covers(words []word) bool {
	for i, sum := range f.sums {
		if sum != wholeHole && sum != words[i].hash {
			return false
		}
	}
	return true
}

// forget drops what is remembered of forms that were merged into others.
func (m *Miner) forget() {
	clear(m.byHash)
	for _, f := range m.forms {
		m.byHash[f.hash] = f
	}
}

// makeRoom merges forms until at most half of those that may be held are left.
func (m *Miner) makeRoom() {
	m.merge()
	if len(m.forms) <= m.maxForms/2 {
		return
	}
	m.coarse = true
	m.mergeAlike(func(f *form) place { return place{len(f.sums), f.first()} })
	if len(m.forms) > m.maxForms/2 {
		m.mergeAlike(func(f *form) place { return place{words: len(f.sums)} })
	}
}

func (f *form) first() uint64 {
	if len(f.sums) == 0 {
		return wholeHole
	}
	return f.sums[0]
}

// mergeAlike merges the forms of the same place.
func (m *Miner) mergeAlike(of func(*form) place) {
	alike := map[place][]*form{}
	for _, f := range m.forms {
		alike[of(f)] = append(alike[of(f)], f)
	}
	for _, forms := range alike {
		if len(forms) > 1 {
			m.join(forms)
		}
	}
	m.sweep()
}

// Merge takes in what another miner saw. The other one is not to be used
// afterwards.
func (m *Miner) Merge(other *Miner) {
	for _, f := range other.forms {
		if mine := m.byHash[m.rehash(f)]; mine != nil {
			mine.take(f)
			continue
		}
		if len(m.forms) >= m.maxForms {
			m.makeRoom()
		}
		f.order = m.order
		m.order++
		m.forms = append(m.forms, f)
		m.byHash[f.hash] = f
	}
	m.sweep()
	m.coarse = m.coarse || other.coarse
}

// rehash gives a form of another miner the hashes of this one.
func (m *Miner) rehash(f *form) uint64 {
	f.hash = 0
	for i, w := range f.words {
		f.sums[i] = wholeHole
		if w != hole {
			f.sums[i] = maphash.String(m.scanner.seed, w)
		}
		f.hash = combine(f.hash, f.sums[i])
	}
	return f.hash
}
