package line

import "bytes"

// klog is the format of Kubernetes' components and of glog:
// Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg, where a structured message is a
// string in quotes with pairs behind it.
type klog struct{}

func (g *klog) name() string { return "klog" }

func (g *klog) fits(line []byte) bool { return klogHead(line) > 0 }

func (g *klog) fields() []string { return []string{"time", "pid", "source"} }

func (g *klog) level(line []byte) Level {
	if klogHead(line) > 0 {
		return ParseLevel(line[:1])
	}
	return Unknown
}

func (g *klog) message(line []byte, scratch *[]byte) []byte {
	at := klogHead(line)
	if at == 0 {
		return line
	}
	text := bytes.TrimRight(line[at:], " \r\n")
	if inner, next := stringAt(text, 0); next >= 0 {
		if bytes.IndexByte(inner, '\\') >= 0 {
			return unescape(inner, scratch)
		}
		return inner
	}
	return text
}

func (g *klog) reader(names []string) (reader, error) { return newTextReader(g, names, nil, true) }

func (g *klog) continues(line []byte) bool { return klogHead(line) == 0 }

func (g *klog) learn([][]byte) grammar { return g }

func (g *klog) split(line []byte, want uint32, p *parts, _ *[]byte) (tail int) {
	const timeField, pid, source = firstPart, firstPart + 1, firstPart + 2
	tail = klogHead(line)
	if tail == 0 || want>>firstPart == 0 {
		return tail
	}
	// The head was seen to have four words.
	day := wordAt(line, 1)
	clock := wordAt(line, day.end)
	p[timeField] = line[1:clock.end]
	thread := wordAt(line, clock.end)
	p[pid] = thread.text
	p[source] = bytes.TrimSuffix(wordAt(line, thread.end).text, []byte("]"))
	return tail
}

// klogHead is the place behind the head, where the message begins; 0 when the line has
// none.
func klogHead(line []byte) int {
	if len(line) < 20 || !isUpper(line[0]) || !isDigit(line[1]) || line[5] != ' ' || line[8] != ':' {
		return 0
	}
	switch line[0] {
	case 'I', 'W', 'E', 'F':
	default:
		return 0
	}
	if !isDigits(line[1:5]) || !isDigits(line[6:8]) || !isDigits(line[9:11]) {
		return 0
	}
	end := bytes.IndexByte(line[:min(len(line), maxHead)], ']')
	if end < 0 {
		return 0
	}
	thread := wordAt(line, wordAt(line, 6).end)
	source := wordAt(line, thread.end)
	if !isDigits(thread.text) || source.end < end {
		return 0
	}
	end++
	if end < len(line) && line[end] == ' ' {
		end++
	}
	return end
}
