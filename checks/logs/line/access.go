package line

import "bytes"

// access is the common log format, and the combined one, which nginx writes too:
//
//	[vhost] client ident user [time] "METHOD url protocol" status bytes ["referer" "user agent" …]
//
// What follows may be anything; times among it are found, and pairs.
type access struct {
	pairs []string
	open  bool // any name may be asked for: no sample was seen
}

// The parts of an access log.
const (
	clientPart = firstPart + iota
	identPart
	userPart
	timePart
	requestPart
	methodPart
	pathPart
	urlPart
	queryPart
	protocolPart
	statusPart
	bytesPart
	refererPart
	agentPart
	vhostPart
	forwardedPart
	latencyPart
	upstreamPart
)

func (g *access) name() string { return "access" }

func (g *access) fields() []string {
	return []string{
		"client", "ident", "user", "time", "request", "method", "path", "url", "query", "protocol",
		"status", "bytes", "referer", "user_agent", "vhost", "forwarded_for", "latency", "upstream_latency",
	}
}

func (g *access) fits(line []byte) bool {
	open, end := requestAt(line)
	if end == 0 {
		return false
	}
	head := line[:open]
	left, right := bytes.IndexByte(head, '['), bytes.LastIndexByte(head, ']')
	return left > 0 && right > left+8 && isDigit(line[left+1])
}

func (g *access) continues(line []byte) bool { return len(line) == 0 || isSpace(line[0]) }

func (g *access) learn(sample [][]byte) grammar { return &access{pairs: pairNames(g, sample)} }

func (g *access) reader(names []string) (reader, error) {
	return newTextReader(g, names, g.pairs, g.open)
}

func (g *access) level(line []byte) Level {
	_, end := requestAt(line)
	if end == 0 {
		return Unknown
	}
	switch status := statusAt(line, end); {
	case status == nil:
		return Unknown
	case status[0] == '5':
		return Error
	case status[0] == '4':
		return Warning
	}
	return Info
}

// message is the method, the path and the status. A request that is no HTTP is "-":
// what scanners send is never the same.
func (g *access) message(line []byte, scratch *[]byte) []byte {
	open, end := requestAt(line)
	if end == 0 {
		return line
	}
	method, url, _ := splitRequest(line[open+1 : end-1])
	path, _, _ := bytes.Cut(url, []byte("?"))
	start := len(*scratch)
	if method == nil {
		*scratch = append(*scratch, '-')
	} else {
		*scratch = append(*scratch, method...)
		*scratch = append(*scratch, ' ')
		*scratch = append(*scratch, path...)
	}
	if status := statusAt(line, end); status != nil {
		*scratch = append(*scratch, ' ')
		*scratch = append(*scratch, status...)
	}
	return (*scratch)[start:len(*scratch):len(*scratch)]
}

// split reads from the request on, and what is before it only when it is wanted.
func (g *access) split(line []byte, want uint32, p *parts, scratch *[]byte) (tail int) {
	open, end := requestAt(line)
	if end == 0 {
		return len(line)
	}
	const head = 1<<clientPart | 1<<identPart | 1<<userPart | 1<<timePart | 1<<vhostPart
	const request = 1<<requestPart | 1<<methodPart | 1<<pathPart | 1<<urlPart | 1<<queryPart | 1<<protocolPart
	if want&head != 0 {
		splitHead(line[:open], p)
	}
	if want&request != 0 {
		text := line[open+1 : end-1]
		p[requestPart] = plainText(text, scratch)
		if method, url, protocol := splitRequest(text); method != nil {
			path, query, found := bytes.Cut(url, []byte("?"))
			p[methodPart], p[protocolPart] = method, protocol
			p[urlPart], p[pathPart] = plainText(url, scratch), plainText(path, scratch)
			if p[queryPart] = nil; found {
				p[queryPart] = plainText(query, scratch)
			}
		} else {
			p[methodPart], p[protocolPart], p[urlPart], p[pathPart], p[queryPart] = nil, nil, nil, nil, nil
		}
	}
	p[statusPart] = statusAt(line, end)
	status := wordAt(line, end)
	size := wordAt(line, status.end)
	if len(size.text) > 0 && (isDigits(size.text) || size.text[0] == '-') {
		tail = size.end
		if p[bytesPart] = size.text; size.text[0] == '-' {
			p[bytesPart] = size.text[:1]
		}
	} else {
		tail = status.end
	}
	const behind = 1<<refererPart | 1<<agentPart | 1<<forwardedPart | 1<<latencyPart | 1<<upstreamPart
	if want&behind != 0 {
		splitTail(line, tail, want, p, scratch)
	}
	return tail
}

// requestAt finds the request: the place of its first quote, and the one behind its
// last; 0 when there is none. A quote that is part of the request without having been
// escaped is not followed by a status.
func requestAt(line []byte) (open, end int) {
	open = bytes.IndexByte(line, '"')
	if open < 0 {
		return 0, 0
	}
	for at := open; ; {
		end = stringEnd(line, at)
		if end < 0 {
			return 0, 0
		}
		if end+1 < len(line) && line[end] == ' ' && (isDigit(line[end+1]) || line[end+1] == '-') {
			return open, end
		}
		at = end - 1
	}
}

// statusAt is the status behind a request, which has three digits; nil when there is
// none.
func statusAt(line []byte, at int) []byte {
	at++
	if at+3 > len(line) || !isDigits(line[at:at+3]) || at+3 < len(line) && isDigit(line[at+3]) {
		return nil
	}
	return line[at : at+3 : at+3]
}

// splitRequest gives nil for what is no request of HTTP.
func splitRequest(request []byte) (method, url, protocol []byte) {
	space := bytes.IndexByte(request, ' ')
	if space <= 0 || space == len(request)-1 {
		return nil, nil, nil
	}
	for _, c := range request[:space] {
		if !isLetter(c) && c != '-' && c != '_' {
			return nil, nil, nil
		}
	}
	method, url = request[:space], request[space+1:]
	if last := bytes.LastIndexByte(url, ' '); last >= 0 && bytes.HasPrefix(url[last+1:], []byte("HTTP")) {
		url, protocol = url[:last], url[last+1:]
	}
	return method, url, protocol
}

// splitHead reads what stands before the request.
func splitHead(head []byte, p *parts) {
	p[clientPart], p[identPart], p[userPart], p[timePart], p[vhostPart] = nil, nil, nil, nil, nil
	left := bytes.LastIndexByte(head, '[')
	if left < 0 {
		left = len(head)
	} else if n := bytes.IndexByte(head[left:], ']'); n > 0 {
		p[timePart] = head[left+1 : left+n]
	}
	head = head[:left]
	first := fieldAt(head, 0)
	second := fieldAt(head, first.end)
	if !isAddress(first.text) && isAddress(second.text) {
		p[vhostPart] = first.text
		first, second = second, fieldAt(head, second.end)
	}
	if len(first.text) > 0 {
		p[clientPart] = first.text
	}
	if len(second.text) > 0 {
		p[identPart] = second.text
	}
	if user := bytes.TrimSpace(head[second.end:]); len(user) > 0 { // it may have spaces
		p[userPart] = user
	}
}

// fieldAt is the text up to the next space.
func fieldAt(line []byte, at int) word {
	for at < len(line) && isSpace(line[at]) {
		at++
	}
	start := at
	for at < len(line) && !isSpace(line[at]) {
		at++
	}
	return word{line[start:at], at}
}

// isAddress says whether a text looks like an address of IPv4 or IPv6.
func isAddress(text []byte) bool {
	dots, colons := 0, 0
	for _, c := range text {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case isDigit(c), 'a' <= c && c <= 'f', 'A' <= c && c <= 'F', c == '[', c == ']', c == '%':
		default:
			return false
		}
	}
	return dots == 3 || colons >= 2
}

// plainText is a text of which escapes are undone where there are any.
func plainText(text []byte, scratch *[]byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	return unescape(text, scratch)
}
