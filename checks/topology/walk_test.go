package topology

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
	"gumshoe/engine/load"
	"gumshoe/engine/source"
)

// look is a check of the tests: its outcome is what the address says.
type lookIn struct {
	Address string        `json:"address"`
	Takes   time.Duration `json:"takes"`
	Pass    engine.Secret `json:"pass"`
}

type lookOut struct {
	Outcome        string  `json:"outcome" expr:"outcome" enum:"fine,sick,refused,timed_out,unreachable,name_failed"`
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
}

func registry(t testing.TB) *engine.Registry {
	t.Helper()
	r, err := engine.NewRegistry(nil, engine.Check[lookIn, lookOut]{
		Name: "fake.look", Doc: "Looks.", Cost: time.Millisecond, Plan: planLook,
		Target:    func(in lookIn) string { return in.Address },
		Summarize: func(o lookOut) string { return "it is " + o.Outcome },
		Run: func(ctx context.Context, call *engine.Call, in lookIn) (lookOut, error) {
			select {
			case <-time.After(in.Takes):
			case <-ctx.Done():
				return lookOut{}, ctx.Err()
			}
			_, port, _ := net.SplitHostPort(in.Address)
			if port == "9" {
				return lookOut{}, engine.Blind("no permission", "grant it", nil)
			}
			outcome := []string{"fine", "sick", "refused", "timed_out", "unreachable", "name_failed"}[port[0]-'0']
			if outcome == "refused" || outcome == "unreachable" || outcome == "name_failed" || port == "31" {
				call.Unread("connect_seconds", "there was no connection", "")
			}
			return lookOut{Outcome: outcome, ConnectSeconds: 1}, nil
		},
	}, engine.Check[struct{}, struct {
		Level float64 `json:"level" expr:"level"`
	}]{
		Name: "fake.level", Doc: "Has no outcome.", Cost: time.Millisecond,
		Plan: func(struct{}) []engine.Touch { return nil },
		Summarize: func(struct {
			Level float64 `json:"level" expr:"level"`
		}) string {
			return ""
		},
		Run: func(context.Context, *engine.Call, struct{}) (o struct {
			Level float64 `json:"level" expr:"level"`
		}, err error) {
			o.Level = 5
			return o, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func planLook(in lookIn) []engine.Touch {
	return []engine.Touch{{Kind: engine.TouchNetwork, What: in.Address + " tcp", How: "connect"}}
}

// declared reads services as they stand in gumshoe.yaml.
func declared(t testing.TB, text string) []*engine.Service {
	t.Helper()
	services, faults := read(t, text)
	if err := faults.Err(); err != nil {
		t.Fatal(faults)
	}
	return services
}

func read(t testing.TB, text string) ([]*engine.Service, source.Faults) {
	t.Helper()
	var faults source.Faults
	node, ok := source.Parse("gumshoe.yaml", []byte(text), &faults)
	if !ok {
		t.Fatal(faults)
	}
	return (&load.Loader{Registry: registry(t)}).Services(node.Field("services"))
}

// fixed gives services that were declared before the check was made.
func fixed(services []*engine.Service) func() []*engine.Service {
	return func() []*engine.Service { return services }
}

func probe(port string) string {
	return `{ check: fake.look, with: { address: "h` + port[:1] + `:` + port + `" } }`
}

func walk(t *testing.T, text string, names ...string) (Walk, engine.Observation) {
	t.Helper()
	return checktest.Observe[Walk](t, New(fixed(declared(t, text)), engine.Local("test")).Walk(), map[string]any{"services": names})
}

func TestWalkConforms(t *testing.T) {
	services := declared(t, "services:\n  shop: { depends_on: [db], probe: "+probe("1")+" }\n  db: { probe: { check: fake.look, with: { address: \"a:3\", takes: 50ms } } }\n")
	checktest.Run(t, New(fixed(services), engine.Local("test")).Walk(), map[string]any{})
}

func TestWalk(t *testing.T) {
	got, o := walk(t, `
services:
  shop: { owner: web, critical: true, depends_on: [orders, { service: search, optional: true }, cdn], probe: `+probe("1")+` }
  orders: { depends_on: [db], probes: [`+probe("0")+`, `+probe("1")+`] }
  db: { probe: `+probe("2")+` }
  search: { probe: `+probe("31")+` }
  billing: { depends_on: [ledger], probe: `+probe("3")+` }
  ledger: { depends_on: [billing], probe: `+probe("0")+` }
  level: { probe: { check: fake.level, healthy: probe.level > 5 } }
  cdn:
`)
	if want := []string{"db", "billing", "level", "search"}; !slices.Equal(got.Suspects, want) {
		t.Errorf("suspects %v, want %v", got.Suspects, want)
	}
	if got.Probed != 7 || got.Failing != 6 || got.Healthy != 1 || got.Unknown != 0 || got.Silent != 1 {
		t.Errorf("probed %d, failing %d, healthy %d, unknown %d, silent %d", got.Probed, got.Failing, got.Healthy, got.Unknown, got.Silent)
	}
	var states []string
	for _, s := range got.Services {
		states = append(states, s.State)
	}
	if want := "echo echo down silent unwell healthy unwell not_probed"; strings.Join(states, " ") != want {
		t.Errorf("states %s, want %s", strings.Join(states, " "), want)
	}
	shop, db, search, billing, cdn := got.Services[0], got.Services[2], got.Services[3], got.Services[4], got.Services[7]
	if !slices.Equal(shop.Causes, []string{"db"}) || !shop.Answers || shop.Suspect || shop.Owner != "web" || !slices.Equal(shop.DependsOn, []string{"orders", "search", "cdn"}) {
		t.Errorf("shop: %+v", shop)
	}
	if db.Answers || db.Silent || !db.Certain || db.Dependents != 2 || !slices.Equal(db.Affected, []string{"shop", "orders"}) || db.Outcome != "refused" {
		t.Errorf("db: %+v", db)
	}
	if !search.Silent || search.Answers {
		t.Errorf("search: %+v, want silent", search)
	}
	if billing.Silent || !billing.Answers {
		t.Errorf("billing connects and does not answer: %+v", billing)
	}
	if cdn.Status != "not_probed" || len(o.Unread) > 0 {
		t.Errorf("cdn: %+v, unread %v", cdn, o.Unread)
	}
	if len(got.Circles) != 1 || !slices.Equal(got.Circles[0].Services, []string{"billing", "ledger"}) || got.Circles[0].Failing != 1 {
		t.Errorf("circles: %+v", got.Circles)
	}
	var hosts []string
	for _, h := range got.Hosts {
		hosts = append(hosts, strings.TrimSpace(fmt.Sprintln(h.Host, h.Services, h.Failing, h.Silent)))
	}
	if want := "h1 [shop orders] 2 0 h0 [orders ledger] 1 0 h2 [db] 1 0 h3 [search billing] 2 1"; strings.Join(hosts, " ") != want {
		t.Errorf("hosts %s, want %s", strings.Join(hosts, " "), want)
	}
	if want := "6 of 7 services fail, beginning at db, billing, level and 1 more"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func TestWalkSome(t *testing.T) {
	const text = "services:\n  a: { depends_on: [b], probe: { check: fake.look, with: { address: \"h:1\" } } }\n  b: { depends_on: [c] }\n  c:\n  other:\n"
	got, _ := walk(t, text, "b")
	var names []string
	for _, s := range got.Services {
		names = append(names, s.Name)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(names, want) {
		t.Errorf("looked at %v, want %v", names, want)
	}
	o := checktest.Look(t, New(fixed(declared(t, text)), engine.Local("test")).Walk(), map[string]any{"services": []string{"d"}})
	if o.Status != engine.Failed || !strings.Contains(o.Reason, `"d"`) || o.Fix == "" {
		t.Errorf("an unknown service: %s, %s", o.Reason, o.Fix)
	}
}

// TestWalkBlind: what we could not look at is unknown, and nobody is healthy or
// blamed for it.
func TestWalkBlind(t *testing.T) {
	if o := checktest.Look(t, Topology{}.Walk(), nil); o.Status != engine.Failed || !strings.Contains(o.Fix, "services:") {
		t.Errorf("without services: %s, %s", o.Reason, o.Fix)
	}
	got, o := walk(t, "services:\n  a: { depends_on: [b], probe: "+probe("0")+" }\n  b: { probe: "+probe("9")+" }\n"+
		"  c: { probe: { check: fake.look, with: { address: \"h:0\", pass: { secret: env:GUMSHOE_NOT_SET } } } }\n")
	if got.Unknown != 2 || got.Services[1].Status != "unknown" || got.Services[1].Summary != "no permission" {
		t.Errorf("got %+v", got)
	}
	for _, path := range []string{"services[1].status", "services[2].status", "failing", "suspects"} {
		if !checktest.HasUnread(o, path) {
			t.Errorf("%s is not unread", path)
		}
	}
	if !strings.Contains(fmt.Sprint(o.Unread), "GUMSHOE_NOT_SET") || !strings.Contains(fmt.Sprint(o.Unread), "grant it") {
		t.Errorf("unread: %v", o.Unread)
	}
}

// TestWalkTimeout: a probe that is given up on is unknown, and holds nobody up.
func TestWalkTimeout(t *testing.T) {
	services := declared(t, "services:\n  slow: { probe: { check: fake.look, with: { address: \"h:0\", takes: 20s } } }\n  a: { probe: "+probe("1")+" }\n")
	got, o := checktest.Observe[Walk](t, New(fixed(services), engine.Local("test")).Walk(), map[string]any{"timeout": "2s"})
	if got.Services[0].Status != "unknown" || !strings.Contains(got.Services[0].Summary, "2s") || !slices.Equal(got.Suspects, []string{"a"}) {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

func TestServicesBad(t *testing.T) {
	for text, want := range map[string]string{
		"services: { Shop: }":                                                                  `1:13: service "Shop": a name is`,
		"services: { a: { depends_on: [bc] }, bb: }":                                           `1:31: service a depends on "bc", which is not declared; did you mean "bb"?`,
		"services: { a: { depends_on: [a] } }":                                                 "1:31: service a depends on itself",
		"services: { a: { depends_on: [b, b] }, b: }":                                          "1:34: service a depends on b twice",
		"services: { a: { depends: b } }":                                                      `unknown key "depends"; did you mean "depends_on"?`,
		"services: { a: { probe: { check: fake.lok } } }":                                      `unknown check "fake.lok"; did you mean "fake.look"?`,
		"services: { a: { probe: { check: fake.look, with: { adddress: h } } } }":              `no input "adddress"; did you mean "address"?`,
		"services: { a: { probe: { check: fake.level } } }":                                    "fake.level has no outcome to tell health by",
		"services: { a: { probe: { check: fake.level, healthy: probe.levl > 1 } } }":           "levl",
		"services: { a: { probe: { check: fake.look, healthy: probe.outcome == \"good\" } } }": "good",
		"services: { a: { probe: { check: fake.look, with: { address: \"${inputs.x}\" } } } }": "inputs",
		"services: { a: { probe: { check: fake.look }, probes: [] } }":                         `give either "probe" or "probes"`,
		"services: { a: { probe: { check: fake.look, with: { pass: { secret: x } } } } }":      "env:NAME or file:PATH",
		"services: 5": "",
	} {
		services, faults := read(t, text)
		if services != nil || faults.Err() == nil || !strings.Contains(faults.Err().Error(), want) {
			t.Errorf("%s: got %v, want %q", text, faults.Err(), want)
		}
	}
}

// TestWalkPlan: what a walk would touch is what its probes would.
func TestWalkPlan(t *testing.T) {
	services := declared(t, "services:\n  a: { probe: "+probe("1")+" }\n  b: { probe: "+probe("1")+" }\n")
	d, err := New(fixed(services), engine.Local("test")).Walk().Definition()
	if err != nil {
		t.Fatal(err)
	}
	if touches := d.Plan(WalkInput{}); len(touches) != 1 || touches[0].What != "h1:1 tcp" {
		t.Errorf("plan %+v", touches)
	}
}

// TestWalkOfItself: a service that is looked at by a walk of all services, itself
// among them, is not looked at: that would never end.
func TestWalkOfItself(t *testing.T) {
	var services []*engine.Service
	late := func() []*engine.Service { return services } // they name the check that is made of them
	r, err := engine.NewRegistry(nil, New(late, engine.Local("test")).Walk())
	if err != nil {
		t.Fatal(err)
	}
	var faults source.Faults
	node, ok := source.Parse("gumshoe.yaml", []byte("services: { all: { probe: { check: topology.walk, healthy: probe.failing == 0 } } }"), &faults)
	if !ok {
		t.Fatal(faults)
	}
	if services, faults = (&load.Loader{Registry: r}).Services(node.Field("services")); faults.Err() != nil {
		t.Fatal(faults)
	}
	walk := New(late, engine.Local("test")).Walk()
	got, o := checktest.Observe[Walk](t, walk, nil)
	if got.Unknown != 1 || got.Failing != 0 || !checktest.HasUnread(o, "services[0].status") || o.Unread[0].Fix != "give it a probe of its own at gumshoe.yaml:1:27" {
		t.Errorf("got %+v, unread %+v", got, o.Unread)
	}
	d, err := walk.Definition()
	if err != nil {
		t.Fatal(err)
	}
	if touches := d.Plan(WalkInput{}); len(touches) != 0 {
		t.Errorf("plan %+v, want nothing", touches)
	}
}

// TestWalkReadsSecretsOnce: a secret that can be read once is enough to look, and to
// know where.
func TestWalkReadsSecretsOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	services := declared(t, `services: { a: { probe: { check: fake.look, with: { address: "h:0", pass: { secret: "file:`+file+`" } } } } }`)
	observe := func(ctx context.Context, r engine.Request) engine.Observation {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
		return engine.Local("test")(ctx, r)
	}
	got, o := checktest.Observe[Walk](t, New(fixed(services), observe).Walk(), nil)
	if got.Healthy != 1 || len(got.Hosts) != 1 || got.Hosts[0].Host != "h" {
		t.Errorf("got %+v, unread %+v", got, o.Unread)
	}
}

// BenchmarkWalk looks at 200 services that answer after 20 ms each, but for one
// that takes 200 ms: all together should take little longer than that one.
func BenchmarkWalk(b *testing.B) {
	const slowest = 200 * time.Millisecond
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		pause := slowest / 10
		if r.URL.Path == "/0" {
			pause = slowest
		}
		time.Sleep(pause)
	}))
	defer server.Close()
	get := func(ctx context.Context, r engine.Request) engine.Observation {
		started := time.Now()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/"+r.Input.(lookIn).Address[2:], nil)
		if err != nil {
			b.Error(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			b.Error(err)
			return engine.Observation{Status: engine.Failed, Reason: err.Error()}
		}
		response.Body.Close()
		return engine.Observation{Status: engine.Observed, Output: lookOut{Outcome: "fine"}, Elapsed: time.Since(started)}
	}
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range 200 {
		fmt.Fprintf(&text, "  s%d: { probe: { check: fake.look, with: { address: \"h:%d\" } } }\n", i, i)
	}
	t := New(fixed(declared(b, text.String())), get)
	for b.Loop() {
		if _, err := t.walk(b.Context(), &engine.Call{}, WalkInput{Timeout: time.Minute}); err != nil {
			b.Fatal(err)
		}
	}
	each := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(100*(each/slowest.Seconds()-1), "%over-slowest")
	b.ReportMetric(200, "targets")
}
