package line

import "testing"

func TestParseLevel(t *testing.T) {
	for want, words := range map[Level][]string{
		Trace:    {"trace", "TRC", "trce", "verbose", "V", "finest", "t"},
		Debug:    {"debug", "DEBUG", "dbg", "D", "DEBUG-4", "debug5", "Fine"},
		Info:     {"info", "INFO", "Information", "informational", "I", "INF", "INFO+1", "LOG", "Note", "System"},
		Notice:   {"notice", "NOTICE", "n"},
		Warning:  {"warn", "WARNING", "W", "wrn", "WARN+2"},
		Error:    {"err", "ERROR", "Error", "E", "severe", "ERROR+12", "eror"},
		Critical: {"crit", "CRITICAL", "fatal", "F", "C", "panic", "alert", "emerg", "Emergency", "dpanic", "FTL"},
		Unknown: {
			"", "0", "3", "10", "30", "errors", "erroneous", "information!", "informationally", "infos", "x", "é",
			"error ", " error", "warn+", "warn-x", "debug12", "e1f", "warn+2+3", "\x00", "gold", "+2",
		},
	} {
		for _, word := range words {
			if got := ParseLevel([]byte(word)); got != want {
				t.Errorf("%q: got %v, want %v", word, got, want)
			}
		}
	}
}

func TestLevelString(t *testing.T) {
	for l := Unknown + 1; l <= Critical; l++ {
		if got := ParseLevel([]byte(l.String())); got != l {
			t.Errorf("%v: got %v", l, got)
		}
	}
	if got := Level(200).String(); got != "unknown" {
		t.Errorf("got %s", got)
	}
}

// TestPlainLevel reads lines without a sample: what is a level, and what is not.
func TestPlainLevel(t *testing.T) {
	for want, texts := range map[Level][]string{
		Debug: {
			"DEBUG: x", "2024-01-02 15:04:05 DEBUG x", "dbug: Microsoft.Hosting.Lifetime[0]", "12:00:00 DBG x",
			"1:M 02 Jan 2024 15:04:05.678 - Accepted 10.0.0.1:4711", "[D 240102 15:04:05 web:2] x", "FINE: x",
		},
		Info: {
			"INFO x", "[INFO] x", "info: x", "2024/01/02 15:04:05 [info] 1#1: x", "I, [2024-01-02T15:04:05 #1]  INFO -- : x",
			"2024-01-02 15:04:05.678 UTC [57] LOG:  error in your log", "<6>x", "[  INFO ] x", "main: INFO: x",
			"3:04PM INF x", "[2024-01-02 15:04:05,678] INFO [Partition x-0] y (kafka.cluster.Partition)",
			"2024-01-02 15:04:05.678 UTC [57] STATEMENT:  select 1",
		},
		Notice: {"<5>x", "[Sun Dec 04 04:47:44 2005] [notice] x", "1:M 02 Jan 2024 15:04:05.678 * x", "NOTICE: x"},
		Warning: {
			"warn: x", "Warning: x", "WARNING x", "2024-01-02 15:04:05 [WARN ] x", "W0102 15:04:05.678901 7 x.go:1] y",
			"ts=1 caller=x level=warn msg=y", "2024-01-02T15:04:05Z app severity=\"WARNING\" x", "[W 2024-01-02 x] y",
			"<4>error in the text", "2024-01-02 15:04:05 - app.py - WARNING - y", "2024-01-02 15:04:05|WARN|x",
			"2024-01-02T15:04:05Z warning: y", "(12:00) WARN: x",
		},
		Error: {
			"ERROR x", "ERROR: x", "error: x", "Error: x", "[error] x", "[2024-01-02] [ERROR] x", "fail: x", "<3>x", "<11>x",
			"2024-01-02 15:04:05,678 [main] ERROR com.x.Y - z", "2024-01-02T15:04:05.678Z\terror\tx", "ERROR 2002 (HY000): x",
			"[core:error] x", "ERROR:root:x", "SEVERE: x", "2024-01-02 15:04:05 host ERROR x",
			"E, [2024-01-02T15:04:05 #1] ERROR -- : x", "[E] x",
		},
		Critical: {"FATAL: x", "CRITICAL x", "[emerg] x", "<2>x", "<0>x", "PANIC: x", "F0102 15:04:05.678901 7 x.go:1] y"},
		Unknown: {
			"", "x", "no error found", "0 errors", "2024-01-02 15:04:05 no error found", "2024-01-02 15:04:05 error rate is low",
			"the ERROR was found", "Found ERROR in it", "An ERROR", "2024-01-02 15:04:05 connection closed with ERROR 5",
			"GET /error 200", "error reading", "warning lights", "I am here", "A W b", "2024-01-02 15:04:05 E b", "e: x",
			"request failed: error: x", "2024-01-02 15:04:05 status of level: error", "[12] x", "[e] x", "[errors] x", "<8",
			"<999>x", "<a>x", "note: x", "log: x", "E0102", "E010215:04:05.678901 7 x.go:1] y", "Info", "errors: 3", "level=",
			"x level=error", "see/also ERROR 5", "LOG x", "HINTS: x", "system: x", "fine", "verbose: x", "2024-01-02 15:04:05 got [x] from WARN",
		},
	} {
		for _, text := range texts {
			if got := (Format{}).Level([]byte(text)); got != want {
				t.Errorf("%q: got %v, want %v", text, got, want)
			}
		}
	}
}

// TestPlainLevelAllocates nothing, also for words that are looked at more closely.
func TestPlainLevelAllocates(t *testing.T) {
	line := []byte("Warning: x")
	if n := testing.AllocsPerRun(100, func() { Format{}.Level(line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLearntLevel reads lines that differ from the sample.
func TestLearntLevel(t *testing.T) {
	capitals := Detect(lines("2024-01-02 15:04:05 ERROR x", "2024-01-02 15:04:05 INFO y", "2024-01-02 15:04:05 z z z"))
	bare := Detect(lines("12:00 info x y", "12:00 error y z", "12:00 warn z", "12:00 info no error"))
	for _, test := range []struct {
		format Format
		line   string
		want   Level
	}{
		{capitals, "2024-01-02 15:04:05 WARN no ERROR", Warning},
		{capitals, "2024-01-02 15:04:05 error rate is low", Unknown},
		{capitals, "2024-01-02 15:04:05 [main] ERROR x", Error},
		{capitals, "2024-01-02", Unknown},
		{capitals, "  at x ERROR y", Unknown},
		{bare, "12:00 error rate", Error},
		{bare, "12:00 errors rate", Unknown},
		{bare, "12:00 no error", Unknown},
		{bare, "12:00 e x", Unknown},
	} {
		if got := test.format.Level([]byte(test.line)); got != test.want {
			t.Errorf("%q: got %v, want %v", test.line, got, test.want)
		}
	}
}

func TestPlainMessage(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"x", "x"},
		{"", ""},
		{"3 connections are open", "3 connections are open"},
		{"10.0.0.1 connected", "10.0.0.1 connected"},
		{"2024-01-02 15:04:05 3 connections are open", "3 connections are open"},
		{"Jan  2 15:04:05 2024 x", "2024 x"},
		{"[2024-01-02 15:04:05] x", "x"},
		{"2024-01-02 15:04:05 ERROR /etc/x.conf: no such file", "/etc/x.conf: no such file"},
		{"2024-01-02 15:04:05 ERROR 404 for x", "404 for x"},
		{"2024-01-02 15:04:05 ERROR", "2024-01-02 15:04:05 ERROR"},
		{"2024-01-02 15:04:05 ERROR main.go:12: broken: x", "broken: x"},
		{"ERROR timeout: x", "timeout: x"},
		{"1704207845.678 x y", "x y"},
		{"2024-01-02 15:04:05 - app.x - ERROR - - y", "y"},
	} {
		if got := string((Format{}).Message([]byte(test.line))); got != test.want {
			t.Errorf("%q: got %q, want %q", test.line, got, test.want)
		}
	}
}
