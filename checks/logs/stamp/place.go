package stamp

import (
	"bytes"
)

// A placeKind is a way to find the time in a line.
type placeKind uint8

const (
	atColumn   placeKind = iota // at an index
	atBracket                   // behind the first [
	atWord                      // behind so many spaces
	atBar                       // behind "| ", as docker compose prints it
	atPriority                  // behind <34> or <34>1 of syslog
	atDash                      // behind "- ", as in logs of supercomputers
	inJSON                      // the value of a member
	inLogfmt                    // the value of a key
)

// A place is where the lines of a log have their time.
type place struct {
	kind placeKind
	n    int // index, or number of spaces
	key  string
}

// before says which of two places is tried first.
func (p place) before(other place) bool {
	if p.kind != other.kind {
		return p.kind < other.kind
	}
	return p.n < other.n
}

// keys are the names under which structured lines have their time.
//
//nolint:gochecknoglobals // never changed
var keys = []string{
	"@timestamp", "timestamp", "time", "ts", "t", "date", "datetime", "eventTime", "asctime", "@t", "Timestamp", "Time", "created", "when", "log_time",
	"__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "StartUTC", "start_time",
}

const (
	// maxWord is how many spaces can be before a time.
	maxWord = 6
	// maxPlace is how far into a line a time can begin, in bytes, but for structured
	// ones.
	maxPlace = 256
)

// places lists where in a line a time could be.
func places(text []byte) []place {
	list := []place{{kind: atColumn}}
	if len(text) > 0 && text[0] == '<' {
		list = append(list, place{kind: atPriority})
	}
	if bytes.HasPrefix(text, []byte("- ")) {
		list = append(list, place{kind: atDash})
	}
	if bytes.IndexByte(text, '{') >= 0 {
		for _, key := range keys {
			if bytes.Contains(text, []byte(`"`+key+`"`)) {
				list = append(list, place{kind: inJSON, key: key})
			}
		}
	}
	for _, key := range keys {
		if bytes.Contains(text, []byte(key+"=")) {
			list = append(list, place{kind: inLogfmt, key: key})
		}
	}
	head := text[:min(len(text), maxPlace)]
	if bytes.IndexByte(head, '[') >= 0 {
		list = append(list, place{kind: atBracket})
	}
	if bytes.Contains(head, []byte("| ")) {
		list = append(list, place{kind: atBar})
	}
	for n := range min(bytes.Count(head, []byte(" ")), maxWord) {
		list = append(list, place{kind: atWord, n: n + 1})
	}
	return list
}

// takes says whether a form is believed at a place: what has a number alone is only
// at the beginning of a line or under a name.
func (p place) takes(f *form) bool {
	switch f.name {
	case "epoch":
		return p.kind == atColumn || p.kind == inJSON || p.kind == inLogfmt || p.kind == atBracket || p.kind == atDash
	case "hdfs", "android", "klog":
		return p.kind == atColumn || p.kind == atBar || p.kind == atWord && p.n <= 4
	}
	return true
}

// find gives the rest of a line from its time on.
func (p place) find(text []byte) (rest []byte, found bool) {
	switch p.kind {
	case atColumn:
		return text, true
	case atBracket:
		if at := bytes.IndexByte(text[:min(len(text), maxPlace)], '['); at >= 0 {
			return text[at+1:], true
		}
	case atBar:
		if at := bytes.Index(text[:min(len(text), maxPlace)], []byte("| ")); at >= 0 {
			return text[at+2:], true
		}
	case atWord:
		at := 0
		for range p.n {
			next := bytes.IndexByte(text[at:], ' ')
			if next < 0 {
				return nil, false
			}
			at += next + 1
		}
		if at <= maxPlace {
			return text[at:], true
		}
	case atPriority:
		return afterPriority(text)
	case atDash:
		return bytes.CutPrefix(text, []byte("- "))
	case inJSON:
		return member(text, p.key)
	case inLogfmt:
		return pair(text, p.key)
	}
	return nil, false
}

// afterPriority skips <34>, and the version of RFC 5424.
func afterPriority(text []byte) (rest []byte, found bool) {
	end := bytes.IndexByte(text[:min(len(text), 5)], '>')
	if end < 2 || text[0] != '<' {
		return nil, false
	}
	if rest = text[end+1:]; bytes.HasPrefix(rest, []byte("1 ")) {
		rest = rest[2:]
	}
	return rest, true
}

// member gives the value of a member of an object in JSON, which stands at its top
// level, without the quotation mark before it.
func member(text []byte, key string) (rest []byte, found bool) {
	at := bytes.IndexByte(text, '{')
	if at < 0 {
		return nil, false
	}
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return nil, false
			}
		case '"':
			end := stringEnd(text, at)
			if end < 0 {
				return nil, false
			}
			if depth == 1 && string(text[at+1:end]) == key {
				if value := bytes.TrimLeft(text[end+1:], " \t"); len(value) > 0 && value[0] == ':' {
					value = bytes.TrimLeft(value[1:], " \t")
					return bytes.TrimPrefix(value, []byte(`"`)), true
				}
			}
			at = end
		}
		at++
	}
	return nil, false
}

// stringEnd gives the index of the quotation mark that ends a string which begins
// with one at an index, or -1.
func stringEnd(text []byte, at int) int {
	for i := at + 1; ; {
		next := bytes.IndexByte(text[i:], '"')
		if next < 0 {
			return -1
		}
		i += next
		slashes := 0
		for text[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		i++
	}
}

// pair gives the value of a key of logfmt, without the quotation mark before it.
func pair(text []byte, key string) (rest []byte, found bool) {
	for at := 0; at < len(text); {
		if text[at] == ' ' || text[at] == '\t' {
			at++
			continue
		}
		end := at
		for end < len(text) && text[end] != '=' && text[end] != ' ' && text[end] != '"' {
			end++
		}
		if end == len(text) {
			return nil, false
		}
		if text[end] == '=' && string(text[at:end]) == key {
			return bytes.TrimPrefix(text[end+1:], []byte(`"`)), true
		}
		if at = end + 1; text[end] == '=' && at < len(text) && text[at] == '"' {
			end = at
		}
		if text[end] == '"' {
			closing := stringEnd(text, end)
			if closing < 0 {
				return nil, false
			}
			at = closing + 1
		}
	}
	return nil, false
}
