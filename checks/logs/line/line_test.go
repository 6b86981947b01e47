package line

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestParse(t *testing.T) {
	for _, name := range []string{
		"json", "logfmt", "access", "syslog", "klog", "docker", "cri", "plain", "json in docker", "plain in cri",
		`(?P<level>\w+) (?P<message>.*)`,
	} {
		f, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() != name {
			t.Errorf("got %s, want %s", f.Name(), name)
		}
	}
	const list = `want one of json, logfmt, access, syslog, klog, docker, cri, plain or a regular expression ` +
		`with named groups, such as (?P<level>\w+) (?P<message>.*)`
	for _, test := range []struct{ text, want string }{
		{"jsn", `there is no format "jsn", and it is no regular expression with named groups: ` + list},
		{"", `there is no format "", and it is no regular expression with named groups: ` + list},
		{`(?P<a>\w+`, `format "(?P<a>\\w+": error parsing regexp: missing closing ): ` + "`(?P<a>\\w+`: " + list},
		{"jsn in docker", `there is no format "jsn", and it is no regular expression with named groups: ` + list},
	} {
		_, err := Parse(test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

func TestFieldsRefused(t *testing.T) {
	learnt := Detect(lines(
		`10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8" rt=0.250 a="1 2"`,
		`10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8" rt=0.250 b`,
	))
	const access = "level, message, client, ident, user, time, request, method, path, url, query, protocol, status, bytes, " +
		"referer, user_agent, vhost, forwarded_for, latency, upstream_latency"
	for _, test := range []struct {
		name   string
		format Format
		fields []string
		want   string
	}{
		{"syslog", parsed(t, "syslog"), []string{"host", "hots"}, `a log of the format syslog has no field "hots": ` +
			`want one of level, message, time, host, program, pid, facility, severity, msgid`},
		{"plain", Format{}, []string{"status"}, `a log of the format plain has no field "status": want one of level, message`},
		{"access with a sample", learnt, []string{"rt", "a", "b"}, `a log of the format access has no field "b": want one of ` +
			access + `, a, rt`},
		{"expression", parsed(t, `(?P<x>a)`), []string{"x", "y"}, `the expression of the log's format has no group "y": ` +
			`want one of level, message, x`},
		{"none", parsed(t, "json"), []string{""}, "a field has no name"},
		{"many", parsed(t, "json"), slices.Repeat([]string{"a"}, 21), "21 fields are asked for: at most 20 can be read at once"},
		{"within", parsed(t, "syslog in docker"), []string{"a"}, `a log of the format syslog has no field "a": ` +
			`want one of level, message, time, host, program, pid, facility, severity, msgid`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.format.Fields(test.fields...)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestFieldsOfFormatsByName(t *testing.T) {
	for _, test := range []struct{ name, format, fields, line, want string }{
		{"access", "access", "rt nosuch level message",
			`10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET /?a=b HTTP/1.1" 503 612 "-" "curl/8" rt=0.250`,
			"rt=0.250 nosuch level=error message=GET / 503"},
		{"not access", "access", "status path level message client latency", `nonsense "`,
			`status path level message=nonsense " client latency`},
		{"access without bytes", "access", "status bytes a", `h - - [1] "GET /" 200 a=b`, "status=200 bytes a=b"},
		{"access after broken lines", "access", "method query referer vhost forwarded_for",
			`a.example 10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET /?a HTTP/1.1" 200 1 "r" "u" "10.9.8.7, 10.0.0.2"`,
			"method=GET query=a referer=r vhost=a.example forwarded_for=10.9.8.7, 10.0.0.2"},
		{"quotes within a request", "access", "request status", `h - - [1] "GET /"a" HTTP/1.1" 400 1`,
			`request=GET /"a" HTTP/1.1 status=400`},
		{"json", "json", "a a b.c b level message", `{"a":null,"b":{"c":[true,{"d":"x\"}"}]},"x":{"a":2},"a":3}`,
			`a=null a=null b.c=[true,{"d":"x\"}"}] b={"c":[true,{"d":"x\"}"}]} level ` +
				`message={"a":null,"b":{"c":[true,{"d":"x\"}"}]},"x":{"a":2},"a":3}`},
		{"json cut off", "json", "a b c", `{"a":"x","b":12`, "a=x b c"},
		{"json with spaces", "json", "a b", ` { "a" : "x" , "b" : [ 1 , 2 ] } `, "a=x b=[ 1 , 2 ]"},
		{"json keys with escapes", "json", "a b.ä", `{"\u0061":1,"b":{"\u00e4":"\ud83d\ude00\ud800"}}`, "a=1 b.ä=😀\uFFFD"},
		{"json arrays", "json", "a[1] a[0].b[0] a[9] a[x] a[] a.b", `{"a":[{"b":[7]},"y"]}`, "a[1]=y a[0].b[0]=7 a[9] a[x] a[] a.b"},
		{"json dotted keys", "json", "a.b.c", `{"a":{"b":1},"a.b":{"c":2}}`, "a.b.c=2"},
		{"logfmt keys twice", "logfmt", "a nothing", `a=1 a=2`, "a=1 nothing"},
		{"no json", "json", "a level", `nothing {here`, "a level"},
		{"docker", "docker", "level x", `{"log":"level=warn x=\"a b\"\n","stream":"stdout","time":"2024-01-02T15:04:05Z"}`, "level=warning x=a b"},
		{"docker guessed", "docker", "level x", `{"log":"{\"x\":1,\"lvl\":\"F\"}\n","stream":"stdout","time":"2024-01-02T15:04:05Z"}`,
			"level=critical x=1"},
		{"cri klog", "cri", "level x", `2024-01-02T15:04:05.678901234Z stderr F W0102 15:04:05.678901    1 main.go:1] "m" x=1`,
			"level=warning x=1"},
		{"expression", `^(?P<time>\S+) (?P<level>\S+)( (?P<user>u\S*))? (?P<message>.*)$`, "level user message time",
			`12:00 E hello`, "level=error user message=hello time=12:00"},
		{"no expression", `^(?P<level>\S+) x (?P<a>.*)$`, "level message a", `12:00`, "level message=12:00 a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fields, err := parsed(t, test.format).Fields(strings.Fields(test.fields)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, before := range []string{"", `{"z":1,"a":2}`, test.line} { // what a line leaves behind must not show
				readAll(fields, []byte(before))
				if got := readAll(fields, []byte(test.line)); got != test.want {
					t.Errorf("after %q:\ngot  %s\nwant %s", before, got, test.want)
				}
			}
			if got := readAll(fields.Clone(), []byte(test.line)); got != test.want {
				t.Errorf("clone: got %s, want %s", got, test.want)
			}
		})
	}
}

// TestJSONLayouts has lines whose members change places, come and go.
func TestJSONLayouts(t *testing.T) {
	fields, err := parsed(t, "json").Fields("b", "d")
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct{ line, want string }{
		{`{"a":1,"b":2,"c":3,"d":4}`, "b=2 d=4"},
		{`{"a":1,"b":2,"c":3,"d":4}`, "b=2 d=4"},
		{`{"b":5,"c":3,"d":6}`, "b=5 d=6"},
		{`{"b":"7","a":1,"d": 8}`, "b=7 d=8"},
		{`{"d":9,"b":1}`, "b=1 d=9"},
		{`{"bb":9,"d":1}`, "b d=1"},
		{`{"a":1,"b":2,"c":3,"e":4}`, "b=2 d"},
		{`{}`, "b d"},
		{`{"a":1,"b":2,"b":3,"d":4,"d":5}`, "b=2 d=4"},
	} {
		if got := readAll(fields, []byte(test.line)); got != test.want {
			t.Errorf("line %d: got %s, want %s", i, got, test.want)
		}
	}
}

// TestDetect of samples that are mixed or hold little.
func TestDetect(t *testing.T) {
	for _, test := range []struct {
		name   string
		sample []string
		want   string
	}{
		{"nothing", nil, "plain"},
		{"empty lines", []string{"", ""}, "plain"},
		{"JSON with traces", []string{`{"a":1}`, "\tat x", "\tat y", "\tat z", "java.lang.Error: x"}, "json"},
		{"JSON and more text", []string{`{"a":1}`, "starting", "started"}, "plain"},
		{"half", []string{`{"a":1}`, "starting"}, "plain"},
		{"objects within text", []string{`12:00 ERROR got {"a":1}`, `12:00 ERROR got {"a":2}`}, "plain"},
		{"a template", []string{`{{x}}`, `{y}`}, "plain"},
		{"times and levels", []string{"2024-01-02T15:04:05Z INFO foo: bar", "2024-01-02T15:04:05Z WARN foo: baz"}, "plain"},
		{"assignments", []string{"a=b", "c=d"}, "plain"},
		{"carriage returns", []string{"{\"a\":1}\r\n"}, "json"},
		{"binary", []string{"\x00\x01\xff", "\x80"}, "plain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Detect(lines(test.sample...)).Name(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestLearn has a format that was named get the same details as one that was detected.
func TestLearn(t *testing.T) {
	for _, test := range formatTests {
		t.Run(test.name, func(t *testing.T) {
			sample := lines(test.lines...)
			f, err := parsed(t, test.format).Learn(sample).Fields(strings.Fields(test.fields)...)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range sample {
				if got := readAll(f, line); got != test.want[i].fields {
					t.Errorf("got %s, want %s", got, test.want[i].fields)
				}
			}
		})
	}
}

func TestContinues(t *testing.T) {
	timed := Detect(lines("2024-01-02 15:04:05 ERROR a", "2024-01-02 15:04:05 INFO b"))
	object := Detect(lines(`{"a":1}`))
	prefixed := Detect(lines(`web1 {"level":"info"}`))
	system := Detect(lines("Jun 14 15:16:01 combo shop[1]: x"))
	for _, test := range []struct {
		format Format
		line   string
		want   bool
	}{
		{Format{}, "", true},
		{Format{}, "\tat com.shop.A.b(A.java:1)", true},
		{Format{}, "  at Object.<anonymous> (/app/x.js:1:2)", true},
		{Format{}, "Caused by: x", true},
		{Format{}, "Causes: x", false},
		{Format{}, "... 12 more", true},
		{Format{}, ".hidden", false},
		{Format{}, "}", true},
		{Format{}, "goroutine 17 [running]:", true},
		{Format{}, "goroutine 17 leaks", false},
		{Format{}, "main.(*server).handle(0xc000010000, {0x1, 0x2})", true},
		{Format{}, "main.main()", true},
		{Format{}, "created by main.main in goroutine 1", true},
		{Format{}, "Started main.main() again", false},
		{Format{}, "panic: runtime error", false},
		{Format{}, "Traceback (most recent call last):", true},
		{Format{}, "Trace started", false},
		{Format{}, "#0 /app/index.php(12): main()", true},
		{Format{}, "# comment", false},
		{Format{}, "java.io.IOException", true},
		{Format{}, "ValueError: x", false},
		{timed, "ValueError: x", true},
		{timed, "2024-01-02 15:04:05 x", false},
		{timed, "Wed Jan 02 15:04:05 2024 x", false},
		{timed, "ERROR x", false},
		{object, `{"a":1}`, false},
		{object, ` {"a":1}`, false},
		{object, "starting", true},
		{object, `x {"a":1}`, true},
		{prefixed, `web1 {"a":1}`, false},
		{prefixed, "web1 starting", true},
		{system, "Jun 14 15:16:01 combo shop[1]: x", false},
		{system, "Jun 14 15:16:01 combo shop[1]: \tat x", true},
		{system, "Jun 14 15:16:01 combo shop[1]: #011at x", true},
		{system, "at x", true},
		{parsed(t, "klog"), "goroutine", true},
		{parsed(t, "klog"), "I0102 15:04:05.678901    1234 a.go:1] x", false},
		{parsed(t, "access"), `10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET / HTTP/1.1" 200 612`, false},
		{parsed(t, "logfmt"), "a=b", false},
		{parsed(t, "cri"), "2024-01-02T15:04:05.678901234Z stderr F \tat x", true},
		{parsed(t, "cri"), "2024-01-02T15:04:05.678901234Z stderr F x", false},
		{parsed(t, "docker"), `{"log":"  at x\n","stream":"stdout"}`, true},
		{parsed(t, "docker"), `{"log":"x\n","stream":"stdout"}`, false},
		{parsed(t, `^ (?P<a>x)`), " x", false},
		{parsed(t, `^ (?P<a>x)`), " y", true},
	} {
		if got := test.format.Continues([]byte(test.line)); got != test.want {
			t.Errorf("%s: %q: got %v, want %v", test.format.Name(), test.line, got, test.want)
		}
	}
}

// TestConcurrent uses one format from several goroutines, for the race detector.
func TestConcurrent(t *testing.T) {
	for _, test := range formatTests {
		sample := lines(test.lines...)
		f := Detect(sample)
		fields, err := f.Fields("level", "message")
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				own := fields.Clone()
				values := make([][]byte, 2)
				for i, line := range sample {
					own.Read(line, values)
					if l, m := f.Level(line), f.Message(line); l != test.want[i].level || string(m) != string(values[1]) {
						t.Errorf("%s: %q: %v, %q, %q", test.name, line, l, m, values[1])
					}
				}
			})
		}
		group.Wait()
	}
}

// TestAllocates nothing, but for expressions.
func TestAllocates(t *testing.T) {
	for _, test := range formatTests {
		sample := lines(test.lines...)
		f := Detect(sample)
		names := append(strings.Fields(test.fields), "level", "message")
		fields, err := f.Fields(names...)
		if err != nil {
			t.Fatal(err)
		}
		values := make([][]byte, len(names))
		var scratch []byte
		if raceEnabled() {
			continue // the race detector empties pools at random
		}
		if n := testing.AllocsPerRun(100, func() {
			for _, line := range sample {
				f.Level(line)
				f.MessageInto(line, &scratch)
				f.Continues(line)
				fields.Read(line, values)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

// raceEnabled says whether a pool loses what is put into it, as under the race detector.
func raceEnabled() bool {
	var pool sync.Pool
	for range 100 {
		pool.Put(new(int))
		if pool.Get() == nil {
			return true
		}
	}
	return false
}

func lines(texts ...string) [][]byte {
	var all [][]byte
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	return all
}

func parsed(t testing.TB, text string) Format {
	t.Helper()
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
