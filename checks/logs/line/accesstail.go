package line

import "bytes"

// splitTail reads what follows the number of bytes: the referer and the user agent,
// and times.
func splitTail(line []byte, at int, want uint32, p *parts, scratch *[]byte) {
	p[refererPart], p[agentPart], p[forwardedPart], p[latencyPart], p[upstreamPart] = nil, nil, nil, nil, nil
	for _, part := range [...]int{refererPart, agentPart} {
		at = skipSpace(line, at)
		text, next := stringAt(line, at)
		if next < 0 {
			break
		}
		if want>>part&1 != 0 {
			p[part] = plainText(text, scratch)
		}
		at = next
	}
	const times = 1<<forwardedPart | 1<<latencyPart | 1<<upstreamPart
	if want&times == 0 {
		return
	}
	var unnamed [2][]byte // the first two times without a name
	found, first := 0, skipSpace(line, at)
	for at = first; at < len(line); at = skipSpace(line, at) {
		start := at
		text, next := stringAt(line, at)
		if next < 0 {
			w := pairAt(line, at)
			if w.value != nil && p.named(w) {
				at = w.next
				continue
			}
			text, next = w.key, w.next
			if w.value != nil {
				text = line[start:next]
			}
			next = listEnd(line, next)
			text = line[start:max(next, start+len(text))]
		} else if p[forwardedPart] == nil && !isDuration(text) {
			p[forwardedPart] = text
		}
		if found < len(unnamed) && isDuration(text) {
			unnamed[found] = text
			found++
		}
		at = max(next, start+1)
	}
	if p[latencyPart] == nil {
		p[latencyPart] = unnamed[0]
		if rest := bytes.TrimRight(line[min(first, len(line)):], " \r\n"); isDigits(rest) {
			// Apache's %D is the time in microseconds, without a unit.
			start := len(*scratch)
			*scratch = append(append(*scratch, rest...), "µs"...)
			p[latencyPart] = (*scratch)[start:len(*scratch):len(*scratch)]
		}
	}
	if p[upstreamPart] == nil {
		p[upstreamPart] = unnamed[1]
	}
}

// named keeps a pair that is one of the times under a common name.
func (p *parts) named(w pair) bool {
	switch string(w.key) {
	case "rt", "request_time", "latency", "duration", "request_duration", "elapsed", "took", "response_time":
		if p[latencyPart] == nil {
			p[latencyPart] = w.value
		}
	case "urt", "upstream_response_time", "upstream_time", "upstream_latency":
		if p[upstreamPart] == nil {
			p[upstreamPart] = w.value
		}
	default:
		return false
	}
	return true
}

// listEnd goes on behind a word that ends with a comma, as nginx writes the times of
// several servers: 0.002, 0.004.
func listEnd(line []byte, at int) int {
	for at > 0 && at+1 < len(line) && line[at-1] == ',' && line[at] == ' ' && isDigit(line[at+1]) {
		at = fieldAt(line, at).end
	}
	return at
}

// isDuration says whether a word is a time: a decimal fraction, or a number with a
// unit.
func isDuration(text []byte) bool {
	if len(text) == 0 || !isDigit(text[0]) {
		return false
	}
	_, unit, ok := Number(text)
	return ok && (unit == Seconds || unit == NoUnit && bytes.IndexByte(text, '.') > 0)
}
