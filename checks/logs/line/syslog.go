package line

import "bytes"

// syslogLines are what syslog daemons write: RFC 3164 and RFC 5424, with or without
// <PRI>, with the times of rsyslog and of journalctl -o short, short-iso,
// short-precise and short-full. What a program says is read on its own: JSON, klog,
// logfmt or plain text.
type syslogLines struct {
	inner grammar
	pairs []string
}

// The parts of a line of syslog.
const (
	syslogTime = firstPart + iota
	syslogHost
	syslogProgram
	syslogPID
	syslogFacility
	syslogSeverity
	syslogMsgID
)

func newSyslog() *syslogLines { return &syslogLines{inner: guess()} }

func (g *syslogLines) name() string { return "syslog" }

func (g *syslogLines) fields() []string {
	return []string{"time", "host", "program", "pid", "facility", "severity", "msgid"}
}

// entry is the head of a line; the texts are nil where it lacks them.
type entry struct {
	priority                       int // -1 when there is none
	time, host, program, pid, kind []byte
	text                           int // where the message begins; 0 when the line is no syslog
}

// fits asks for a program in a line with a time of ISO 8601: other formats begin with
// such a time too.
func (g *syslogLines) fits(line []byte) bool {
	e := entryAt(line)
	return e.text > 0 && (e.program != nil || e.priority >= 0 || isLetter(line[0]) && !bytes.Contains(e.host, []byte(":"))) &&
		(e.priority >= 0 || upperLevel(e.host, false) == Unknown)
}

func (g *syslogLines) level(line []byte) Level {
	e := entryAt(line)
	if e.priority >= 0 {
		return syslogLevel(e.priority & 7)
	}
	return g.inner.level(line[e.text:])
}

func (g *syslogLines) message(line []byte, scratch *[]byte) []byte {
	e := entryAt(line)
	return g.inner.message(bytes.TrimRight(line[e.text:], " \r\n"), scratch)
}

func (g *syslogLines) reader(names []string) (reader, error) {
	return newTextReader(g, names, g.pairs, false)
}

// continues looks also at what the program says: a stack trace has a head in each of
// its lines.
func (g *syslogLines) continues(line []byte) bool {
	e := entryAt(line)
	if e.text == 0 {
		return true
	}
	text := line[e.text:]
	return len(text) == 0 || follows(text)
}

func (g *syslogLines) learn(sample [][]byte) grammar {
	inner := make([][]byte, 0, len(sample))
	for _, line := range sample {
		inner = append(inner, line[entryAt(line).text:])
	}
	return &syslogLines{inner: g.inner.learn(inner), pairs: pairNames(g, sample)}
}

func (g *syslogLines) split(line []byte, _ uint32, p *parts, scratch *[]byte) (tail int) {
	e := entryAt(line)
	p[syslogTime], p[syslogHost], p[syslogProgram], p[syslogPID], p[syslogMsgID] = e.time, e.host, e.program, e.pid, e.kind
	p[syslogFacility], p[syslogSeverity] = nil, nil
	if e.priority >= 0 {
		p[syslogFacility] = put(scratch, facilityName(e.priority>>3))
		p[syslogSeverity] = put(scratch, severityName(e.priority&7))
	}
	return e.text
}

// entryAt reads the head of a line.
func entryAt(line []byte) entry {
	e := entry{priority: -1}
	at := 0
	if priority, n := priorityAt(line); n > 0 {
		e.priority, at = priority, n
		if at+1 < len(line) && line[at] == '1' && line[at+1] == ' ' {
			return entry5424(line, at+2, e)
		}
	}
	n := syslogTimeAt(line[at:])
	if n == 0 {
		if e.priority < 0 {
			return e
		}
		// As a program writes to /dev/log or to systemd: <3>text, <3>program[pid]: text.
		e.text = at
		if program, pid, end := tagAt(line, at); end > 0 {
			e.program, e.pid, e.text = program, pid, end
		}
		return e
	}
	e.time = line[at : at+n]
	at += n
	host := fieldAt(line, at)
	if program, pid, end := tagAt(line, at+1); end > 0 { // no host, as on a socket of the machine itself
		e.program, e.pid, e.text = program, pid, end
		return e
	}
	if len(host.text) == 0 {
		return entry{priority: e.priority}
	}
	e.host, e.text = host.text, min(host.end+1, len(line))
	if program, pid, end := tagAt(line, e.text); end > 0 {
		e.program, e.pid, e.text = program, pid, end
	}
	return e
}

// entry5424 reads what follows the version of RFC 5424: TIME HOST APP PID MSGID SD MSG.
func entry5424(line []byte, at int, e entry) entry {
	for _, text := range [...]*[]byte{&e.time, &e.host, &e.program, &e.pid, &e.kind} {
		w := fieldAt(line, at)
		if len(w.text) > 0 && string(w.text) != "-" {
			*text = w.text
		}
		at = w.end
	}
	at = skipSpace(line, at)
	if at < len(line) && line[at] == '-' {
		at++
	} else {
		for at < len(line) && line[at] == '[' {
			at = elementEnd(line, at)
		}
	}
	if at < len(line) && line[at] == ' ' {
		at++
	}
	if bytes.HasPrefix(line[min(at, len(line)):], []byte("\xef\xbb\xbf")) { // the mark of UTF-8
		at += 3
	}
	e.text = at
	return e
}

// elementEnd is the place behind an element of structured data, the values of which are
// in quotes.
func elementEnd(line []byte, at int) int {
	for at++; at < len(line); at++ {
		switch line[at] {
		case ']':
			return at + 1
		case '"':
			end := stringEnd(line, at)
			if end < 0 {
				return len(line)
			}
			at = end - 1
		}
	}
	return len(line)
}

// priorityAt reads <PRI> at the start of a line, and how long it is; 0 when there is
// none.
func priorityAt(line []byte) (priority, length int) {
	if len(line) < 3 || line[0] != '<' {
		return 0, 0
	}
	for i, c := range line[1:min(len(line), 5)] {
		if c == '>' && i > 0 && priority <= 191 {
			return priority, i + 2
		}
		if !isDigit(c) {
			return 0, 0
		}
		priority = priority*10 + int(c-'0')
	}
	return 0, 0
}

// tagAt reads program[pid]: or program: and gives the place of the text behind it; 0
// when there is none.
func tagAt(line []byte, at int) (program, pid []byte, text int) {
	end := at
	for end < len(line) && line[end] != ':' && line[end] != '[' && !isSpace(line[end]) {
		end++
	}
	if end == at || end >= len(line) {
		return nil, nil, 0
	}
	program = line[at:end]
	if line[end] == '[' {
		n := bytes.IndexByte(line[end:min(len(line), end+maxKey)], ']')
		if n < 0 {
			return nil, nil, 0
		}
		pid = line[end+1 : end+n]
		end += n + 1
	}
	if end >= len(line) || line[end] != ':' || end+1 < len(line) && line[end+1] != ' ' {
		return nil, nil, 0
	}
	return program, pid, min(end+2, len(line))
}

// facilityName is the name of RFC 5424 as rsyslog writes it.
func facilityName(facility int) string {
	names := [...]string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	if facility < 0 || facility >= len(names) {
		return ""
	}
	return names[facility]
}

func severityName(severity int) string {
	return [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}[severity&7]
}
