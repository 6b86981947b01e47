package logs

import (
	"time"
)

// Log is what a log says: what the checks of logs observe. Unless it says otherwise, a field is about the lines of the window that were
// asked for by match, not and where; before has the same for the window before.
type Log struct {
	// Sources are where it was read: files, the oldest first.
	Sources []Source `json:"sources" expr:"sources"`
	// Lines is the number of lines in the window, matched or not.
	Lines int64 `json:"lines" expr:"lines"`
	// Matched is how many of them were asked for; all when nothing says which.
	Matched int64 `json:"matched" expr:"matched"`
	// Matches is how many of those have each of the patterns in them, by its name.
	Matches map[string]int64 `json:"matches" expr:"matches" keys:"patterns"`
	// Levels is how many there are of each level.
	Levels Levels `json:"levels" expr:"levels"`
	// Errors is the number of levels error and critical.
	Errors int64 `json:"errors" expr:"errors"`
	// RatePerSecond is Matched by the length of the window; unread for a window
	// without an end or a beginning.
	RatePerSecond float64 `json:"rate_per_second" expr:"rate_per_second"`
	// Before is what the window before says, which is as long and ends at from.
	// Unread when there is none, or when the log does not go back that far.
	Before Before `json:"before" expr:"before"`
	// Factor is RatePerSecond by that of the window before, in which nothing counts
	// for half a line.
	Factor float64 `json:"factor" expr:"factor"`
	// Grown tells whether there are at least three times as many as before, and more
	// than chance explains.
	Grown bool `json:"grown" expr:"grown"`

	// From and To are the window; unread where it has no such end.
	From time.Time `json:"from" expr:"from"`
	// To is the end of the window: its lines are older.
	To time.Time `json:"to" expr:"to"`
	// FirstAt and LastAt are when the first and the last of them were written.
	FirstAt time.Time `json:"first_at" expr:"first_at"`
	// LastAt is when the last was written.
	LastAt time.Time `json:"last_at" expr:"last_at"`
	// Stepped tells whether their rate went over to another for good in one of the
	// two windows.
	Stepped bool `json:"stepped" expr:"stepped"`
	// Step is when, and from which rate to which; unread when it did not.
	Step Step `json:"step" expr:"step"`
	// Rates are the lines of each part of the two windows, the oldest first.
	Rates []Rate `json:"rates" expr:"rates"`

	// TemplateCount is how many templates there are in the window.
	TemplateCount int `json:"template_count" expr:"template_count"`
	// Templates are those with most lines, at most 20.
	Templates []Template `json:"templates" expr:"templates"`
	// NewTemplates are those of which the window before has no line, those with most
	// lines first, at most 20.
	NewTemplates []Template `json:"new_templates" expr:"new_templates"`
	// GrownTemplates are those with at least three times the rate of the window
	// before, and more than chance explains; the most surprising first, at most 20.
	GrownTemplates []Template `json:"grown_templates" expr:"grown_templates"`

	// By is how often each value of a field occurs, by the field's name.
	By map[string]Breakdown `json:"by" expr:"by" keys:"by"`
	// Numbers is how the numbers in a field are spread, by the field's name.
	Numbers map[string]Spread `json:"numbers" expr:"numbers" keys:"numbers"`

	// Examples are some of the lines, the first ones, with those that follow them in
	// the same message; secrets and addresses of people are blotted out.
	Examples []string `json:"examples" expr:"examples"`
	// UndatedLines is how many lines belong to no message with a time, and were left
	// out because it is not known when they were written.
	UndatedLines int64 `json:"undated_lines" expr:"undated_lines"`
	// CutLines is how many lines were so long that only their beginning was looked at.
	CutLines int64 `json:"cut_lines" expr:"cut_lines"`
}

// Source is a place that lines were read from.
type Source struct {
	// Name is the path of a file.
	Name string `json:"name" expr:"name"`
	// Format is how its lines are built.
	Format string `json:"format" expr:"format"`
	// TimeFormat is how they say their time; none when they do not.
	TimeFormat string `json:"time_format" expr:"time_format"`
	// ReadBytes is how much of it was read, unpacked.
	ReadBytes int64 `json:"read_bytes" expr:"read_bytes"`
	// Problem is what was in the way of reading all of it; "" when nothing was.
	Problem string `json:"problem" expr:"problem"`
}

// Levels counts messages by their level.
type Levels struct {
	// Critical is critical, fatal, alert, emergency and panic.
	Critical int64 `json:"critical" expr:"critical"`
	// Error is error.
	Error int64 `json:"error" expr:"error"`
	// Warning is warning.
	Warning int64 `json:"warning" expr:"warning"`
	// Notice is notice.
	Notice int64 `json:"notice" expr:"notice"`
	// Info is information.
	Info int64 `json:"info" expr:"info"`
	// Debug is debug.
	Debug int64 `json:"debug" expr:"debug"`
	// Trace is trace.
	Trace int64 `json:"trace" expr:"trace"`
	// Unknown is how many lines do not say.
	Unknown int64 `json:"unknown" expr:"unknown"`
}

// Before is what the window before the one that is looked at says.
type Before struct {
	// Lines is as in the window.
	Lines int64 `json:"lines" expr:"lines"`
	// Matched is as in the window.
	Matched int64 `json:"matched" expr:"matched"`
	// Matches is as in the window.
	Matches map[string]int64 `json:"matches" expr:"matches"`
	// Levels is as in the window.
	Levels Levels `json:"levels" expr:"levels"`
	// Errors is as in the window.
	Errors int64 `json:"errors" expr:"errors"`
	// RatePerSecond is as in the window.
	RatePerSecond float64 `json:"rate_per_second" expr:"rate_per_second"`
	// From is when it begins.
	From time.Time `json:"from" expr:"from"`
}

// Step is where a rate goes over to another for good.
type Step struct {
	// At is the time, as well as the parts in rates tell it.
	At time.Time `json:"at" expr:"at"`
	// FromPerSecond is the rate before.
	FromPerSecond float64 `json:"from_per_second" expr:"from_per_second"`
	// ToPerSecond is the rate after.
	ToPerSecond float64 `json:"to_per_second" expr:"to_per_second"`
}

// Rate is a part of the two windows.
type Rate struct {
	// At is when it begins.
	At time.Time `json:"at" expr:"at"`
	// Lines is how many there are until the next begins.
	Lines int64 `json:"lines" expr:"lines"`
}

// Template is what is the same in several messages.
type Template struct {
	// ID is the same for the same text, in every run.
	ID string `json:"id" expr:"id"`
	// Text is the message with <*> for each value.
	Text string `json:"text" expr:"text"`
	// Lines is how many of the window are of it.
	Lines int64 `json:"lines" expr:"lines"`
	// LinesBefore is how many of the window before are; unread when there is none.
	LinesBefore int64 `json:"lines_before" expr:"lines_before"`
	// Factor is the rate by that before.
	Factor float64 `json:"factor" expr:"factor"`
	// Level is the level of its first message.
	Level string `json:"level" expr:"level" enum:"critical,error,warning,notice,info,debug,trace,unknown"`
	// FirstAt is when the first of them was written, in either window.
	FirstAt time.Time `json:"first_at" expr:"first_at"`
	// LastAt is when the last was.
	LastAt time.Time `json:"last_at" expr:"last_at"`
	// Example is the first of them; secrets and addresses of people are blotted out.
	Example string `json:"example" expr:"example"`
}

// Breakdown is how often each value of a field occurs.
type Breakdown struct {
	// Lines is how many have the field.
	Lines int64 `json:"lines" expr:"lines"`
	// Distinct is how many different values there are in both windows; with more
	// than 32768 it is that many at least, and counts are a little too small.
	Distinct int `json:"distinct" expr:"distinct"`
	// Exact tells whether no value was forgotten.
	Exact bool `json:"exact" expr:"exact"`
	// Values are those with most lines in the window, at most 50.
	Values []FieldValue `json:"values" expr:"values"`
}

// FieldValue is one value of a field.
type FieldValue struct {
	// Value is the text of it; secrets and addresses of people are blotted out.
	Value string `json:"value" expr:"value"`
	// Lines is how many lines of the window have it.
	Lines int64 `json:"lines" expr:"lines"`
	// Percent is Lines in percent of those that have the field.
	Percent float64 `json:"percent" expr:"percent"`
	// LinesBefore is how many lines of the window before have it; unread when there
	// is none.
	LinesBefore int64 `json:"lines_before" expr:"lines_before"`
	// Factor is the rate by that before.
	Factor float64 `json:"factor" expr:"factor"`
	// Grown tells whether that is at least three, and more than chance explains.
	Grown bool `json:"grown" expr:"grown"`
}

// Spread is how numbers are spread: exact for up to 65536 of them, and within 0.1 %
// for more.
type Spread struct {
	// Samples is how many there are in the window; the rest is unread when it is 0.
	Samples int64 `json:"samples" expr:"samples"`
	// Unit is seconds, bytes or percent when the numbers say so: 12ms is 0.012
	// seconds.
	Unit string `json:"unit" expr:"unit" enum:"none,seconds,bytes,percent"`
	// Min is the smallest.
	Min float64 `json:"min" expr:"min"`
	// Mean is the arithmetic mean.
	Mean float64 `json:"mean" expr:"mean"`
	// P50 is the median.
	P50 float64 `json:"p50" expr:"p50"`
	// P90 is what 90 % of them do not exceed.
	P90 float64 `json:"p90" expr:"p90"`
	// P95 is what 95 % of them do not exceed.
	P95 float64 `json:"p95" expr:"p95"`
	// P99 is what 99 % of them do not exceed.
	P99 float64 `json:"p99" expr:"p99"`
	// Max is the largest.
	Max float64 `json:"max" expr:"max"`
	// MedianBefore is the median in the window before; unread when that has none.
	MedianBefore float64 `json:"median_before" expr:"median_before"`
	// P95Before is the same for 95 %.
	P95Before float64 `json:"p95_before" expr:"p95_before"`
}
