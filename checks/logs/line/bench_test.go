package line

import (
	"strings"
	"testing"
)

// jsonLine has 12 members and 213 bytes, as a web service writes them.
const jsonLine = `{"ts":"2024-01-02T15:04:05.678Z","level":"info","service":"shop","host":"web-1","pid":4242,` +
	`"trace":"4bf92f3577b34da6","method":"GET","path":"/api/orders/17","status":200,"bytes":5316,"latency":0.0123,"msg":"done"}`

const logfmtLine = `time=2024-01-02T15:04:05.678Z level=info service=shop host=web-1 pid=4242 trace=4bf92f3577b34da6 ` +
	`method=GET path=/api/orders/17 status=200 bytes=5316 latency=12.3ms msg="request \"17\" done"`

const accessLine = `203.0.113.7 - - [02/Jan/2024:15:04:05 +0000] "GET /api/orders/17?page=2 HTTP/1.1" 200 5316 ` +
	`"https://example.com/?q=1" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)" 0.012 0.011`

const plainLine = `2024-01-02 15:04:05,678 INFO  [http-nio-8080-exec-1] com.shop.OrderService - order 17 of customer 42 was placed`

const syslogLine = `Jun 14 15:16:01 web-1 shop[19939]: 2024-01-02 15:04:05 INFO order 17 of customer 42 was placed`

// BenchmarkRead reads fields; one operation is one line.
func BenchmarkRead(b *testing.B) {
	for _, bench := range []struct{ name, line, fields string }{
		{"json-first-field", jsonLine, "level"},
		{"json-one-field", jsonLine, "status"},
		{"json-last-field", jsonLine, "msg"},
		{"json-four-fields", jsonLine, "level service status latency"},
		{"json-missing-field", jsonLine, "nothing"},
		{"logfmt-one-field", logfmtLine, "status"},
		{"logfmt-message", logfmtLine, "message"},
		{"access-status", accessLine, "status"},
		{"access-status-latency", accessLine, "status latency"},
		{"access-all", accessLine, "client method path status bytes referer user_agent latency"},
		{"plain-level", plainLine, "level"},
		{"syslog-program", syslogLine, "program"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			// Lines of a log differ in their values.
			sample := lines(bench.line, strings.ReplaceAll(bench.line, "17", "4711"), strings.ReplaceAll(bench.line, "42", "7"))
			fields, err := Detect(sample).Fields(strings.Fields(bench.fields)...)
			if err != nil {
				b.Fatal(err)
			}
			values := make([][]byte, len(fields.Names()))
			b.SetBytes(int64(len(bench.line)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				fields.Read(sample[n], values)
				if n++; n == len(sample) {
					n = 0
				}
			}
		})
	}
}

// BenchmarkLevel and BenchmarkMessage do without a reader.
func BenchmarkLevel(b *testing.B) {
	for _, bench := range []struct{ name, line string }{
		{"json", jsonLine}, {"logfmt", logfmtLine}, {"access", accessLine}, {"plain", plainLine}, {"syslog", syslogLine},
	} {
		line := []byte(bench.line)
		for _, f := range []Format{Detect([][]byte{line, line}), {}} {
			if f == (Format{}) && bench.name != "plain" {
				continue
			}
			b.Run(bench.name+"/learnt="+map[bool]string{true: "yes", false: "no"}[f != Format{}], func(b *testing.B) {
				b.SetBytes(int64(len(line)))
				b.ReportAllocs()
				for b.Loop() {
					f.Level(line)
				}
			})
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	for _, bench := range []struct{ name, line string }{
		{"json", jsonLine}, {"logfmt", logfmtLine}, {"access", accessLine}, {"plain", plainLine}, {"syslog", syslogLine},
	} {
		b.Run(bench.name, func(b *testing.B) {
			line := []byte(bench.line)
			f := Detect([][]byte{line, line})
			var scratch []byte
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				f.MessageInto(line, &scratch)
			}
		})
	}
}

func BenchmarkNumber(b *testing.B) {
	for _, text := range []string{"200", "0.0123", "12.3ms"} {
		b.Run(text, func(b *testing.B) {
			value := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				Number(value)
			}
		})
	}
}
