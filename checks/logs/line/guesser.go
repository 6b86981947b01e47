package line

// guesser tells the format of each line anew: JSON, klog, logfmt or plain. It is what
// stands inside another format, from many programs or of none that is known.
type guesser struct {
	json   *jsonLines
	klog   *klog
	logfmt *logfmt
	plain  plain
}

func guess() *guesser {
	return &guesser{newJSON(nil, nil), &klog{}, newLogfmt(nil, nil), plain{}}
}

func (g *guesser) name() string { return "guessed" }

func (g *guesser) of(line []byte) grammar {
	if len(line) == 0 {
		return g.plain
	}
	switch c := line[0]; {
	case c == '{':
		return g.json
	case klogHead(line) > 0:
		return g.klog
	case isLetter(c) && g.logfmt.fits(line):
		return g.logfmt
	}
	return g.plain
}

func (g *guesser) fits([]byte) bool { return true }

func (g *guesser) level(line []byte) Level { return g.of(line).level(line) }

func (g *guesser) message(line []byte, scratch *[]byte) []byte {
	return g.of(line).message(line, scratch)
}

func (g *guesser) continues(line []byte) bool { return follows(line) }

func (g *guesser) learn(sample [][]byte) grammar {
	var texts, objects [][]byte
	for _, line := range sample {
		switch g.of(line) {
		case g.plain:
			texts = append(texts, line)
		case g.json:
			objects = append(objects, line)
		}
	}
	learnt := *g
	learnt.plain = plain{learnLevel(texts)}
	if len(objects) > 0 {
		learnt.json = newJSON(learnKeys(objects, func(s *selection) reader { return &jsonReader{selection: s} }))
	}
	return &learnt
}

func (g *guesser) reader(names []string) (reader, error) {
	object, err := g.json.reader(names)
	if err != nil {
		return nil, err
	}
	pairs, err := g.logfmt.reader(names)
	if err != nil {
		return nil, err
	}
	structured, err := g.klog.reader(names)
	if err != nil {
		return nil, err
	}
	text, err := newTextReader(g.plain, names, nil, true)
	return &guesserReader{g, object, structured, pairs, text}, err
}

type guesserReader struct {
	guesser                  *guesser
	json, klog, logfmt, text reader
}

func (r *guesserReader) clone() reader {
	return &guesserReader{r.guesser, r.json.clone(), r.klog.clone(), r.logfmt.clone(), r.text.clone()}
}

func (r *guesserReader) read(line []byte, values [][]byte, scratch *[]byte) {
	switch r.guesser.of(line) {
	case r.guesser.json:
		r.json.read(line, values, scratch)
	case r.guesser.klog:
		r.klog.read(line, values, scratch)
	case r.guesser.logfmt:
		r.logfmt.read(line, values, scratch)
	default:
		r.text.read(line, values, scratch)
	}
}
