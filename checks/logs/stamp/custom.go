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
	const sample = "2006-01-02 15:04:05"
	known, err := time.Parse(sample, sample)
	if err != nil {
		return nil, err
	}
	if written := known.Format(layout); written == layout && !strings.Contains(layout, "2006") && !strings.Contains(layout, "15") {
		return nil, fmt.Errorf("%q has no part of a time in it; Go's layouts are written with 2006-01-02 15:04:05", text)
	}
	zoned := strings.Contains(layout, "-07") || strings.Contains(layout, "Z07")
	return &form{text, func(text []byte) (moment, int) { return parseCustom(layout, zoned, text) }}, nil
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
	if zoned {
		_, m.offset = t.Zone()
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
			layout.WriteByte(pattern[i])
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
		layout.WriteString(part)
	}
	return layout.String(), nil
}
