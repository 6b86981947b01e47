package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/metrics/prometheustest"
	"gumshoe/checks/probe/nginxtest"
	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

// ahead is how far the history goes beyond the time that it is made at: however long
// a server takes to start, its series go on.
const ahead = 10 * time.Minute

// history are series around now, a value each five seconds: of one that is level,
// one that stepped up ten minutes ago, one that grows, one that ended 25 minutes
// ago, one that ended eight minutes ago, one that began five minutes ago, and one
// that is no number.
func history(now time.Time) string {
	var text strings.Builder
	series := func(name string, from, to time.Duration, value func(age time.Duration) float64) {
		for age := from; age >= to; age -= 5 * time.Second {
			fmt.Fprintf(&text, "%s %s %d\n", name, strconv.FormatFloat(value(age), 'g', -1, 64), now.Add(-age).Unix())
		}
	}
	family := func(name string) { fmt.Fprintf(&text, "# TYPE %s gauge\n", name) }
	noise := func(age time.Duration) float64 { return float64(now.Add(-age).Unix() / 5 % 7 % 3) }
	family("queue_length")
	series(`queue_length{pod="level",zone="a"}`, time.Hour, -ahead, func(age time.Duration) float64 { return 10 + noise(age) })
	series(`queue_length{pod="stepped",zone="a"}`, time.Hour, -ahead, func(age time.Duration) float64 {
		if age <= 10*time.Minute {
			return 50 + noise(age)
		}
		return 20 + noise(age)
	})
	series(`queue_length{pod="grows",zone="b"}`, time.Hour, -ahead, func(age time.Duration) float64 { return 3600 - age.Seconds() })
	family("ended")
	series(`ended{pod="x"}`, time.Hour, 25*time.Minute, noise)
	family("stopped")
	series(`stopped{pod="x"}`, time.Hour, 8*time.Minute, noise)
	family("young")
	series(`young{pod="x"}`, 5*time.Minute, -ahead, noise)
	family("nothing")
	series(`nothing{pod="x"}`, time.Hour, -ahead, func(time.Duration) float64 { return math.NaN() })
	family("many")
	for i := range 60 {
		series(fmt.Sprintf(`many{pod="p%02d"}`, i), 2*time.Minute, -ahead, func(time.Duration) float64 { return float64(i) })
	}
	return text.String()
}

func observe(t *testing.T, inputs map[string]any) (Prometheus, engine.Observation) {
	t.Helper()
	return checktest.Observe[Prometheus](t, New(nil).Prometheus(), inputs)
}

// at runs the check as of an incident of an age.
func observeAt(t *testing.T, age time.Duration, inputs map[string]any) (Prometheus, engine.Observation) {
	t.Helper()
	d, err := New(nil).Prometheus().Definition()
	if err != nil {
		t.Fatal(err)
	}
	in, faults := d.In.Decode(inputs)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	o := engine.Local("test")(t.Context(), engine.Request{
		Step: "step", Check: d, Input: in, Timeout: checktest.Timeout,
		Incident: engine.Incident{Onset: time.Now().Add(-age), AgeSeconds: age.Seconds()},
	})
	out, is := o.Output.(Prometheus)
	if !is {
		t.Fatalf("%s: %s", o.Status, o.Reason)
	}
	return out, o
}

func about(got, want, within float64) bool { return math.Abs(got-want) <= within }

func TestPrometheus(t *testing.T) {
	now := time.Now().Truncate(5 * time.Second)
	server := prometheustest.Start(t, prometheustest.Options{History: history(now)})
	ask := func(query string) map[string]any { return map[string]any{"url": server.URL, "query": query} }

	t.Run("conforms", func(t *testing.T) { checktest.Run(t, New(nil).Prometheus(), ask("queue_length")) })

	t.Run("series", func(t *testing.T) {
		in := ask("queue_length")
		in["by"] = []string{"pod"}
		in["since"] = "20m"
		o, seen := observe(t, in)
		if o.Outcome != reach.OK || o.SeriesCount != 3 || len(o.Series) != 3 || len(o.By) != 3 {
			t.Fatalf("got %+v", o)
		}
		level, stepped, grows := o.By["level"], o.By["stepped"], o.By["grows"]
		if o.Series[0].Name != "grows" || level.Labels["zone"] != "a" || level.Labels["__name__"] != "queue_length" {
			t.Errorf("got %+v", o.Series)
		}
		if w := level.Window; w.Samples != 80 || w.Min != 10 || w.Max != 12 || !about(w.Mean, 11, 0.2) || w.P50 != 11 || w.P95 != 12 || !about(w.SlopePerSecond, 0, 0.001) {
			t.Errorf("level: %+v", w)
		}
		if level.Stepped || !about(level.Deviation, 0, 1.5) || !about(level.ChangePercent, 0, 5) {
			t.Errorf("level: %+v", level)
		}
		if w := grows.Window; !about(w.SlopePerSecond, 1, 0.02) || !about(grows.Last, 3600+time.Since(now).Seconds(), 40) || grows.Stepped {
			t.Errorf("grows: %+v", grows)
		}
		if !stepped.Stepped || len(o.Steps) != 1 {
			t.Fatalf("stepped: %+v, steps %+v", stepped, o.Steps)
		}
		step := o.Steps[0]
		if step.Name != "stepped" || step.From != 21 || step.To != 51 || !about(now.Sub(step.At).Seconds(), 600, 16) || step.Score < 3 {
			t.Errorf("step: %+v", step)
		}
		if stepped.Deviation < 10 || stepped.ChangePercent < 50 {
			t.Errorf("stepped: %+v", stepped)
		}
		for _, path := range []string{"value", "single", "missing_metrics", "steps[0].before_onset_seconds"} {
			if !checktest.HasUnread(seen, path) {
				t.Errorf("%s is not unread", path)
			}
		}
		if seen.Status != engine.Observed {
			t.Errorf("got %s: %+v", seen.Status, seen.Unread)
		}
	})

	t.Run("onset", func(t *testing.T) {
		in := ask(`queue_length{pod="stepped"}`)
		since := time.Since(now).Seconds()
		o, _ := observeAt(t, 9*time.Minute, in)
		if len(o.Steps) != 1 || !about(o.Steps[0].BeforeOnsetSeconds, 60+since, 16) || !about(o.To.Sub(o.From).Seconds(), 14*60, 15) {
			t.Errorf("got %+v", o)
		}
	})

	t.Run("single agrees with promtool", func(t *testing.T) {
		for _, query := range []string{`queue_length{pod="grows"}`, `sum(queue_length)`, `scalar(sum(queue_length{pod!="grows"})) * 2`} {
			o, _ := observe(t, ask(query))
			if o.Outcome != reach.OK || o.SeriesCount != 1 || o.Value != o.Single.Last {
				t.Fatalf("%s: got %+v", query, o)
			}
			want := promtool(t, server.URL, query, o.To)
			if !about(o.Value, want, 1e-9*math.Abs(want)) {
				t.Errorf("%s: got %v, want %v", query, o.Value, want)
			}
			in := ask(query)
			in["instant"] = true
			if o, seen := observe(t, in); o.Outcome != reach.OK || !checktest.HasUnread(seen, "single.before") {
				t.Errorf("%s: instant: got %+v", query, o)
			}
		}
	})

	t.Run("samples", func(t *testing.T) {
		in := ask(`queue_length{pod="level"}[5m]`)
		in["instant"] = true
		o, _ := observe(t, in)
		if o.Outcome != reach.OK || o.SeriesCount != 1 || o.Single.Window.Samples < 55 || o.Single.Window.Max != 12 {
			t.Errorf("got %+v", o)
		}
	})

	t.Run("empty", func(t *testing.T) {
		o, seen := observe(t, ask("queue_length > 1e9"))
		if o.Outcome != Empty || len(o.MissingMetrics) != 0 || checktest.HasUnread(seen, "series") || seen.Status != engine.Observed {
			t.Errorf("got %+v, %+v", o, seen)
		}
	})
	t.Run("no metric", func(t *testing.T) {
		o, seen := observe(t, ask(`sum by (pod) (rate(queue_size{pod="x"}[5m])) > 3`))
		if o.Outcome != NoMetric || !slices.Equal(o.MissingMetrics, []string{"queue_size"}) || !checktest.HasUnread(seen, "series") || seen.Status != engine.Partial {
			t.Errorf("got %+v, %+v", o, seen)
		}
	})
	t.Run("stale", func(t *testing.T) {
		o, seen := observe(t, ask("stopped"))
		if o.Outcome != Stale || o.GoneCount != 1 || o.Series[0].State != stateGone || !checktest.HasUnread(seen, "value") || o.Series[0].LastAgeSeconds < 150 {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("ended", func(t *testing.T) {
		o, _ := observe(t, ask("ended or young"))
		if o.Outcome != reach.OK || !slices.Equal(o.Ended, []string{`ended{pod="x"}`}) || o.SeriesCount != 1 || !o.Single.New {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("not a number", func(t *testing.T) {
		o, seen := observe(t, ask("nothing"))
		if o.Outcome != reach.OK || o.Single.Window.Samples != 0 || o.Single.Window.NotFinite == 0 ||
			!checktest.HasUnread(seen, "value") || !checktest.HasUnread(seen, "single.window.mean") {
			t.Errorf("got %+v, %+v", o, seen.Unread)
		}
	})
	t.Run("many", func(t *testing.T) {
		in := ask("many")
		in["by"] = []string{"pod"}
		o, seen := observe(t, in)
		if o.SeriesCount != 60 || len(o.Series) != maxSeries || o.Series[0].Last != 59 || !checktest.HasUnread(seen, "series") || !checktest.HasUnread(seen, "by") {
			t.Errorf("got %d of %d series", len(o.Series), o.SeriesCount)
		}
	})
	t.Run("by is not unique", func(t *testing.T) {
		in := ask("queue_length")
		in["by"] = []string{"zone"}
		o, seen := observe(t, in)
		if _, have := o.By["a"]; have || o.By["b"].Last == 0 || !checktest.HasUnread(seen, "by") {
			t.Errorf("got %+v", o.By)
		}
	})
	t.Run("match", func(t *testing.T) {
		in := ask("queue_length{$match}")
		in["match"] = map[string]string{"pod": "level"}
		if o, _ := observe(t, in); o.SeriesCount != 1 || o.Query != `queue_length{pod="level"}` {
			t.Errorf("got %+v", o)
		}
		for _, hostile := range []string{`level"} or vector(1) #`, "level\"}\nor vector(1)", `\`, `.*`, "“level”\x1b"} {
			in["match"] = map[string]string{"pod": hostile}
			if o, _ := observe(t, in); o.Outcome != Empty {
				t.Errorf("%q: got %+v", hostile, o)
			}
		}
	})
	t.Run("bad query", func(t *testing.T) {
		o, seen := observe(t, ask("sum by (pod) (rate(queue_length[5m])"))
		if o.Outcome != BadQuery || !strings.Contains(o.Error, "1:37") || !checktest.HasUnread(seen, "series") {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("a text", func(t *testing.T) {
		in := ask(`"a"`)
		in["instant"] = true
		if o, _ := observe(t, in); o.Outcome != BadQuery {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("no such path", func(t *testing.T) {
		if o, _ := observe(t, map[string]any{"url": server.URL + "/elsewhere", "query": "up"}); o.Outcome != NotFound {
			t.Errorf("got %+v", o)
		}
	})

	t.Run("a target that dies", func(t *testing.T) {
		exporter, target := prometheustest.NodeExporter(t)
		server := prometheustest.Start(t, prometheustest.Options{Scrape: []string{target}})
		in := map[string]any{"url": server.URL, "query": "node_load1", "resolution": "1s", "since": "1m"}
		within(t, func() bool { o, _ := observe(t, in); return o.Outcome == reach.OK })
		if o, _ := observe(t, in); !o.Single.New && o.Single.Before.Samples == 0 {
			t.Errorf("got %+v", o)
		}
		exporter.Kill()
		within(t, func() bool { o, _ := observe(t, in); return o.Outcome == Stale })
		in["query"] = `up{job="test"}`
		within(t, func() bool { o, _ := observe(t, in); return o.Outcome == reach.OK && o.Value == 0 })
	})

	t.Run("paused", func(t *testing.T) {
		server.Pause()
		in := ask("up")
		in["timeout"] = "1s"
		if o, seen := observe(t, in); o.Outcome != reach.TimedOut || !checktest.HasUnread(seen, "series") {
			t.Errorf("got %+v", o)
		}
		server.Resume()
	})
	t.Run("killed", func(t *testing.T) {
		server.Kill()
		if o, seen := observe(t, ask("up")); o.Outcome != reach.RefusedByIt || !checktest.HasUnread(seen, "value") {
			t.Errorf("got %+v", o)
		}
	})
}

// within waits until something holds.
func within(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(checktest.Timeout); time.Now().Before(end); <-tick.C {
		if holds() {
			return
		}
	}
	t.Fatal("it does not come")
}

// promtool gives what Prometheus's own client says.
func promtool(t *testing.T, url, query string, at time.Time) float64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "promtool", "query", "instant", "-o", "json", "--time", at.Format(time.RFC3339Nano), url, query).Output()
	if err != nil {
		t.Fatal(err)
	}
	var vector []found
	if json.Unmarshal(out, &vector) == nil && len(vector) == 1 {
		return vector[0].Value.value
	}
	var scalar sample
	if err := json.Unmarshal(out, &scalar); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return scalar.value
}

// TestPrometheusAccess: who may not ask, and a server with limits of its own.
func TestPrometheusAccess(t *testing.T) {
	dir := t.TempDir()
	root := nginxtest.Authority(t, nil, "root", 10*nginxtest.Day)
	certificate := filepath.Join(dir, "server.pem")
	nginxtest.Issue(t, root, nil).Write(t, certificate)
	server := prometheustest.Start(t, prometheustest.Options{
		Scheme: "https",
		WebConfig: fmt.Sprintf("tls_server_config: { cert_file: %q, key_file: %q }\n", certificate, certificate) +
			"basic_auth_users: { gumshoe: $2y$04$G49PI.h6ltm/qs/GWqE3t.R99Cz95oOvCYNCEtNOq5cbYoiYBH3ea }\n",
		Flags: []string{"--query.max-samples=3"},
	})
	for _, tt := range []struct {
		name  string
		in    map[string]any
		want  reach.Outcome
		error string
	}{
		{"all is well", map[string]any{"user": "gumshoe", "password": "prom-pw", "query": "vector(1)", "instant": true}, reach.OK, ""},
		{"in the URL", map[string]any{"url": strings.Replace(server.URL, "://", "://gumshoe:prom-pw@", 1), "query": "vector(1)", "instant": true}, reach.OK, ""},
		{"another password", map[string]any{"user": "gumshoe", "password": "guess"}, reach.AuthFailed, ""},
		{"a token", map[string]any{"token": "guess"}, reach.AuthFailed, ""},
		{"nobody", nil, reach.AuthFailed, ""},
		{"too many samples", map[string]any{"user": "gumshoe", "password": "prom-pw", "query": "vector(1)"}, TooExpensive, "too many samples"},
		{"another authority", map[string]any{"ca_file": ""}, reach.TLSFailed, "authority"},
		{"another name", map[string]any{"server_name": "db1"}, reach.TLSFailed, "db1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := map[string]any{"url": server.URL, "query": "up", "ca_file": root.File(t)}
			maps.Copy(in, tt.in)
			o, seen := observe(t, in)
			if o.Outcome != tt.want || !strings.Contains(o.Error, tt.error) {
				t.Errorf("got %s: %s", o.Outcome, o.Error)
			}
			if text := fmt.Sprint(o, seen.Unread, seen.Excerpts, seen.Reproduce); strings.Contains(text, "prom-pw") || strings.Contains(text, "guess") {
				t.Errorf("shows a secret: %s", text)
			}
		})
	}
}

// TestPrometheusSlow: the server gives up before we do.
func TestPrometheusSlow(t *testing.T) {
	server := prometheustest.Start(t, prometheustest.Options{Flags: []string{"--query.timeout=1ms"}})
	o, _ := observe(t, map[string]any{
		"url": server.URL, "resolution": "1s", "since": "30m",
		"query": `count_values("v", label_replace(vector(time()), "a", "$1", "b", "(.*)"))` + strings.Repeat(" or vector(1)", 200),
	})
	if o.Outcome != BadQuery && o.Outcome != QueryTimedOut { // $1 is nothing to us, in a string
		t.Errorf("got %s: %s", o.Outcome, o.Error)
	}
	if o.Outcome != QueryTimedOut {
		t.Errorf("got %s: %s", o.Outcome, o.Error)
	}
}

// TestPrometheusStrange: what answers is not Prometheus, or not well.
func TestPrometheusStrange(t *testing.T) {
	answers := func(status int, contentType, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			if status == http.StatusFound {
				w.Header().Set("Location", "https://login.example.com/?next=x")
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	says := func(handle func(net.Conn)) string { return "http://" + checktest.Peer(t, handle) }
	for _, tt := range []struct {
		name, url string
		want      reach.Outcome
		error     string
	}{
		{"starting", answers(503, "text/plain", "Service Unavailable"), NotReady, "503"},
		{"login page", answers(302, "text/html", ""), Redirected, "login.example.com"},
		{"page", answers(200, "text/html", "<html>"), reach.ProtocolError, "not that of Prometheus"},
		{"another API", answers(200, "application/json", `{"ok":true}`), reach.ProtocolError, "not that of Prometheus"},
		{"forbidden", answers(403, "text/plain", "no"), reach.NoPermission, ""},
		{"tenant", answers(401, "text/plain", "no org id"), reach.AuthFailed, ""},
		{"limited", answers(429, "application/json", `{"status":"error","errorType":"too_many_requests","error":"slow down"}`), TooExpensive, "slow down"},
		{"broken", answers(500, "application/json", `{"status":"error","errorType":"internal","error":"disk"}`), QueryFailed, "disk"},
		{"strange result", answers(200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1]]}]}}`), reach.ProtocolError, "cannot be read"},
		{
			"histograms", answers(200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{"count":"1"}]]}]}}`),
			BadQuery, "histogram_quantile",
		},
		{"closes", says(func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)); c.Close() }), reach.Closed, ""},
		{"greets", says(func(c net.Conn) { _, _ = io.WriteString(c, "220 mail ESMTP\r\n") }), reach.ProtocolError, "does not speak HTTP"},
		{"hangs", says(func(net.Conn) {}), reach.TimedOut, ""},
		{"without end", says(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096)) // an answer before the question is none
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
			line := []byte(strings.Repeat(" ", 1<<16))
			for {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		}), reach.ProtocolError, "more than 16 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "20s"
			if tt.want == reach.TimedOut {
				timeout = "2s"
			}
			o, seen := observe(t, map[string]any{"url": tt.url, "query": "up", "timeout": timeout})
			if o.Outcome != tt.want || !strings.Contains(o.Error, tt.error) || !checktest.HasUnread(seen, "series") {
				t.Errorf("got %s: %s", o.Outcome, o.Error)
			}
		})
	}
}

// TestPrometheusWarns: what a part of the servers did not give makes the list
// incomplete; advice on the query does not.
func TestPrometheusWarns(t *testing.T) {
	for warning, incomplete := range map[string]bool{
		"fetch series for {} : store 10.0.0.1 unavailable":                             true,
		`PromQL info: metric might not be a counter, name does not end in _total "up"`: false,
	} {
		body, err := json.Marshal(map[string]any{"status": "success", "warnings": []string{warning}, "data": map[string]any{
			"resultType": "vector", "result": []any{map[string]any{"metric": map[string]string{}, "value": []any{1, "1"}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
		t.Cleanup(s.Close)
		o, seen := observe(t, map[string]any{"url": s.URL, "query": "up", "instant": true})
		if o.Outcome != reach.OK || checktest.HasUnread(seen, "series") != incomplete || len(o.Warnings) != 1 {
			t.Errorf("%s: got %+v", warning, seen.Unread)
		}
	}
}

func TestExpand(t *testing.T) {
	match := map[string]string{"pod": `a"b\`, "job": "x"}
	for query, want := range map[string]string{
		`up{$match}`: `up{job="x",pod="a\"b\\"}`,
		`rate(a{code=~"5..",$match}[5m]) / b{$match}`: `rate(a{code=~"5..",job="x",pod="a\"b\\"}[5m]) / b{job="x",pod="a\"b\\"}`,
		`up{a="$match"}`:                         "does not say where",
		"up # $match":                            "does not say where",
		`up{$match} + rate(x[$__rate_interval])`: "Grafana",
		`up{$match} + $other`:                    "column 14: $other",
		`up{a='$',$match}`:                       `up{a='$',job="x",pod="a\"b\\"}`,
	} {
		got, err := expand(query, match)
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	for _, match := range []map[string]string{{"a b": "x"}, {"a": ""}, {"a": "\xff"}} {
		if _, err := expand("up{$match}", match); err == nil {
			t.Errorf("%q passes", match)
		}
	}
	if _, err := expand("up{$match}", nil); err == nil {
		t.Error("nothing to match passes")
	}
}

// FuzzExpand: a value is nothing but a value.
func FuzzExpand(f *testing.F) {
	f.Add(`rate(a{code=~"5..",$match}[5m])`, `x"} or vector(1) #`)
	f.Add("a{$match} # b\n+ c{d='\\''}", "`")
	f.Fuzz(func(t *testing.T, query, value string) {
		plain, err := expand(query, map[string]string{"l": "v"})
		if err != nil {
			return
		}
		got, err := expand(query, map[string]string{"l": value})
		if err != nil {
			return
		}
		texts := func(query string) (all []string) {
			for _, w := range words(query) {
				all = append(all, w.text)
			}
			return all
		}
		if !slices.Equal(texts(got), texts(plain)) {
			t.Errorf("%q with %q: got %q", query, value, got)
		}
		metricNames(got)
	})
}

func TestMetricNames(t *testing.T) {
	for query, want := range map[string]string{
		`up`: "up",
		`sum by (pod) (rate(http_requests_total{code=~"5..", job="a"}[5m])) / sum(rate(all:requests[5m:1m] offset 5m)) by (pod)`: "http_requests_total all:requests",
		`a / on (x, y) group_left (z) b and c unless bool(d) > bool 5 + Inf`:                                                     "a b c d",
		`histogram_quantile(0.9, sum without (a) (x_bucket @ end()))`:                                                            "x_bucket",
		`{__name__="x"} or vector(0) # comment y`:                                                                                "",
		`"text" + 'a' + 0x1f + 1e3`:                                                                                              "",
	} {
		if got := strings.Join(metricNames(query), " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		in         PrometheusInput
		age        time.Duration
		window     time.Duration
		resolution time.Duration
	}{
		{PrometheusInput{Since: 15 * time.Minute}, 0, 15 * time.Minute, 15 * time.Second},
		{PrometheusInput{Since: 15 * time.Minute}, 31 * time.Minute, 36 * time.Minute, 15 * time.Second},
		{PrometheusInput{Since: 24 * time.Hour}, 0, 24 * time.Hour, 6 * time.Minute},
		{PrometheusInput{Since: time.Minute, Resolution: 7 * time.Second}, 0, 63 * time.Second, 7 * time.Second},
	} {
		got, err := tt.in.span(engine.Incident{Onset: now.Add(-tt.age), AgeSeconds: tt.age.Seconds()}, now)
		if err != nil || got.to.Sub(got.from) != tt.window || got.from.Sub(got.before) != tt.window || got.resolution != tt.resolution || !got.to.Equal(now) {
			t.Errorf("%+v: got %+v, %v", tt, got, err)
		}
	}
	if _, err := (PrometheusInput{Since: time.Hour, Resolution: time.Second}).span(engine.Incident{}, now); err == nil {
		t.Error("3,600 values pass")
	}
}

// BenchmarkRead reads and judges 50 series of 481 values.
func BenchmarkRead(b *testing.B) {
	now := time.Now()
	at, err := (PrometheusInput{Since: time.Hour}).span(engine.Incident{}, now)
	if err != nil {
		b.Fatal(err)
	}
	body := matrix(50, at)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		series, _, outcome, text := read(answered(body))
		if outcome != reach.OK {
			b.Fatal(text)
		}
		for _, s := range series {
			judge(s, at, nil)
		}
	}
}

// matrix is an answer with series over both windows.
func matrix(count int, at span) []byte {
	var text strings.Builder
	text.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
	for i := range count {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"metric":{"__name__":"m","pod":"p%d"},"values":[`, i)
		for t := at.before; !t.After(at.to); t = t.Add(at.resolution) {
			if t.After(at.before) {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, `[%s,"%d"]`, unix(t), t.Unix()%7)
		}
		text.WriteString("]}")
	}
	text.WriteString("]}}")
	return []byte(text.String())
}

func answered(body []byte) webapi.Answer {
	return webapi.Answer{Outcome: reach.OK, Status: http.StatusOK, Body: body}
}
