package line

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// maxNames is how many fields can be read at once, and maxWants how many keys are
	// looked for: level and message have many. A set of them is a word of 64 bits.
	maxNames = 20
	maxWants = 64
)

// scale says what a value means as a level.
type scale uint8

const (
	names    scale = iota // a word, or one of pino's numbers
	severity              // a number of syslog
	mongo                 // MongoDB's letters, D1 to D5 among them
)

// alias is a key under which programs write a level or a message.
type alias struct {
	key   string
	scale scale
}

// want is a key that is looked for.
type want struct {
	alias
	nested bool // it may name a member of a nested object
}

// slot is one field that was asked for: the keys it may have, the best first.
type slot struct {
	first, last int // in wants
	what        what
}

// what a field is.
type what uint8

const (
	ordinary what = iota
	level
	message
)

// selection is the keys that a reader looks for in a line, and what it found there.
// Formats of keys and values share it.
type selection struct {
	wants   []want
	slots   []slot
	need    uint64 // when all of these are found, the rest of the line is not looked at
	nested  uint64
	lengths uint64 // of keys, modulo 64

	found   uint64
	escaped uint64 // a string that has escapes
	raw     [][]byte
}

// newSelection looks for names, and for levels and messages under these aliases.
func newSelection(names []string, levels, messages []alias) *selection {
	s := &selection{}
	for _, name := range names {
		switch name {
		case "level":
			s.add(level, levels)
		case "message":
			s.add(message, messages)
		default:
			s.add(ordinary, []alias{{key: name}})
		}
	}
	return s
}

// add adds a field that may stand under any of some keys.
func (s *selection) add(is what, keys []alias) {
	field := slot{first: len(s.wants), what: is}
	for i, k := range keys {
		n := len(s.wants)
		if n >= maxWants-maxNames && i > 0 {
			break // of a field that is asked for again and again, aliases are left out
		}
		w := want{alias: k, nested: strings.ContainsAny(k.key, ".[")}
		s.wants = append(s.wants, w)
		s.lengths |= 1 << (len(k.key) & 63)
		if i == 0 {
			s.need |= 1 << n
		}
		if w.nested {
			s.nested |= 1 << n
		}
	}
	field.last = len(s.wants)
	s.slots = append(s.slots, field)
	s.raw = make([][]byte, len(s.wants))
}

func (s *selection) clone() *selection {
	c := *s
	c.raw = make([][]byte, len(s.wants))
	c.found, c.escaped = 0, 0
	return &c
}

// mask gives the wants that a key is, or may hold a member of.
func (s *selection) mask(key []byte) uint64 {
	var mask uint64
	if s.nested == 0 && s.lengths>>(len(key)&63)&1 == 0 {
		return 0
	}
	for i := range s.wants {
		w := &s.wants[i]
		if w.key == string(key) {
			mask |= 1 << i
		} else if w.nested && begins(w.key, key) {
			mask |= 1 << i
		}
	}
	return mask
}

// begins says whether a path goes on behind a key.
func begins(path string, key []byte) bool {
	return len(path) > len(key) && path[:len(key)] == string(key) && (path[len(key)] == '.' || path[len(key)] == '[')
}

// set keeps a value that was found, unless there is one.
func (s *selection) set(i int, value []byte, escaped bool) {
	bit := uint64(1) << i
	if s.found&bit != 0 {
		return
	}
	s.found |= bit
	s.raw[i] = value
	if escaped {
		s.escaped |= bit
	}
}

// value is a want's value without escapes.
func (s *selection) value(i int, scratch *[]byte) []byte {
	if s.escaped>>i&1 != 0 {
		return unescape(s.raw[i], scratch)
	}
	return s.raw[i]
}

// fill gives the fields that were found their values. A message that was not found
// is the whole line.
func (s *selection) fill(line []byte, values [][]byte, scratch *[]byte) {
	for i := range s.slots {
		field := &s.slots[i]
		switch field.what {
		case ordinary:
			if s.found>>field.first&1 != 0 {
				values[i] = s.value(field.first, scratch)
			}
		case level:
			values[i] = s.levelText(field, scratch)
		case message:
			values[i] = line
			for w := field.first; w < field.last; w++ {
				if s.found>>w&1 != 0 {
					values[i] = s.value(w, scratch)
					break
				}
			}
		}
	}
}

// levelText is a level's name, or what stands in its place.
func (s *selection) levelText(field *slot, scratch *[]byte) []byte {
	var other []byte
	for w := field.first; w < field.last; w++ {
		if s.found>>w&1 == 0 {
			continue
		}
		text := s.value(w, scratch)
		if l := s.wants[w].level(text); l != Unknown {
			return put(scratch, l.String())
		}
		if other == nil {
			other = text
		}
	}
	return other
}

// level is the level of the first field, which is one.
func (s *selection) level(scratch *[]byte) Level {
	for w := range s.wants {
		if s.found>>w&1 == 0 {
			continue
		}
		if l := s.wants[w].level(s.value(w, scratch)); l != Unknown {
			return l
		}
	}
	return Unknown
}

// level reads a value as a level.
func (a alias) level(text []byte) Level {
	switch a.scale {
	case severity:
		if len(text) == 1 && isDigit(text[0]) {
			return syslogLevel(int(text[0] - '0'))
		}
	case mongo:
		if len(text) == 0 || len(text) > 2 || !isUpper(text[0]) {
			return Unknown
		}
	default:
	}
	if l := ParseLevel(text); l != Unknown {
		return l
	}
	return numberedLevel(text)
}

// put adds a text to the scratch and gives it as a value.
func put(scratch *[]byte, text string) []byte {
	start := len(*scratch)
	*scratch = append(*scratch, text...)
	end := len(*scratch)
	return (*scratch)[start:end:end]
}

// learnKeys puts the aliases of levels and messages in the order of how many lines of
// a sample have them, so that the first is mostly enough. It reads with what is made
// of a selection.
func learnKeys(sample [][]byte, newReader func(*selection) reader) (levels, messages []alias) {
	var scratch []byte
	count := func(key alias, isLevel bool) int {
		s := &selection{}
		s.add(ordinary, []alias{key})
		r, n := newReader(s), 0
		for _, line := range sample {
			var value [1][]byte
			scratch = scratch[:0]
			r.read(line, value[:], &scratch)
			if value[0] != nil && (!isLevel || key.level(value[0]) != Unknown) {
				n++
			}
		}
		return n
	}
	rank := func(keys []alias, areLevels bool) []alias {
		counts := map[string]int{}
		for _, k := range keys {
			counts[k.key] = count(k, areLevels)
		}
		slices.SortStableFunc(keys, func(a, b alias) int { return cmp.Compare(counts[b.key], counts[a.key]) })
		return keys
	}
	levels = levelKeys()
	if count(alias{key: "short_message"}, false) > len(sample)/2 { // GELF
		levels[0].scale = severity
	}
	return rank(levels, true), rank(messageKeys(), false)
}

// messageKeys are the keys of messages in JSON and logfmt.
func messageKeys() []alias {
	var keys []alias
	for _, key := range []string{
		"msg", "message", "@message", "@m", "@mt", "MESSAGE", "Message", "short_message", "RenderedMessage",
		"textPayload", "log", "body", "Body", "text", "event", "error", "err",
	} {
		keys = append(keys, alias{key: key})
	}
	return keys
}

// levelKeys are those of levels. The numbers of a GELF message are syslog's.
func levelKeys() []alias {
	var keys []alias
	for _, key := range []string{
		"level", "severity", "lvl", "levelname", "log.level", "@level", "@l", "Level", "LogLevel", "loglevel", "log_level",
		"level_name", "severity_text", "severityText", "SeverityText", "error_severity", "sev",
	} {
		keys = append(keys, alias{key: key})
	}
	return append(keys, alias{"PRIORITY", severity}, alias{"s", mongo})
}
