package stamp

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// custom makes a form of a pattern of strptime(3) or of a layout of Go. It is read by
// package time, and therefore slower than the forms with a name.
func custom(text string) (*form, error) {
	layout := text
	if strings.Contains(text, "%") {
		var err error
		if layout, err = fromStrptime(text); err != nil {
			return nil, err
		}
	}
	if sameDay(layout) {
		return nil, fmt.Errorf("%q says no date: without one it is not known when a line was written", text)
	}
	zoned := strings.Contains(layout, "-07") || strings.Contains(layout, "Z07")
	return &form{text, func(text []byte) (moment, int) { return parseCustom(layout, zoned, text) }}, nil
}

// sameDay says whether a layout writes two days in the same way.
func sameDay(layout string) bool {
	day := time.Date(2001, 4, 17, 13, 24, 35, 0, time.UTC)
	return day.Format(layout) == day.AddDate(0, 0, 1).Format(layout) || day.Format(layout) == day.AddDate(0, 1, 0).Format(layout)
}

func parseCustom(layout string, zoned bool, text []byte) (moment, int) {
	value := string(text[:min(len(text), len(layout)+32)])
	t, err := time.Parse(layout, value)
	if fault := (*time.ParseError)(nil); errors.As(err, &fault) && strings.HasPrefix(fault.Message, ": extra text") {
		value = value[:len(value)-len(fault.ValueElem)]
		t, err = time.Parse(layout, value)
	}
	if err != nil {
		return moment{}, 0
	}
	m := moment{
		year: t.Year(), month: int(t.Month()), day: t.Day(), hour: t.Hour(), minute: t.Minute(), second: t.Second(), nanos: int64(t.Nanosecond()), zoned: zoned,
	}
	name, offset := t.Zone()
	if zoned {
		m.offset = offset
	} else if strings.Contains(layout, "MST") && (name == "UTC" || name == "GMT") {
		m.zoned = true // package time knows no other abbreviation for sure
	}
	return m, len(value)
}

// fromStrptime writes a pattern of strptime(3) as a layout of Go.
func fromStrptime(pattern string) (string, error) {
	parts := map[byte]string{
		'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'b': "Jan", 'h': "Jan", 'B': "January",
		'a': "Mon", 'A': "Monday", 'z': "-0700", 'Z': "MST", 'j': "002", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04",
		'f': "999999999", 'L': "999", 'n': " ", 't': " ", '%': "%",
	}
	var layout strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			literal, _, _ := strings.Cut(pattern[i:], "%")
			if odd := time.Date(2017, 11, 28, 23, 58, 59, 0, time.UTC); odd.Format(literal) != literal {
				return "", fmt.Errorf("%q in %q would be read as a part of the time: leave out what stands before and behind it", literal, pattern)
			}
			layout.WriteString(literal)
			i += len(literal) - 1
			continue
		}
		i++
		if i == len(pattern) {
			return "", fmt.Errorf("%q ends in %%; %%%% stands for one", pattern)
		}
		part, ok := parts[pattern[i]]
		if !ok {
			return "", fmt.Errorf("%%%c in %q is not known; want one of %%Y %%m %%d %%H %%M %%S %%f %%z %%b %%a %%y %%e %%j %%p %%I", pattern[i], pattern)
		}
		if written := layout.String(); (pattern[i] == 'f' || pattern[i] == 'L') && !strings.HasSuffix(written, ".") && !strings.HasSuffix(written, ",") {
			return "", fmt.Errorf("%%%c in %q has to stand behind a point or a comma", pattern[i], pattern)
		}
		layout.WriteString(part)
	}
	return layout.String(), nil
}
