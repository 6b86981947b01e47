package logs

import (
	"bytes"
	"slices"
	"time"

	"gumshoe/checks/logs/line"
	"gumshoe/checks/logs/tally"
	"gumshoe/checks/logs/template"
)

// A window is the time that is looked at and the equal time before it, in
// nanoseconds since 1970. One that is open has neither: every line is of it.
type window struct {
	before, from, to int64
	open             bool
}

// part gives the part of time that a time is of, and whether it is of any.
func (w window) part(at int64) (part int, in bool) {
	switch {
	case w.open:
		return tally.Window, true
	case at < w.before || at >= w.to:
		return 0, false
	case at < w.from:
		return tally.Before, true
	}
	return tally.Window, true
}

// A lines reads the time, the level and the fields of the lines of one log.
type lines struct {
	format line.Format
	// timeOf gives when a line was written; nil for a log without times.
	timeOf func(text []byte) (at int64, ok bool)
}

// A reading is what one goroutine has read of a log.
type reading struct {
	asked  *asked
	window window
	lines  lines
	fields *line.Fields // nil when none is asked for
	values [][]byte
	places map[string]int // of a field among values

	total, matched tally.Count
	matches        []tally.Count
	levels         [2]map[line.Level]int64
	by             []tally.Values
	numbers        [][2]tally.Numbers
	units          []line.Unit
	miner          *template.Miner
	series         *tally.Series
	first, last    int64
	undated        int64
	examples       []example

	message message
}

// A message is the line that was read last that has a time, and those that follow it
// without one.
type message struct {
	at    int64
	dated bool
	part  int
	in    bool
	level line.Level
}

// An example is a message that was asked for.
type example struct {
	offset int64
	text   []byte
}

const (
	// disorder is by how much lines can be out of order, as when several processes
	// write them.
	disorder = 5 * time.Second
	// maxExamples is how many messages are shown.
	maxExamples = 5
	// maxExampleBytes is how much of each is.
	maxExampleBytes = 2048
)

func newReading(a *asked, w window, l lines, series *tally.Series) (*reading, error) {
	r := &reading{
		asked: a, window: w, lines: l, series: series, places: map[string]int{},
		examples: make([]example, 0, maxExamples),
		matches:  make([]tally.Count, len(a.patterns)),
		levels:   [2]map[line.Level]int64{{}, {}},
		by:       make([]tally.Values, len(a.by)),
		numbers:  make([][2]tally.Numbers, len(a.numbers)),
		units:    make([]line.Unit, len(a.numbers)),
	}
	if a.templates {
		r.miner = template.New(0)
	}
	names := a.fields()
	if len(names) == 0 {
		return r, nil
	}
	var err error
	if r.fields, err = l.format.Fields(names...); err != nil {
		return nil, err
	}
	r.values = make([][]byte, len(names))
	for i, name := range names {
		r.places[name] = i
	}
	return r, nil
}

// block reads whole lines, the first of which stands at an offset of its log.
func (r *reading) block(offset int64, block []byte) {
	r.message = message{} // a block begins with a message
	if part, whole := r.whole(block); whole && !r.asked.all() && r.asked.match != nil {
		r.total[part] += countLines(block)
		r.search(offset, block, part)
		return
	}
	for at := 0; at < len(block); {
		end := bytes.IndexByte(block[at:], '\n')
		next := at + end + 1
		if end < 0 {
			end, next = len(block)-at, len(block)
		}
		r.line(offset, block, at, bytes.TrimSuffix(block[at:at+end], []byte("\r")))
		at = next
	}
}

// whole says whether all lines of a block are of one part of time, as its first and
// its last time tell.
func (r *reading) whole(block []byte) (part int, whole bool) {
	if r.window.open {
		return tally.Window, true
	}
	if r.lines.timeOf == nil {
		return 0, false
	}
	first, ok := r.firstTime(block)
	if !ok {
		return 0, false
	}
	last, ok := r.lastTime(block)
	if !ok {
		return 0, false
	}
	// Lines are out of order by a little.
	one, in := r.window.part(first - int64(disorder))
	other, alsoIn := r.window.part(last + int64(disorder))
	return one, in && alsoIn && one == other
}

func countLines(block []byte) int64 {
	n := int64(bytes.Count(block, []byte("\n")))
	if len(block) > 0 && block[len(block)-1] != '\n' {
		n++
	}
	return n
}

// firstTime is that of the first line of a block that has one, of its first lines.
func (r *reading) firstTime(block []byte) (at int64, ok bool) {
	for range 100 {
		text, rest, more := bytes.Cut(block, []byte("\n"))
		if at, ok = r.lines.timeOf(text); ok || !more {
			return at, ok
		}
		block = rest
	}
	return 0, false
}

// lastTime is that of the last line of a block that has one, of its last lines.
func (r *reading) lastTime(block []byte) (at int64, ok bool) {
	block = bytes.TrimSuffix(block, []byte("\n"))
	for range 100 {
		start := bytes.LastIndexByte(block, '\n') + 1
		if at, ok = r.lines.timeOf(block[start:]); ok || start == 0 {
			return at, ok
		}
		block = block[:start-1]
	}
	return 0, false
}

// search reads the lines of a block that match, all of which are of one part.
func (r *reading) search(offset int64, block []byte, part int) {
	known := -1 // where the message began that was read last
	for at := 0; at < len(block); {
		start, end, found := r.asked.match.Next(block, at)
		if !found {
			return
		}
		text := block[start:end]
		head := r.head(block, start)
		if head != known {
			known = head
			r.begin(block[head:min(head+lineLength(block[head:]), len(block))])
			r.message.part, r.message.in = part, true
		}
		if r.wanted(text) {
			r.take(text, head == start)
			r.show(offset, block, head)
		}
		newline := bytes.IndexByte(block[end:], '\n')
		if newline < 0 {
			return
		}
		at = end + newline + 1
	}
}

// lineLength is that of the first line, without its newline.
func lineLength(block []byte) int {
	if end := bytes.IndexByte(block, '\n'); end >= 0 {
		return end
	}
	return len(block)
}

// maxHead is how far back the line is looked for that a message begins with.
const maxHead = 64 << 10

// head is where the message begins that a line is part of.
func (r *reading) head(block []byte, start int) int {
	for at := start; start-at < maxHead; {
		text := block[at : at+lineLength(block[at:])]
		if _, dated := r.timeOf(text); dated || r.lines.timeOf == nil && !r.lines.format.Continues(text) {
			return at
		}
		if at == 0 {
			break
		}
		at = bytes.LastIndexByte(block[:at-1], '\n') + 1
	}
	return start
}

// begin takes in the first line of a message.
func (r *reading) begin(text []byte) {
	at, dated := r.timeOf(text)
	r.beginAt(text, at, dated)
}

// beginAt is begin, of a line whose time is known.
func (r *reading) beginAt(text []byte, at int64, dated bool) {
	r.message = message{level: r.lines.format.Level(text), at: at, dated: dated}
	m := &r.message
	m.part, m.in = tally.Window, r.window.open
	if m.dated {
		m.part, m.in = r.window.part(m.at)
	}
}

// line reads the line that begins at an index of a block.
func (r *reading) line(offset int64, block []byte, start int, text []byte) {
	at, dated := r.timeOf(text)
	head := !r.continues(text, dated)
	if head {
		r.beginAt(text, at, dated)
	}
	m := &r.message
	if !m.in {
		if !m.dated && !r.window.open {
			r.undated++
		}
		return
	}
	r.total[m.part]++
	if (r.asked.match == nil || r.asked.match.Match(text)) && r.wanted(text) {
		r.take(text, head)
		if len(r.examples) < maxExamples {
			r.show(offset, block, r.head(block, start))
		}
	}
}

// continues says whether a line, with a time or without, belongs to the message
// before it.
func (r *reading) continues(text []byte, dated bool) bool {
	return !dated && (r.message.dated || r.lines.format.Continues(text))
}

// timeOf gives when a line was written; dated is false when it does not say.
func (r *reading) timeOf(text []byte) (at int64, dated bool) {
	if r.lines.timeOf == nil {
		return 0, false
	}
	return r.lines.timeOf(text)
}

// wanted says whether a line that matches is asked for, and reads its fields.
func (r *reading) wanted(text []byte) bool {
	if r.asked.not != nil && r.asked.not.Match(text) {
		return false
	}
	if r.fields != nil {
		r.fields.Read(text, r.values)
	}
	for _, c := range r.asked.where {
		if !c.holds(r.values[r.places[c.field]]) {
			return false
		}
	}
	return true
}

// take counts a line that is asked for.
func (r *reading) take(text []byte, head bool) {
	m := &r.message
	r.matched[m.part]++
	if head {
		r.levels[m.part][m.level]++
	}
	for i, p := range r.asked.patterns {
		if p.Match(text) {
			r.matches[i][m.part]++
		}
	}
	for i, name := range r.asked.by {
		if value := r.values[r.places[name]]; value != nil {
			r.by[i].Add(value, m.part)
		}
	}
	for i, name := range r.asked.numbers {
		if x, unit, ok := line.Number(r.values[r.places[name]]); ok {
			r.numbers[i][m.part].Add(x)
			r.units[i] = max(r.units[i], unit)
		}
	}
	if m.dated {
		r.stamp(m.at, m.part)
	}
	if r.miner != nil && head {
		r.miner.Add(r.lines.format.Message(text), m.at, m.part, uint8(m.level))
	}
}

func (r *reading) stamp(at int64, part int) {
	if part == tally.Window {
		if at < r.first || r.first == 0 {
			r.first = at
		}
		r.last = max(r.last, at)
	}
	if r.series != nil {
		r.series.Add(at, 1)
	}
}

// show keeps the message of the window that begins at an index of a block for an
// example, while there is room.
func (r *reading) show(offset int64, block []byte, head int) {
	at := offset + int64(head)
	n := len(r.examples)
	if r.message.part != tally.Window || n == maxExamples || n > 0 && r.examples[n-1].offset == at {
		return
	}
	end := head
	for first := true; end < len(block) && end-head < maxExampleBytes; first = false {
		length := lineLength(block[end:])
		if text := block[end : end+length]; !first {
			if _, dated := r.timeOf(text); !r.continues(text, dated) {
				break
			}
		}
		end += length + 1
	}
	text := bytes.TrimRight(block[head:min(end, head+maxExampleBytes, len(block))], "\r\n")
	r.examples = append(r.examples, example{at, bytes.Clone(text)})
}

// merge takes in what another goroutine read of the same log, or of another that is
// older.
func (r *reading) merge(other *reading) {
	r.total.Add(other.total)
	r.matched.Add(other.matched)
	for i := range r.matches {
		r.matches[i].Add(other.matches[i])
	}
	for part := range r.levels {
		for level, n := range other.levels[part] {
			r.levels[part][level] += n
		}
	}
	for i := range r.by {
		r.by[i].Merge(&other.by[i])
	}
	for i := range r.numbers {
		for part := range r.numbers[i] {
			r.numbers[i][part].Merge(&other.numbers[i][part])
		}
		r.units[i] = max(r.units[i], other.units[i])
	}
	if r.miner != nil {
		r.miner.Merge(other.miner)
	}
	if r.series != nil {
		r.series.Merge(other.series)
	}
	if other.first != 0 && (other.first < r.first || r.first == 0) {
		r.first = other.first
	}
	r.last = max(r.last, other.last)
	r.undated += other.undated
	r.examples = append(r.examples, other.examples...)
	slices.SortStableFunc(r.examples, func(a, b example) int { return int(a.offset - b.offset) })
	r.examples = r.examples[:min(len(r.examples), maxExamples)]
}
