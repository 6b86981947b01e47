package stamp

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // tests do not depend on the machine's
)

func zoneNamed(t testing.TB, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// someday is when the logs of the tests were last written.
var someday = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

func TestTime(t *testing.T) {
	tests := []struct{ name, line, want, layout string }{
		{"RFC 3339", "2024-01-02T03:04:05Z starting", "2024-01-02T03:04:05Z", "rfc3339"},
		{"with a fraction and a zone", "2024-01-02T03:04:05.123456789+02:00 starting", "2024-01-02T01:04:05.123456789Z", "rfc3339"},
		{"zone without a colon", "2024-01-02T03:04:05.5-0330 x", "2024-01-02T06:34:05.5Z", "rfc3339"},
		{"log4j", "2015-07-29 17:41:44,747 - INFO [QuorumPeer] x", "2015-07-29T17:41:44.747Z", "rfc3339"},
		{"PostgreSQL", "2024-01-02 03:04:05.123 UTC [17] LOG:  ready", "2024-01-02T03:04:05.123Z", "rfc3339"},
		{"MySQL", "2024-01-02T03:04:05.123456Z 0 [System] [MY-010116] ready", "2024-01-02T03:04:05.123456Z", "rfc3339"},
		{"Go's String", "2024-01-02 03:04:05.1 +0200 CEST x", "2024-01-02T01:04:05.1Z", "rfc3339"},
		{"no zone", "2024-07-02 03:04:05 x", "2024-07-02T03:04:05Z", "rfc3339"},
		{"in brackets", "[2024-01-02T03:04:05Z] x", "2024-01-02T03:04:05Z", "rfc3339"},
		{"docker compose", "web-1  | 2024-01-02T03:04:05Z x", "2024-01-02T03:04:05Z", "rfc3339"},
		{"RFC 5424", "<34>1 2003-10-11T22:14:15.003Z mymachine su - ID47 - x", "2003-10-11T22:14:15.003Z", "rfc3339"},
		{"after a name", "web-1 app 2024-01-02T03:04:05Z x", "2024-01-02T03:04:05Z", "rfc3339"},
		{"a number behind it", "2024-01-02 03:04:05 -12 items", "2024-01-02T03:04:05Z", "rfc3339"},
		{"nginx error", "2023/01/02 15:04:05 [error] 17#17: *1 x", "2023-01-02T15:04:05Z", "slashes"},
		{"package log", "2009/11/10 23:00:00.000123 x", "2009-11-10T23:00:00.000123Z", "slashes"},
		{"access", `10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1`, "2000-10-10T20:55:36Z", "access"},
		{"Apache error", "[Sun Dec 04 04:47:44.123456 2005] [core:error] x", "2005-12-04T04:47:44.123456Z", "ctime"},
		{"ctime", "Sun Jan  2 15:04:05 2005 x", "2005-01-02T15:04:05Z", "ctime"},
		{"ctime with a zone", "Sun Jan  2 15:04:05 UTC 2005 x", "2005-01-02T15:04:05Z", "ctime"},
		{"Redis", "1:M 12 Jan 2024 10:00:00.123 * Ready", "2024-01-12T10:00:00.123Z", "rfc1123"},
		{"RFC 1123", "Mon, 02 Jan 2006 15:04:05 -0700 x", "2006-01-02T22:04:05Z", "rfc1123"},
		{"RFC 3164", "Mar  5 11:59:59 web-1 sshd[17]: x", "2026-03-05T11:59:59Z", "rfc3164"},
		{"RFC 3164 of last year", "Dec 31 23:59:59 web-1 sshd[17]: x", "2025-12-31T23:59:59Z", "rfc3164"},
		{"RFC 3164 on a leap day", "Feb 29 12:00:00 web-1 x", "2024-02-29T12:00:00Z", "rfc3164"},
		{"with a priority", "<34>Oct 11 22:14:15 mymachine su: x", "2025-10-11T22:14:15Z", "rfc3164"},
		{"klog", "I0102 15:04:05.000001       1 main.go:7] x", "2026-01-02T15:04:05.000001Z", "klog"},
		{"Spark", "17/06/09 20:10:40 INFO executor.X: x", "2017-06-09T20:10:40Z", "spark"},
		{"HDFS", "081109 203615 148 INFO dfs.DataNode: x", "2008-11-09T20:36:15Z", "hdfs"},
		{"Android", "03-05 11:13:38.811  1702  2395 D X: x", "2026-03-05T11:13:38.811Z", "android"},
		{"epoch", "1700000000 x", "2023-11-14T22:13:20Z", "epoch"},
		{"epoch with a fraction", "1700000000.25 x", "2023-11-14T22:13:20.25Z", "epoch"},
		{"epoch in milliseconds", "1700000000123 x", "2023-11-14T22:13:20.123Z", "epoch"},
		{"epoch in nanoseconds", "1700000000123456789 x", "2023-11-14T22:13:20.123456789Z", "epoch"},
		{"JSON", `{"level":"info","ts":1700000000.5,"msg":"at 2020-01-01T00:00:00Z"}`, "2023-11-14T22:13:20.5Z", "epoch in ts"},
		{"JSON with text", `{"msg":"x","@timestamp":"2024-01-02T03:04:05.000Z"}`, "2024-01-02T03:04:05Z", "rfc3339 in @timestamp"},
		{"a member of another object", `{"a":{"time":"2020-01-01T00:00:00Z"},"time" : "2024-01-02T03:04:05Z"}`, "2024-01-02T03:04:05Z", "rfc3339 in time"},
		{"a member in a string", `{"a":"\"time\":1600000000","time":1700000000}`, "2023-11-14T22:13:20Z", "epoch in time"},
		{"logfmt", `level=info ts=2024-01-02T03:04:05Z msg="x"`, "2024-01-02T03:04:05Z", "rfc3339 in ts"},
		{"logfmt in quotes", `time="2024-01-02T03:04:05Z" level=info`, "2024-01-02T03:04:05Z", "rfc3339 in time"},
		{"logfmt with a time in a text", `msg="x time=1600000000 y\" z" time=1700000000`, "2023-11-14T22:13:20Z", "epoch in time"},
		{"behind a dash", "- 1117838570 2005.06.03 R02-M1 x", "2005-06-03T22:42:50Z", "epoch"},
		{"UTC and more", "2024-01-02 03:04:05 UTC+02:00 x", "2024-01-02T01:04:05Z", "rfc3339"},
		{"nearly a day after the log was written", "Mar  6 11:59:59 web-1 x", "2026-03-06T11:59:59Z", "rfc3164"},
		{"more than a day after it", "Mar  6 12:00:01 web-1 x", "2025-03-06T12:00:01Z", "rfc3164"},
		{"a leap second", "2016-12-31T23:59:60Z x", "2016-12-31T23:59:59Z", "rfc3339"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, ok := Detect([][]byte{[]byte(tt.line), []byte("\tat x.java:7")}, Context{Zone: time.UTC, Modified: someday})
			if !ok {
				t.Fatal("no layout is found")
			}
			at, ok := l.Time([]byte(tt.line))
			if got := time.Unix(0, at).UTC().Format(time.RFC3339Nano); !ok || got != tt.want || l.Name() != tt.layout {
				t.Errorf("got %s (%t) by %s, want %s by %s", got, ok, l.Name(), tt.want, tt.layout)
			}
			text := []byte(tt.line)
			if allocs := testing.AllocsPerRun(10, func() { l.Time(text) }); allocs > 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

func TestNoTime(t *testing.T) {
	for _, line := range []string{
		"", "starting", "2024-13-02T03:04:05Z x", "2024-02-30 03:04:05 x", "2024-01-02 25:04:05 x", "[ 1234.567890] usb 1-1: new", "[1234567.890] usb",
		"Foo 12 03:04:05 x", "I1302 15:04:05.000000 1 x", "99999999999 x", "1700000000-abc x", "10/Foo/2000:13:55:36 -0700", "12:30:45 x", "081109 253615 x", "order 1234567890 shipped", "2024-01-02 03:04:056 x", "- order 1234567890",
		`{"msg":"1700000000"}`, "took 1700000000000ms",
	} {
		if l, ok := Detect([][]byte{[]byte(line)}, Context{Zone: time.UTC, Modified: someday}); ok {
			at, _ := l.Time([]byte(line))
			t.Errorf("%q is taken for %s by %s", line, time.Unix(0, at).UTC(), l.Name())
		}
	}
}

// TestZones: local times are as package time has them, but in the hour that is left
// out.
func TestZones(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"} {
		t.Run(name, func(t *testing.T) {
			location := zoneNamed(t, name)
			l, err := Parse("rfc3339", nil, Context{Zone: location, Modified: someday})
			if err != nil {
				t.Fatal(err)
			}
			for at := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(someday); at = at.Add(7*time.Hour + 13*time.Minute + 11*time.Second) {
				local := at.In(location).Format("2006-01-02 15:04:05")
				got, ok := l.Time([]byte(local))
				if other := time.Unix(0, got).In(location).Format("2006-01-02 15:04:05"); !ok || other != local {
					t.Fatalf("%s is read as %s", local, other)
				}
			}
		})
	}
	for _, tt := range []struct{ name, zone, line, want string }{
		{"the hour that is there twice", "Europe/Berlin", "2025-10-26 02:30:00", "2025-10-26T00:30:00Z"},
		{"behind it", "Europe/Berlin", "2025-10-26 03:00:00", "2025-10-26T02:00:00Z"},
		{"before the hour that is left out", "Europe/Berlin", "2025-03-30 01:59:59", "2025-03-30T00:59:59Z"},
		{"in it", "Europe/Berlin", "2025-03-30 02:30:00", "2025-03-30T01:30:00Z"},
		{"behind it", "Europe/Berlin", "2025-03-30 03:00:00", "2025-03-30T01:00:00Z"},
		{"twice, long ago", "Europe/Berlin", "2015-10-25 02:30:00", "2015-10-25T00:30:00Z"},
		{"left out, long ago", "Europe/Berlin", "2015-03-29 02:30:00", "2015-03-29T01:30:00Z"},
		{"twice in New York", "America/New_York", "2025-11-02 01:30:00", "2025-11-02T05:30:00Z"},
		{"twice in New York, long ago", "America/New_York", "2015-11-01 01:30:00", "2015-11-01T05:30:00Z"},
		{"left out in New York, long ago", "America/New_York", "2015-03-08 02:30:00", "2015-03-08T07:30:00Z"},
		{"half an hour twice", "Australia/Lord_Howe", "2025-04-06 01:45:00", "2025-04-05T14:45:00Z"},
	} {
		l, err := Parse("rfc3339", nil, Context{Zone: zoneNamed(t, tt.zone), Modified: someday})
		if err != nil {
			t.Fatal(err)
		}
		at, ok := l.Time([]byte(tt.line))
		if got := time.Unix(0, at).UTC().Format(time.RFC3339); !ok || got != tt.want {
			t.Errorf("%s: %s is read as %s, want %s", tt.name, tt.line, got, tt.want)
		}
	}
}

// TestReader: when clocks are set back, the hour that is there twice is read twice,
// however rare lines are.
func TestReader(t *testing.T) {
	for _, every := range []time.Duration{2 * time.Second, 7 * time.Minute, 35 * time.Minute, 45 * time.Minute} {
		for _, year := range []int{2025, 2015} {
			location := zoneNamed(t, "Europe/Berlin")
			l, err := Parse("rfc3339", nil, Context{Zone: location, Modified: someday})
			if err != nil {
				t.Fatal(err)
			}
			r := l.Reader()
			change := map[int]time.Time{2025: time.Date(2025, 10, 26, 1, 0, 0, 0, time.UTC), 2015: time.Date(2015, 10, 25, 1, 0, 0, 0, time.UTC)}[year]
			for at := change.Add(-100 * time.Minute); at.Before(change.Add(3 * time.Hour)); at = at.Add(every) {
				line := at.In(location).Format("2006-01-02 15:04:05")
				if got, ok := r.Time([]byte(line)); !ok || got != at.UnixNano() {
					t.Errorf("every %s: %s is read as %s, want %s", every, line, time.Unix(0, got).UTC(), at)
				}
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ format, line, want string }{
		{"access", `- [10/Oct/2000:13:55:36 -0700] x`, "2000-10-10T20:55:36Z"},
		{"%d/%b/%Y:%H:%M:%S %z", `- [10/Oct/2000:13:55:36 -0700] x`, "2000-10-10T20:55:36Z"},
		{"2006-01-02 15:04:05.000", "2024-01-02 03:04:05.678 x", "2024-01-02T03:04:05.678Z"},
		{"%Y%m%dT%H%M%S", "20240102T030405 x", "2024-01-02T03:04:05Z"},
		{"Jan 2, 2006 3:04:05 PM", "Jan 2, 2024 3:04:05 PM x", "2024-01-02T15:04:05Z"},
		{"%Y-%m-%d %H:%M:%S,%f %Z", "2024-07-02 03:04:05,25 UTC x", "2024-07-02T03:04:05.25Z"},
		{"%b %e %H:%M", "Mar  4 10:11 x", "2026-03-04T10:11:00Z"},
	} {
		t.Run(tt.format, func(t *testing.T) {
			l, err := Parse(tt.format, [][]byte{[]byte(tt.line)}, Context{Zone: time.UTC, Modified: someday})
			if err != nil {
				t.Fatal(err)
			}
			at, ok := l.Time([]byte(tt.line))
			if got := time.Unix(0, at).UTC().Format(time.RFC3339Nano); !ok || got != tt.want {
				t.Errorf("got %s (%t), want %s", got, ok, tt.want)
			}
			if end := l.End([]byte(tt.line)); !strings.HasPrefix(strings.TrimPrefix(tt.line[end:], "]"), " x") {
				t.Errorf("behind the time is %q", tt.line[end:])
			}
		})
	}
	for _, tt := range []struct{ format, want string }{
		{"rfc", `"rfc" is no time format; want one of access, android`},
		{"%Q", "%Q in \"%Q\" is not known"},
		{"%", "ends in %"},
		{"no part 9", "says no date"},
		{"%H:%M:%S", "says no date"},
		{"<34>1 %Y-%m-%d", `"<34>1 " in`},
		{"%Y%m%d%H%M%S%f", "behind a point or a comma"},
	} {
		if _, err := Parse(tt.format, nil, Context{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.format, err, tt.want)
		}
	}
}

// TestTimesOfLogs: nearly all lines of real logs are read, and hardly any runs backwards.
func TestTimesOfLogs(t *testing.T) {
	fixtures := os.Getenv("GUMSHOE_FIXTURES")
	if fixtures == "" {
		t.Skip("GUMSHOE_FIXTURES does not say where the logs are")
	}
	paths, err := filepath.Glob(filepath.Join(fixtures, "logs", "*_2k.log"))
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d logs, want 5 at least (%v)", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var lines [][]byte
			for s := bufio.NewScanner(bytes.NewReader(content)); s.Scan(); {
				lines = append(lines, bytes.Clone(s.Bytes()))
			}
			l, ok := Detect(lines[:100], Context{Zone: time.UTC, Modified: someday})
			if !ok {
				t.Fatal("no layout is found")
			}
			read, backwards, last := 0, 0, int64(0)
			for _, line := range lines {
				at, ok := l.Time(line)
				if !ok {
					continue
				}
				read++
				if at < last {
					backwards++
				}
				last = at
			}
			if read*100 < len(lines)*99 || backwards*20 > read {
				t.Errorf("%s: %d of %d lines are read, and %d run backwards", l.Name(), read, len(lines), backwards)
			}
		})
	}
}

func FuzzTime(f *testing.F) {
	for _, line := range []string{
		"2024-01-02T03:04:05.123+02:00 x", "Jan  2 15:04:05 x", "[10/Oct/2000:13:55:36 -0700]", `{"a":{"ts":"x\""},"ts":1700000000.5}`, "ts=1700000000 x", "<34>1 2003-10-11T22:14:15Z",
		"Sun Jan  2 15:04:05 UTC 2005", "12 Jan 2024 10:00:00.123 *", "I0102 15:04:05.000001 1", "web | 17/06/09 20:10:40",
	} {
		f.Add([]byte(line), "rfc3339")
	}
	f.Add([]byte("20240102"), "%Y%m%d")
	f.Fuzz(func(t *testing.T, line []byte, format string) {
		c := Context{Zone: time.UTC, Modified: someday}
		layouts := []Layout{{}}
		if l, ok := Detect([][]byte{line}, c); ok {
			layouts = append(layouts, l)
		}
		if l, err := Parse(format, [][]byte{line}, c); err == nil {
			layouts = append(layouts, l)
		}
		for _, l := range layouts {
			at, ok := l.Time(line)
			end := l.End(line)
			if ok != (end > 0) || end > len(line) || ok && (at < 0 || time.Unix(0, at).Year() > 2262) {
				t.Errorf("%q is %d (%t) up to %d by %s", line, at, ok, end, l.Name())
			}
		}
	})
}

func BenchmarkTime(b *testing.B) {
	for _, line := range []string{
		"2024-01-02T03:04:05.123456Z 0 [System] ready", "2024-01-02 03:04:05,123 INFO x", `10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1`,
		"Mar  5 11:59:59 web-1 sshd[17]: x", `{"level":"info","ts":"2024-01-02T03:04:05.000Z","msg":"at 2020-01-01T00:00:00Z"}`, "level=info ts=1700000000.25 msg=x",
	} {
		b.Run(line[:20], func(b *testing.B) {
			text := []byte(line)
			l, ok := Detect([][]byte{text}, Context{Zone: zoneNamed(b, "Europe/Berlin"), Modified: someday})
			if !ok {
				b.Fatal("no layout is found")
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				l.Time(text)
			}
		})
	}
}
