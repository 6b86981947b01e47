package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"gumshoe/checks/logs/line"
	"gumshoe/checks/logs/search"
	"gumshoe/checks/logs/stamp"
	"gumshoe/checks/logs/tally"
	"gumshoe/checks/logs/textfile"
	"gumshoe/engine"
)

// FileInput are the inputs of logs.file.
type FileInput struct {
	// Path is the file, or several: *, ? and [a-z] stand for parts of a name.
	Path string `json:"path" required:"true" format:"path"`
	// Rotated is whether to read the older generations of each file as well
	// (app.log.1, app.log.2.gz), as far as the window reaches back.
	Rotated bool `json:"rotated" default:"true"`
	// Since is when the window begins: a time, or how long ago. When it is not known
	// when the trouble began and this says how long ago, it is that long; where it is
	// known, the window is from five minutes before. "" means all that there is, and
	// nothing to compare it with.
	Since string `json:"since" format:"moment"`
	// Until is when the window ends; "" means now.
	Until string `json:"until" format:"moment"`
	// Match is what a line has to have in it: a regular expression (RE2); "" means
	// all lines. (?i) before it ignores case.
	Match string `json:"match"`
	// Fixed takes match literally.
	Fixed bool `json:"fixed" default:"false"`
	// Not is what it must not have in it: a regular expression; "" means nothing.
	Not string `json:"not"`
	// Where are fields and what they have to be: 503, "!= 200", ">= 500", "> 250ms",
	// "~ ^/api/" and "!~ bot" (regular expressions); the field level takes
	// ">= warning". Fields are those of the format: members of JSON (nested ones with
	// dots), keys of logfmt; status, client, method, path, bytes and what is appended
	// of an access log; host, program and pid of syslog; the named groups of a pattern.
	Where map[string]string `json:"where"`
	// Patterns are regular expressions by name; the lines asked for that have them in
	// them are counted in matches.
	Patterns map[string]string `json:"patterns"`
	// By are the fields whose values are counted.
	By []string `json:"by"`
	// Numbers are the fields whose percentiles are taken.
	Numbers []string `json:"numbers"`
	// Templates is whether to find what the messages have in common, and which of
	// it is new.
	Templates bool `json:"templates" default:"false"`
	// Format is how lines are built: auto, json, logfmt, access, syslog, klog, plain,
	// or a regular expression with named groups (level, message, and fields).
	Format string `json:"format" default:"auto"`
	// TimeFormat is how they say their time: auto, a name such as rfc3339, a pattern
	// of strptime such as %d/%b/%Y:%H:%M:%S %z, or a layout of Go.
	TimeFormat string `json:"time_format" default:"auto"`
	// Zone is the time zone of times that name none, such as Europe/Berlin; "" means
	// this host's.
	Zone string `json:"zone"`
}

// File is the check logs.file.
//
// It reads the window and the equal window before it, which it finds by bisecting:
// of a file of many GB it reads no more. Lines without a time belong to the message
// before them. What is packed is unpacked as far as the window needs it.
//
// Example:
//
//	errors:
//	  check: logs.file
//	  with:
//	    path: /var/log/app/*.log
//	    since: 15m
//	    where: { level: ">= error" }
//	    patterns: { refused: "connection refused|too many clients" }
//	    templates: true
//
// By hand:
//
//	zgrep -cE 'connection refused|too many clients' /var/log/app/app.log*
func File() engine.Check[FileInput, Log] {
	return engine.Check[FileInput, Log]{
		Name: "logs.file",
		Doc:  "What the lines of log files in a window of time say: how many, of which level, template and field, what is new and what has grown.",
		Cost: 500 * time.Millisecond,
		Risk: engine.Read,
		Verify: map[string]func(string) error{
			"match": verifyPattern, "not": verifyPattern, "patterns": verifyPattern, "where": verifyWhere, "zone": verifyZone,
			"format": verifyFormat, "time_format": verifyTimeFormat,
		},
		Plan:      planFile,
		Run:       lookFile,
		Summarize: summarize,
	}
}

func verifyPattern(text string) error {
	_, err := search.Compile(text, search.Options{})
	return err
}

func verifyWhere(text string) error {
	_, err := parseCondition("", text)
	return err
}

func verifyZone(text string) error {
	if _, err := time.LoadLocation(text); err != nil {
		return fmt.Errorf("%q is no time zone; want one such as UTC or Europe/Berlin", text)
	}
	return nil
}

const detect = "auto"

func verifyFormat(text string) error {
	if text == detect {
		return nil
	}
	_, err := line.Parse(text)
	return err
}

func verifyTimeFormat(text string) error {
	if text == detect {
		return nil
	}
	_, err := stamp.Parse(text, nil, stamp.Context{})
	return err
}

func planFile(in FileInput) []engine.Touch {
	touches := []engine.Touch{{Kind: engine.TouchFile, What: in.Path, How: "read"}}
	if in.Rotated {
		touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: filepath.Dir(in.Path), How: "list"})
	}
	return touches
}

func summarize(o Log) string {
	text := fmt.Sprintf("%d of %d lines", o.Matched, o.Lines)
	if o.Matched == o.Lines {
		text = fmt.Sprintf("%d lines", o.Lines)
	}
	if o.Errors > 0 {
		text += fmt.Sprintf(", %d errors", o.Errors)
	}
	if n := len(o.NewTemplates); n > 0 {
		text += fmt.Sprintf(", %d new templates", n)
	}
	if o.Grown {
		text += fmt.Sprintf(", %.0f times as many as before", o.Factor)
	}
	return text
}

// beforeOnset is how long before the onset the window begins.
const beforeOnset = 5 * time.Minute

// window gives the time that is looked at.
func (in FileInput) window(incident engine.Incident, now time.Time) (window, error) {
	if in.Since == "" && in.Until == "" {
		return window{open: true}, nil
	}
	to := now
	var err error
	if in.Until != "" {
		if to, err = engine.ParseMoment(in.Until, now); err != nil {
			return window{}, fmt.Errorf("until: %w", err)
		}
	}
	if in.Since == "" {
		return window{}, errors.New("until: there is no since: say when the window begins, too")
	}
	from, err := engine.ParseMoment(in.Since, now)
	if err != nil {
		return window{}, fmt.Errorf("since: %w", err)
	}
	if _, err := time.ParseDuration(in.Since); err == nil && in.Until == "" && incident.AgeSeconds > 0 {
		from = incident.Onset.Add(-beforeOnset)
	}
	if !from.Before(to) {
		return window{}, fmt.Errorf("the window ends at %s, before it begins at %s: check since and until", to.Format(time.RFC3339), from.Format(time.RFC3339))
	}
	return window{before: from.Add(from.Sub(to)).UnixNano(), from: from.UnixNano(), to: to.UnixNano()}, nil
}

// buckets is how many parts the two windows have for telling when a rate changed.
const buckets = 120

func (w window) series() *tally.Series {
	if w.open {
		return nil
	}
	return tally.NewSeries(w.before, time.Duration(w.to-w.before)/buckets, buckets)
}

// A fileLook is a run of logs.file.
type fileLook struct {
	in     FileInput
	asked  *asked
	window window
	zone   *time.Location

	sources []Source
	total   *reading
	oldest  int64 // the earliest time that was seen at the beginning of a log; 0 for none
	cut     int64
	order   int64 // of the next file, for the order of examples
}

func lookFile(ctx context.Context, call *engine.Call, in FileInput) (Log, error) {
	question := Question{
		Match: in.Match, Not: in.Not, Fixed: in.Fixed, Where: in.Where, Patterns: in.Patterns, By: in.By, Numbers: in.Numbers, Templates: in.Templates,
	}
	f := fileLook{in: in, zone: time.Local}
	var err error
	if f.asked, err = question.compile(); err != nil {
		return Log{}, err
	}
	if f.window, err = in.window(call.Incident(), time.Now()); err != nil {
		return Log{}, err
	}
	if in.Zone != "" {
		if f.zone, err = time.LoadLocation(in.Zone); err != nil {
			return Log{}, err
		}
	}
	reproduce(call, in)
	logs, err := textfile.Find([]string{in.Path}, in.Rotated)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return Log{}, engine.Blind(err.Error(), "run gumshoe as a user who may read it, as a member of the group adm on Debian", err)
	case err != nil:
		return Log{}, err
	case len(logs) == 0:
		return Log{}, engine.Blind("no file is called "+in.Path, "correct path, or see whether the program logs elsewhere", nil)
	}
	for _, log := range logs {
		if err := f.log(ctx, log); err != nil {
			return Log{}, err
		}
	}
	return f.conclude(call)
}

func reproduce(call *engine.Call, in FileInput) {
	switch {
	case in.Match == "":
		call.Reproduce("zcat", "-f", in.Path)
	case in.Fixed:
		call.Reproduce("zgrep", "-F", "-e", in.Match, in.Path)
	default:
		call.Reproduce("zgrep", "-E", "-e", in.Match, in.Path)
	}
}

// log reads a log, the oldest generation first.
func (f *fileLook) log(ctx context.Context, log textfile.Log) error {
	for _, g := range log.Generations {
		if g.Skipped != "" {
			f.sources = append(f.sources, Source{Name: g.Path, TimeFormat: "none", Problem: g.Skipped})
		}
	}
	readers, err := log.Open()
	defer func() {
		for _, r := range readers {
			_ = r.Close()
		}
	}()
	if errors.Is(err, fs.ErrPermission) {
		return engine.Blind(err.Error(), "run gumshoe as a user who may read it, as a member of the group adm on Debian", err)
	}
	if err != nil {
		return err
	}
	for i, r := range readers {
		if !f.window.open && r.File.Modified.UnixNano() < f.window.before-int64(disorder) && i < len(readers)-1 {
			f.oldest = f.window.before // the log goes back further
			continue
		}
		if err := f.file(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends the reading of a sample.
var errEnough = errors.New("enough")

// sampleBytes is how much of a file's beginning is looked at to see how its lines are
// built.
const sampleBytes = 128 << 10

// sample gives lines of the beginning of a file.
func sample(ctx context.Context, r *textfile.Reader) ([][]byte, error) {
	var text []byte
	take := func(_ int, _ int64, block []byte) error {
		text = append(text, block[:min(len(block), sampleBytes)]...)
		return errEnough
	}
	if _, err := r.Blocks(ctx, 0, textfile.End, 1, nil, take); err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	lines := bytes.Split(text, []byte("\n"))
	for i := range lines {
		lines[i] = bytes.TrimSuffix(lines[i], []byte("\r"))
	}
	const most = 500
	if len(lines) > most {
		step := len(lines) / most
		for i := range most {
			lines[i] = lines[i*step]
		}
		lines = lines[:most]
	}
	return lines, nil
}

// file reads a generation.
func (f *fileLook) file(ctx context.Context, r *textfile.Reader) error {
	source := Source{Name: r.File.Path}
	defer func() { f.sources = append(f.sources, source) }()
	some, err := sample(ctx, r)
	if err != nil {
		return err
	}
	l, layout, err := f.lines(some, r.File.Modified)
	if err != nil {
		return err
	}
	source.Format, source.TimeFormat = l.format.Name(), layout.Name()
	if l.timeOf == nil && !f.window.open && slices.ContainsFunc(some, func(text []byte) bool { return len(text) > 0 }) {
		return engine.Blind("the lines of "+r.File.Path+" have no time that is known", "say how they are dated with time_format, or leave since out", nil)
	}
	f.begins(some, l)
	lo, hi := int64(0), int64(textfile.End)
	if !f.window.open && l.timeOf != nil {
		at, err := r.Range(ctx, f.window.before, f.window.to, disorder, l.timeOf)
		if err != nil {
			return err
		}
		lo, hi = at.Lo, at.Hi
	}
	var starts func([]byte) bool
	if l.timeOf != nil {
		starts = func(text []byte) bool { _, ok := l.timeOf(text); return ok }
	}
	readings := make([]*reading, runtime.GOMAXPROCS(0))
	for i := range readings {
		if readings[i], err = newReading(f.asked, f.window, l, f.window.series()); err != nil {
			return fmt.Errorf("%s is %s: %w", r.File.Path, l.format.Name(), err)
		}
	}
	base := f.order << 44 // files are not that large
	f.order++
	read, err := r.Blocks(ctx, lo, hi, len(readings), starts, func(worker int, offset int64, block []byte) error {
		readings[worker].block(base+offset, block)
		return nil
	})
	if err != nil {
		return err
	}
	source.ReadBytes, source.Problem = read.Bytes, read.Corrupt
	if read.Truncated {
		source.Problem = "it was truncated while it was read"
	}
	f.cut += read.CutLines
	for _, one := range readings {
		if f.total == nil {
			f.total = one
			continue
		}
		f.total.merge(one)
	}
	return nil
}

// lines finds how the lines of a file are built and dated.
func (f *fileLook) lines(some [][]byte, modified time.Time) (l lines, layout stamp.Layout, err error) {
	if l.format = line.Detect(some); f.in.Format != detect {
		if l.format, err = line.Parse(f.in.Format); err != nil {
			return l, layout, err
		}
		l.format = l.format.Learn(some)
	}
	c := stamp.Context{Zone: f.zone, Modified: modified}
	dated := true
	if f.in.TimeFormat == detect {
		layout, dated = stamp.Detect(some, c)
	} else if layout, err = stamp.Parse(f.in.TimeFormat, some, c); err != nil {
		return l, layout, err
	}
	if dated {
		l.timeOf = layout.Time
	}
	return l, layout, nil
}

// begins notes when a file begins.
func (f *fileLook) begins(some [][]byte, l lines) {
	if l.timeOf == nil {
		return
	}
	for _, text := range some {
		if at, ok := l.timeOf(text); ok {
			if f.oldest == 0 || at < f.oldest {
				f.oldest = at
			}
			return
		}
	}
}

// covered is what part of the window before a log has to have for a comparison.
const covered = 0.9

func (f *fileLook) conclude(call *engine.Call) (Log, error) {
	if f.total == nil {
		var reasons []string
		for _, s := range f.sources {
			reasons = append(reasons, s.Name+": "+s.Problem)
		}
		return Log{}, engine.Blind("nothing can be read: "+strings.Join(reasons, "; "), "name regular files in path", nil)
	}
	c := conclusion{call: call, reading: f.total, window: f.window, compared: !f.window.open}
	latest := f.window.before + int64((1-covered)*float64(f.window.from-f.window.before))
	if c.compared && (f.oldest == 0 || f.oldest > latest) {
		c.compared, c.why = false, "the log does not go back that far"
		if f.oldest != 0 {
			c.why = "the log begins at " + at(f.oldest).Format(time.RFC3339)
		}
	}
	o := c.log()
	o.Sources, o.CutLines = f.sources, f.cut
	for _, example := range o.Examples {
		call.Excerpt("a message", example)
	}
	if slices.ContainsFunc(o.Sources, func(s Source) bool { return s.Problem != "" }) {
		call.Unread("sources", "some files could not be read to their end", "see problem of each source")
	}
	return o, nil
}
