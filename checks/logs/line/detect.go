package line

import (
	"bytes"
)

const (
	// maxSample is how many lines of a sample are looked at.
	maxSample = 2000
	// minTrials is how many lines a word must have been a level in for more than its
	// capitals to count.
	minTrials = 2
)

// Detect tells the format of a log from a sample of its lines: the one that more than
// half of them fit, and plain when there is none. Lines that continue others, as those
// of stack traces, do not count. An empty sample is plain.
func Detect(sample [][]byte) Format {
	lines := messages(sample, nil)
	// What is more special comes first: syslog may hold JSON, and docker is JSON.
	for _, g := range []grammar{
		newDocker(guess()), newCRI(guess()), newJSON(nil, nil), &klog{}, &access{open: true},
		newSyslog(), newLogfmt(nil, nil),
	} {
		fits := 0
		for _, line := range lines {
			if g.fits(line) {
				fits++
			}
		}
		if fits*2 > len(lines) {
			return Format{g.learn(fitting(lines, g))}
		}
	}
	return Format{plain{}.learn(lines)}
}

// messages are the lines of a sample that do not continue others.
func messages(sample [][]byte, g grammar) [][]byte {
	var lines [][]byte
	for _, line := range sample[:min(len(sample), maxSample)] {
		line = bytes.TrimRight(line, "\r\n")
		if g == nil && follows(line) || g != nil && g.continues(line) || len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

func fitting(lines [][]byte, g grammar) [][]byte {
	var fit [][]byte
	for _, line := range lines {
		if g.fits(line) {
			fit = append(fit, line)
		}
	}
	return fit
}

// learn finds the word at which the level stands, whether lines begin with a time, and
// which pairs there are.
func (g plain) learn(sample [][]byte) grammar {
	learnt := learnLevel(sample)
	timed := 0
	for _, line := range sample {
		if beginsTimed(line) {
			timed++
		}
	}
	// A sample of a few lines may have none that is a trace's by accident.
	learnt.timed = timed*5 > len(sample)*4
	learnt.pairs = pairNames(g, sample)
	return plain{learnt}
}

// learnLevel finds the word at which a level stands in at least half of the lines; in
// lower case and bare, in four fifths; as a single letter, in nine tenths.
func learnLevel(sample [][]byte) *habits {
	var capitals, words, letters [maxHeadWords]int
	for _, line := range sample {
		var w word
		for n := range maxHeadWords {
			if w = wordAt(line, w.end); len(w.text) == 0 || w.end > maxHead {
				break
			}
			text := w.bare()
			switch {
			case w.isGroup():
				if w.groupLevel() != Unknown {
					capitals[n]++
					words[n]++
				}
			case upperLevel(text, w.text[len(w.text)-1] == ':') != Unknown:
				capitals[n]++
				words[n]++
			case len(text) > 2 && ParseLevel(text) != Unknown:
				words[n]++
			case isLogcat(text) && (n > 0 || len(text) > 2):
				letters[n]++
			}
		}
	}
	learnt := &habits{}
	for n := range maxHeadWords {
		switch {
		case letters[n] >= minTrials && letters[n]*10 >= len(sample)*9:
			learnt.at, learnt.letter = n+1, true
			return learnt
		case words[n] >= minTrials && words[n]*5 >= len(sample)*4 && n > 0:
			learnt.at, learnt.anyCase = n+1, capitals[n] < words[n]
			return learnt
		case capitals[n] >= minTrials && capitals[n]*2 >= len(sample):
			learnt.at = n + 1
			return learnt
		}
	}
	return learnt
}

// isLogcat knows Android's levels: W, or W/Tag(.
func isLogcat(text []byte) bool {
	if len(text) == 0 || len(text) > 1 && text[1] != '/' {
		return false
	}
	switch text[0] {
	case 'V', 'D', 'I', 'W', 'E', 'F', 'C', 'N', 'T':
		return true
	}
	return false
}

func (g plain) reader(names []string) (reader, error) {
	if g.habits == nil {
		return newTextReader(g, names, nil, false)
	}
	return newTextReader(g, names, g.habits.pairs, false)
}

func (g plain) fields() []string { return nil }

func (g plain) split([]byte, uint32, *parts, *[]byte) (tail int) { return 0 }

// beginsTimed says whether a line begins as one with a time does: with a time, a
// number or brackets around one, or with a level.
func beginsTimed(line []byte) bool {
	w := wordAt(line, 0)
	if len(w.text) == 0 {
		return false
	}
	if w.isGroup() {
		return bytes.ContainsAny(w.text, "0123456789")
	}
	return isDigit(line[0]) || w.isTime() || w.text[0] == '<' || upperLevel(w.bare(), true) != Unknown ||
		klogHead(line) > 0 || len(w.text) == 2 && w.text[1] == ','
}
