package engine

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	zone := time.FixedZone("there", 2*3600)
	now := time.Date(2026, 3, 1, 12, 30, 0, 0, zone)
	tests := []struct{ text, want string }{
		{"now", "2026-03-01T12:30:00+02:00"},
		{"15m", "2026-03-01T12:15:00+02:00"},
		{"-15m", "2026-03-01T12:15:00+02:00"},
		{"2d", "2026-02-27T12:30:00+02:00"},
		{"2026-01-31T15:04:05Z", "2026-01-31T15:04:05Z"},
		{"2026-01-31T15:04:05.25+01:00", "2026-01-31T15:04:05.25+01:00"},
		{"2026-01-31 15:04:05.5", "2026-01-31T15:04:05.5+02:00"},
		{"2026-01-31T15:04", "2026-01-31T15:04:00+02:00"},
		{"2026-01-31", "2026-01-31T00:00:00+02:00"},
		{"12:30", "2026-03-01T12:30:00+02:00"},
		{" 12:31 ", "2026-02-28T12:31:00+02:00"},
		{"12:29:59", "2026-03-01T12:29:59+02:00"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseMoment(tt.text, now)
			if err != nil {
				t.Fatal(err)
			}
			if text := got.Format(time.RFC3339Nano); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
	for _, text := range []string{"", "yesterday", "15", "2026-13-01", "25:00", "--5m", "2026-01-31T15:04:05+99:00"} {
		if got, err := ParseMoment(text, now); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}
