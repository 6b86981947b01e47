package engine

import (
	"fmt"
	"strings"
	"time"

	"gumshoe/engine/source"
)

// momentLayouts are how a time is written besides RFC 3339: in the zone of now.
//
//nolint:gochecknoglobals // never changed
var momentLayouts = []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// ParseMoment reads a time as people give it: "now"; how long ago ("15m", "-15m",
// "2d"); of RFC 3339; a date with or without a time of day, or a time of day alone
// (the last one that has been), in the zone of now.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "now" {
		return now, nil
	}
	if ago, err := source.ParseDuration(strings.TrimPrefix(text, "-")); err == nil {
		return now.Add(-ago), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range momentLayouts {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		t := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if t.After(now) {
			t = t.AddDate(0, 0, -1)
		}
		return t, nil
	}
	return time.Time{}, fmt.Errorf("want a time such as 2026-01-31T15:04:05Z, 2026-01-31 15:04 or 15:04, or how long ago, such as 15m, not %q", text)
}
