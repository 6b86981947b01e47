// Package line reads single lines of logs: how grave a message is, what it says,
// and its fields, by the format of the log. Which format that is, is given by name
// or found from a sample of lines.
//
// It knows no time stamps and no files, and nothing of what stands in other lines,
// but that a line may continue the one before it. Whatever the bytes of a line are,
// it is read as well as can be and never an error: what it lacks is Unknown, or nil.
//
// # Formats
//
//   - json: one object in a line, also behind a prefix such as that of syslog.
//     Members are found by reading the line from its start, so that the same text
//     within a string or a nested object is not taken for one. Of a key that is
//     there twice the first counts (encoding/json takes the last).
//   - logfmt: key=value key="value with \"quotes\"".
//   - access: the common and the combined format of Apache and nginx, with a virtual
//     host before it, and times and name=value behind it.
//   - syslog: RFC 3164 and RFC 5424, and what rsyslog and journalctl -o short write.
//   - klog: Kubernetes' and glog's E0102 15:04:05.678901 1234 file.go:12] message.
//   - docker and cri: what container runtimes write around each line; the format of
//     what is inside is found on its own: "json in docker".
//   - plain: any other text.
//   - a regular expression with named groups.
package line

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Format says how the lines of a log are built. The zero Format is plain. It does not
// change, and is safe for concurrent use.
type Format struct {
	grammar grammar
}

// grammar is one kind of format.
type grammar interface {
	name() string
	// fits says whether a line is one of this format, as far as one line can tell.
	fits(line []byte) bool
	level(line []byte) Level
	// message may be a part of the line, or be put together in the scratch.
	message(line []byte, scratch *[]byte) []byte
	reader(names []string) (reader, error)
	continues(line []byte) bool
	// learn gives the same grammar with what a sample of lines, none of which continues
	// another, says about details.
	learn(sample [][]byte) grammar
}

// reader reads fields of lines of one format. It sets only the values that a line
// has; the others are nil when it is called.
type reader interface {
	read(line []byte, values [][]byte, scratch *[]byte)
	clone() reader
}

// grammars are those that have a name of their own.
func grammars() []grammar {
	return []grammar{
		newJSON(nil, nil), newLogfmt(nil, nil), &access{open: true}, newSyslog(),
		&klog{}, newDocker(guess()), newCRI(guess()), plain{},
	}
}

// Parse gives the format of a name, as Name gives it, or of a regular expression
// with named groups, such as (?P<level>\w+) (?P<message>.*), which may match anywhere
// in a line. In an expression the groups level and message say what they mean
// everywhere; any other name is a field. An error lists the names.
func Parse(text string) (Format, error) {
	var names []string
	inner, outer, nested := strings.Cut(text, " in ")
	for _, g := range grammars() {
		name := g.name()
		names = append(names, name)
		if name == text {
			return Format{g}, nil
		}
		wrapper, isWrapper := g.(*wrapper)
		if nested && isWrapper && name == outer {
			f, err := Parse(inner)
			if err != nil {
				return Format{}, err
			}
			return Format{wrapper.around(f.get())}, nil
		}
	}
	want := strings.Join(names, ", ") + ` or a regular expression with named groups, such as (?P<level>\w+) (?P<message>.*)`
	expression, err := regexp.Compile(text)
	if err != nil {
		return Format{}, fmt.Errorf("format %q: %w: want one of %s", text, err, want)
	}
	if !slices.ContainsFunc(expression.SubexpNames(), func(name string) bool { return name != "" }) {
		return Format{}, fmt.Errorf("there is no format %q, and it is no regular expression with named groups: want one of %s",
			text, want)
	}
	return Format{&pattern{expression}}, nil
}

func (f Format) get() grammar {
	if f.grammar == nil {
		return plain{}
	}
	return f.grammar
}

// Name is what Parse takes for this format; of a regular expression its text.
func (f Format) Name() string { return f.get().name() }

// Learn gives the same format with what a sample of lines says about its details:
// which member holds the level, at which word it stands, which names are written as
// name=value. Detect has already done so. A format of a name or an expression that
// was not shown a sample works, but more slowly, and of some texts without levels.
func (f Format) Learn(sample [][]byte) Format {
	return Format{f.get().learn(messages(sample, f.get()))}
}

// Level is how grave a line is; Unknown when it does not say. In access logs it comes
// of the status: 5xx is Error, 4xx Warning, any other Info.
func (f Format) Level(line []byte) Level { return f.get().level(line) }

// Message is a line without its time, level, host and program: what a template is
// made from. It is the whole line when that is all there is to it. Of an access log it
// is the method, the path without its query, and the status. It mostly is a part of
// the line; it is new memory when it had to be put together. MessageInto avoids that.
func (f Format) Message(line []byte) []byte {
	var scratch []byte
	return f.MessageInto(line, &scratch)
}

// MessageInto is Message, which puts what it has to put together into *scratch,
// and grows it as needed. What was there is lost, and with it the message before.
func (f Format) MessageInto(line []byte, scratch *[]byte) []byte {
	*scratch = (*scratch)[:0]
	return f.get().message(line, scratch)
}

// Continues says whether a line belongs to the message before it: it is empty or
// begins with white space or as stack traces do, or does not begin as the format's
// lines must, in a log where they do.
func (f Format) Continues(line []byte) bool { return f.get().continues(line) }

// Fields reads some fields of lines. It is used by one goroutine at a time; Clone
// gives another one its own.
type Fields struct {
	names   []string
	reader  reader
	scratch []byte
}

// Fields gives a reader of fields by their names. In every format there are
//
//   - level: the name of the level as Level.String gives it; what stands in its place
//     when that is no level, such as "gold"; nil when there is none;
//   - message: as Format.Message.
//
// In JSON any member is a field: a member of a nested object is named by both names
// with a dot, the element of an array by its index from 0: errors[0].code. A key
// that has a dot itself is found too. In logfmt and klog any key is a field.
//
// An access log has client, ident, user, time, request, method, path (without its
// query), url (with it), query, protocol, status, bytes, referer, user_agent, vhost,
// latency (of the request, with or without a unit: without one it is in seconds),
// upstream_latency, and what is written as name=value. Syslog has time, host,
// program, pid, facility, severity, msgid, klog time, pid and source. Text of the
// formats access, syslog and plain has also the names that a sample had as
// name=value; any other name is an error, which lists the names, but that an access
// format which saw no sample takes any.
func (f Format) Fields(names ...string) (*Fields, error) {
	if len(names) > maxNames {
		return nil, fmt.Errorf("%d fields are asked for: at most %d can be read at once", len(names), maxNames)
	}
	if slices.Contains(names, "") {
		return nil, fmt.Errorf("a field has no name")
	}
	r, err := f.get().reader(names)
	if err != nil {
		return nil, err
	}
	return &Fields{names: slices.Clone(names), reader: r}, nil
}

// Names are the names of the fields, in the order of the values.
func (r *Fields) Names() []string { return r.names }

// Read gives the values of one line in the order of the names; values must be at
// least as long as these. A value is nil when the line has no such field, and empty
// but not nil when the field is empty. It is a part of the line or of r's own memory,
// and holds until the next Read. What is quoted is given without quotes and escapes;
// an object or array of JSON is given as its text.
func (r *Fields) Read(line []byte, values [][]byte) {
	values = values[:len(r.names)]
	clear(values)
	r.scratch = r.scratch[:0]
	r.reader.read(line, values, &r.scratch)
}

// Clone gives another reader of the same fields, for another goroutine.
func (r *Fields) Clone() *Fields {
	return &Fields{names: r.names, reader: r.reader.clone()}
}
