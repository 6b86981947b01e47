package load_test

import (
	"fmt"
	"os"
	"path/filepath"

	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/belief"
	"gumshoe/engine/load"
)

// write makes a folder of files, by their names.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// loadText loads a runbook called x that has to be good.
func loadText(t testing.TB, text string) *engine.Runbook {
	t.Helper()
	dir := write(t, map[string]string{"x.yaml": text})
	loader := &load.Loader{Registry: registry(t)}
	book, faults := loader.Load(filepath.Join(dir, "x.yaml"))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return book
}

// TestLoadReadsNoDocs: what the fields of checks mean is read when a fault tells it,
// and not for a runbook that is good.
func TestLoadReadsNoDocs(t *testing.T) {
	read := 0
	loader := &load.Loader{Registry: registryWith(t, func() engine.FieldDocs {
		read++
		return engine.FieldDocs{"gumshoe/engine/load_test.tcpIn": {"address": "address is where to connect."}}
	})}
	if _, faults := loader.Load("testdata/web-slow.yaml"); len(faults) > 0 || read != 0 {
		t.Errorf("got faults %v, and the docs were read %d times", faults, read)
	}
	dir := write(t, map[string]string{"x.yaml": "runbook: x\ntitle: X\nsteps:\n  port: { check: probe.tcp }\nhypotheses:\n  h: { title: H, strong: port.connect_seconds > 1 }\n"})
	_, faults := loader.Load(filepath.Join(dir, "x.yaml"))
	if err := faults.Err(); err == nil || !strings.Contains(err.Error(), `needs the input "address" under "with" (address is where to connect)`) || read == 0 {
		t.Errorf("got %v, and the docs were read %d times", err, read)
	}
}

func TestLoadDesignExample(t *testing.T) {
	loader := &load.Loader{Registry: registry(t)}
	book, faults := loader.Load("testdata/web-slow.yaml")
	if len(faults) > 0 {
		t.Fatalf("got faults: %v", faults)
	}
	if book.Name != "web-slow" || book.Patience != 15*time.Minute || book.Budget != engine.DefaultBudget {
		t.Errorf("head: got %q, %s, %s", book.Name, book.Patience, book.Budget)
	}
	var steps, hypotheses []string
	for _, s := range book.Steps {
		steps = append(steps, s.Name)
	}
	for _, h := range book.Hypotheses {
		hypotheses = append(hypotheses, h.ID)
	}
	if want := []string{"cpu", "page", "db", "errors", "wire"}; !slices.Equal(steps, want) {
		t.Errorf("steps: got %q, want %q", steps, want)
	}
	if want := []string{"cpu_saturated", "pool_exhausted", "slow_query", "packet_loss"}; !slices.Equal(hypotheses, want) {
		t.Errorf("hypotheses: got %q, want %q", hypotheses, want)
	}
	wire := book.Steps[4]
	if !slices.Equal(wire.Needs, []int{1}) || wire.Cost != 12*time.Second || wire.Timeout != 20*time.Second || wire.Risk != engine.Load {
		t.Errorf("wire: got needs %v, cost %s, timeout %s, risk %s", wire.Needs, wire.Cost, wire.Timeout, wire.Risk)
	}
	if page := book.Steps[1]; page.Cost != 5*time.Second || page.Timeout != 15*time.Second {
		t.Errorf("page: got cost %s, timeout %s", page.Cost, page.Timeout)
	}
	pool := book.Hypotheses[1]
	if pool.Prior != belief.Common || !slices.Equal(pool.CausedBy, []int{2}) || len(pool.Evidence) != 3 {
		t.Errorf("pool_exhausted: got %+v", pool)
	}
	trigger := book.Triggers[0]
	if trigger.Alert == nil || trigger.On == nil || len(trigger.Inputs) != 1 {
		t.Errorf("trigger: got %+v", trigger)
	}
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	if got := trigger.Schedule.Next(noon); got != noon.Add(30*time.Minute) {
		t.Errorf("schedule: got %s after %s", got, noon)
	}
	if got := book.Inputs.List[1].Default; got != engine.SecretRef("env:APP_DB") {
		t.Errorf("the secret's default: got %v", got)
	}
	values, inputFaults := book.Inputs.Resolve(nil)
	if len(inputFaults) > 0 {
		t.Fatal(inputFaults)
	}
	if got := values.Shown["since"]; got != "15m" {
		t.Errorf("since: got %q", got)
	}
}

func TestUse(t *testing.T) {
	const basics = "runbook: %s\ninputs: { since: { type: duration, default: 5m } }\n" +
		"steps: { %[2]s: { check: logs.file, with: { path: /x, since: \"${inputs.since}\" } } }\n" +
		"hypotheses: { %[2]s_bad: { title: T, strong: { if: %[2]s.lines > 5, must: true } } }\n"
	dir := write(t, map[string]string{
		"main.yaml": "runbook: main\ntitle: M\nuse: [beside, named]\ninputs: { since: { type: duration, default: 1h } }\n" +
			"steps: { cpu: { check: host.cpu } }\nhypotheses: { busy: { title: B, strong: { if: cpu.cores + beside.lines > 1, must: true }, caused_by: [stock_bad] } }\n",
		"beside.yaml":      fmt.Sprintf(basics, "beside", "beside") + "use: [named]\n",
		"more/named.yaml":  fmt.Sprintf(basics, "named", "named") + "use: [stock]\nsymptom: named.lines > 1\n",
		"more/beside.yaml": "not even a runbook",
	})
	loader := &load.Loader{
		Registry: registry(t), Dirs: []string{filepath.Join(dir, "none"), filepath.Join(dir, "more")},
		Stock: fstest.MapFS{"stock.yaml": {Data: fmt.Appendf(nil, basics, "stock", "stock")}},
	}
	book, faults := loader.Load(filepath.Join(dir, "main.yaml"))
	if len(faults) > 0 {
		t.Fatalf("got faults: %v", faults)
	}
	var got []string
	for _, s := range book.Steps {
		got = append(got, s.Name)
	}
	if want := []string{"cpu", "beside", "named", "stock"}; !slices.Equal(got, want) {
		t.Errorf("steps: got %q, want %q", got, want)
	}
	if want := []string{filepath.Join(dir, "beside.yaml"), filepath.Join(dir, "more/named.yaml"), "stock:stock.yaml"}; !slices.Equal(book.Uses, want) {
		t.Errorf("uses: got %q, want %q", book.Uses, want)
	}
	if got := book.Inputs.List[0].Default; got != time.Hour || len(book.Inputs.List) != 1 {
		t.Errorf("the runbook's own default: got %v of %d inputs", got, len(book.Inputs.List))
	}
	if len(book.Symptom) != 0 {
		t.Error("a used file brought in its symptom")
	}
	if got := book.Hypotheses[0].CausedBy; !slices.Equal(got, []int{3}) {
		t.Errorf("caused_by a used hypothesis: got %v", got)
	}
}

func TestFind(t *testing.T) {
	const book = "runbook: %s\ntitle: %s\nsteps: { cpu: { check: host.cpu } }\nhypotheses: { a: { title: A, strong: { if: cpu.cores > 1, must: true } } }\n"
	dir := write(t, map[string]string{
		"one/disk-full.yaml": fmt.Sprintf(book, "disk-full", "mine"),
		"two/disk-full.yaml": fmt.Sprintf(book, "disk-full", "theirs"),
		"two/web-slow.yml":   fmt.Sprintf(book, "web-slow", "web"),
		"two/Notes.yaml":     "x",
		"two/cases/a.yaml":   "x",
		"two/part.yaml":      "runbook: part\nsteps: { cpu: { check: host.cpu } }\n",
	})
	loader := &load.Loader{
		Registry: registry(t), Dirs: []string{filepath.Join(dir, "one"), filepath.Join(dir, "two")},
		Stock: fstest.MapFS{
			"host-sick.yaml": {Data: fmt.Appendf(nil, book, "host-sick", "stock")},
			"disk-full.yaml": {Data: []byte("hidden")},
		},
	}
	t.Run("names", func(t *testing.T) {
		var got []string
		for _, at := range loader.List() {
			got = append(got, at.Name)
		}
		if want := []string{"disk-full", "host-sick", "part", "web-slow"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	tests := []struct{ name, ref, want string }{
		{"the first folder wins", "disk-full", "mine"},
		{"yml", "web-slow", "web"},
		{"stock", "host-sick", "stock"},
		{"a path", filepath.Join(dir, "two/disk-full.yaml"), "theirs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			book, faults := loader.Load(test.ref)
			if err := faults.Err(); err != nil {
				t.Fatal(err)
			}
			if book.Title != test.want {
				t.Errorf("got %q, want %q", book.Title, test.want)
			}
		})
	}
	wrong := []struct{ name, ref, want string }{
		{"a typo", "disk-ful", `there is no runbook "disk-ful"; did you mean "disk-full"?`},
		{"nothing near", "kafka", "there is no runbook \"kafka\"; `gumshoe list` names those there are, and a file is given by its path"},
		{"a part", "part", filepath.Join(dir, "two/part.yaml") + `:1:1: a runbook needs "title": the trouble it looks into, in a few words`},
		{"empty", "", "there is no runbook \"\"; `gumshoe list` names those there are, and a file is given by its path"},
	}
	for _, test := range wrong {
		t.Run(test.name, func(t *testing.T) {
			book, faults := loader.Load(test.ref)
			if book != nil || len(faults) == 0 {
				t.Fatal("nothing is wrong with it")
			}
			if got := faults[len(faults)-1].Error(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLint(t *testing.T) {
	dir := write(t, map[string]string{
		"good.yaml":    "runbook: good\ntitle: G\nsteps: { cpu: { check: host.cpu } }\nhypotheses: { a: { title: A, strong: { if: cpu.cores > 1, must: true } } }\n",
		"part.yaml":    "runbook: part\nsteps: { cpu: { check: host.cpu } }\n",
		"bad.yaml":     "runbook: bad\n",
		"gumshoe.yaml": "state: x\n",
		"cases/x.yaml": "case: x\n",
	})
	loader := &load.Loader{Registry: registry(t)}
	faults, files := loader.Lint(dir)
	if files != 3 {
		t.Errorf("got %d files, want 3", files)
	}
	if len(faults) != 1 || !strings.HasSuffix(faults[0].File, "bad.yaml") {
		t.Errorf("got %v, want one fault of bad.yaml", faults)
	}
	if faults, _ := loader.Lint(filepath.Join(dir, "cases"), filepath.Join(dir, "none.yaml"), "nowhere"); len(faults) < 3 {
		t.Errorf("got %v, want a fault for each", faults)
	}
	if faults, _ := loader.Lint(t.TempDir()); faults.Err() == nil {
		t.Error("an empty folder is no fault")
	}
}

func TestEachAndValues(t *testing.T) {
	book := loadText(t, `
runbook: x
title: X
inputs:
  at: { type: hostport, default: "db1:5432" }
  deep: { type: bool, default: false }
steps:
  conn: { check: probe.tcp, each: ["a:1", "b:2"], with: { address: "${item}" } }
  single: { check: probe.tcp, with: { address: "${inputs.at}" }, when: inputs.deep }
  page: { check: probe.http, with: { url: "http://${inputs.at.host}:$${x}/", timeout: 1m, headers: { a: "${inputs.at}!", n: 5 } }, on: "${inputs.at}" }
  again: { check: probe.http, with: { url: "http://a/${conn[0].outcome}" } }
hypotheses:
  a:
    title: "A at ${inputs.at}"
    strong: { if: 'any(conn, .outcome == "refused" and .item == "a:1")', must: true, because: "${len(conn)} of them" }
    weak: [single.outcome == "refused", page.p95_seconds + again.p95_seconds > 1]
    names: map(conn, .item)
    next: $${not filled}
`)
	conn, again := book.Steps[0], book.Steps[3]
	if conn.Each == nil || len(conn.Each.List) != 2 {
		t.Errorf("each: got %+v", conn.Each)
	}
	if !slices.Equal(again.Needs, []int{0}) {
		t.Errorf("needs: got %v", again.Needs)
	}
	if got := book.Steps[2].With[1].Value.Literal; got != "1m0s" {
		t.Errorf("a literal duration: got %#v", got)
	}
	if literal, ok := book.Hypotheses[0].Next.Literal(); !ok || literal != "${not filled}" {
		t.Errorf("next: got %q, %t", literal, ok)
	}
	in := book.Inputs.Type
	if in.NumField() != 2 || in.Field(0).Tag.Get("expr") != "at" {
		t.Errorf("inputs: got %s", in)
	}
}

func TestStepTimes(t *testing.T) {
	tests := []struct {
		name, step    string
		cost, timeout time.Duration
	}{
		{"the check's", "check: packets.capture", 10 * time.Second, 30 * time.Second},
		{"at least 10s", "check: host.cpu", time.Second, 10 * time.Second},
		{"a longer window", "check: packets.capture, with: { window: 30s }", 30 * time.Second, 90 * time.Second},
		{"a shorter window", "check: packets.capture, with: { window: 1s }", 10 * time.Second, 30 * time.Second},
		{"a longer wait", "check: probe.http, with: { url: 'http://a/', timeout: 40s }", 5 * time.Second, 51 * time.Second},
		{"own", "check: packets.capture, cost: 1m, timeout: 2m", time.Minute, 2 * time.Minute},
		{"own cost", "check: packets.capture, cost: 1m", time.Minute, 3 * time.Minute},
		{"at most the budget", "check: packets.capture, cost: 4m", 4 * time.Minute, 5 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			book := loadText(t, "runbook: x\ntitle: X\nsteps: { cpu: { check: host.cpu }, s: { "+test.step+" } }\n"+
				"hypotheses: { a: { title: A, strong: { if: cpu.cores > 1, must: true } } }\n")
			if s := book.Steps[1]; s.Cost != test.cost || s.Timeout != test.timeout {
				t.Errorf("got cost %s, timeout %s, want %s, %s", s.Cost, s.Timeout, test.cost, test.timeout)
			}
		})
	}
}

// big is a runbook of about 500 lines.
func big() string {
	var b strings.Builder
	b.WriteString("runbook: big\ntitle: Many steps\ninputs:\n  url: { type: url, default: \"http://a/\" }\n  since: { type: duration, default: 15m }\nsymptom: s0.p95_seconds > 1\nsteps:\n")
	for i := range 40 {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "  s%d:\n    check: probe.http\n    with: { url: \"${inputs.url}\", requests: 20 }\n", i)
		case 1:
			fmt.Fprintf(&b, "  s%d:\n    check: logs.file\n    with: { path: /var/log/x.log, since: \"${inputs.since}\", patterns: { refused: \"too many\" } }\n    when: s%d.p95_seconds > 0.5\n", i, i-1)
		case 2:
			fmt.Fprintf(&b, "  s%d: { check: host.disk }\n", i)
		}
	}
	b.WriteString("hypotheses:\n")
	for i := range 40 {
		fmt.Fprintf(&b, `  h%d:
    title: The cause number %d
    prior: common
    strong: { if: 's%d.p95_seconds > 0.%d and s%[3]d.outcome == "ok"', must: true }
    medium:
      - any(s%[5]d.mounts, .used_percent > %[1]d and not .read_only)
      - { if: 's%[6]d.matches["refused"] > %[1]d', because: clients are being refused }
    weak: s%[6]d.lines / 10 > %[1]d
    against: s%[3]d.statuses["200"] > %[1]d
    next: Look at the page s%[1]d for ${s%[3]d.p95_seconds} seconds.
`, i, i, i/3*3, i+10, i%13*3+2, i%13*3+1)
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	text := big()
	dir := write(b, map[string]string{"big.yaml": text})
	loader := &load.Loader{Registry: registry(b)}
	for b.Loop() {
		if book, faults := loader.Load(filepath.Join(dir, "big.yaml")); book == nil {
			b.Fatal(faults)
		}
	}
	b.ReportMetric(float64(strings.Count(text, "\n")), "lines")
}
