package expression_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

type cpu struct {
	UsedPercent float64   `json:"used_percent" expr:"used_percent"`
	Cores       int       `json:"cores" expr:"cores"`
	PerCore     []float64 `json:"per_core_percent" expr:"per_core_percent"`
	Model       string    `json:"model" expr:"model"`
	Virtual     bool      `json:"virtual" expr:"virtual"`
	Boot        time.Time `json:"boot" expr:"boot"`
}

type db struct {
	Outcome           string  `json:"outcome" expr:"outcome" enum:"connected,refused,timed_out"`
	Connections       int     `json:"connections" expr:"connections"`
	MaxConnections    int     `json:"max_connections" expr:"max_connections"`
	IdleInTransaction int     `json:"idle_in_transaction" expr:"idle_in_transaction"`
	ConnectSeconds    float64 `json:"connect_seconds" expr:"connect_seconds"`
}

type process struct {
	Name   string `json:"name" expr:"name"`
	Memory uint64 `json:"memory_bytes" expr:"memory_bytes"`
	State  string `json:"state" expr:"state" enum:"running, sleeping, zombie"`
}

type mount struct {
	Path      string    `json:"path" expr:"path"`
	Used      float64   `json:"used_percent" expr:"used_percent"`
	Inodes    float64   `json:"inodes_used_percent" expr:"inodes_used_percent"`
	ReadOnly  bool      `json:"read_only" expr:"read_only"`
	Processes []process `json:"processes" expr:"processes"`
}

type disk struct {
	Mounts []mount `json:"mounts" expr:"mounts"`
}

type logs struct {
	Lines    int              `json:"lines" expr:"lines"`
	Matches  map[string]int   `json:"matches" expr:"matches"`
	Clients  map[string]mount `json:"clients" expr:"clients"`
	Outcomes []string         `json:"outcomes" expr:"outcomes" enum:"ok,slow"`
}

type wire struct {
	TCP struct {
		RetransmittedPercent float64 `json:"retransmitted_percent" expr:"retransmitted_percent"`
	} `json:"tcp" expr:"tcp"`
}

type secret struct{ value string }

func (secret) String() string   { return "REDACTED" }
func (s secret) Reveal() string { return s.value }

type hostPort struct {
	Host string `json:"host" expr:"host"`
	Port int    `json:"port" expr:"port"`
}

func (h hostPort) String() string { return h.Host + ":5432" }

// inputsType is made as the loader makes it, from a runbook's declarations.
func inputsType() reflect.Type {
	field := func(name, expr, enum string, t reflect.Type) reflect.StructField {
		tag := `json:"` + expr + `" expr:"` + expr + `"`
		if enum != "" {
			tag += ` enum:"` + enum + `"`
		}
		return reflect.StructField{Name: name, Type: t, Tag: reflect.StructTag(tag)}
	}
	return reflect.StructOf([]reflect.StructField{
		field("URL", "url", "", reflect.TypeFor[string]()),
		field("Mode", "mode", "fast,thorough", reflect.TypeFor[string]()),
		field("Since", "since", "", reflect.TypeFor[time.Duration]()),
		field("Limit", "limit", "", reflect.TypeFor[int]()),
		field("DSN", "dsn", "", reflect.TypeFor[secret]()),
		field("Address", "address", "", reflect.TypeFor[hostPort]()),
		field("Tags", "tags", "", reflect.TypeFor[[]string]()),
	})
}

func scope() *expression.Scope {
	s := expression.NewScope()
	s.Declare("cpu", reflect.TypeFor[cpu]())
	s.Declare("db", reflect.TypeFor[db]())
	s.Declare("disk", reflect.TypeFor[disk]())
	s.Declare("errors", reflect.TypeFor[logs]())
	s.Declare("wire", reflect.TypeFor[wire]())
	s.Declare("nodes", reflect.TypeFor[[]db]())
	s.Declare("inputs", inputsType())
	s.Declare("gone", reflect.TypeFor[cpu]())
	return s
}

var boot = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// environment binds everything but gone; unread parts are given as "disk:mounts".
func environment(unread ...string) *expression.Environment {
	parts := map[string][]expression.Unread{}
	for _, u := range unread {
		name, path, _ := strings.Cut(u, ":")
		parts[name] = append(parts[name], expression.Unread{Path: path, Reason: "permission denied", Fix: "run as root"})
	}
	env := expression.NewEnvironment()
	for name, value := range observed() {
		env.BindObserved(name, value, parts[name])
	}
	env.BindMissing("gone", "gone was not run", "allow it")
	return env
}

// observed is what environment binds, by name.
func observed() map[string]any {
	inputs := reflect.New(inputsType()).Elem()
	for i, v := range []any{"http://x/", "fast", 15 * time.Minute, 7, secret{"s3cret"}, hostPort{"db", 5432}, []string{"a", "b"}} {
		inputs.Field(i).Set(reflect.ValueOf(v))
	}
	var w wire
	w.TCP.RetransmittedPercent = 1.5
	return map[string]any{
		"cpu": cpu{23, 4, []float64{10, 11, 12, 90}, "arm", true, boot},
		"db":  db{"refused", 98, 100, 41, 0.0004},
		"disk": disk{[]mount{
			{"/", 40, 5, false, []process{{"sh", 1 << 20, "running"}}},
			{"/var", 97, 12, false, []process{{"postgres", 3 << 30, "zombie"}, {"cron", 1 << 10, "sleeping"}}},
			{"/home", 91.5, 80, true, nil},
		}},
		"errors": logs{1000, map[string]int{"refused": 112}, map[string]mount{"a": {Path: "/a", Used: 1}}, []string{"ok", "ok"}},
		"wire":   w,
		"nodes":  []db{{"connected", 1, 10, 0, 0.1}, {"refused", 9, 10, 0, 0.1}},
		"inputs": inputs.Interface(),
	}
}

func at(s string) source.Text {
	return source.Text{Value: s, Position: source.Position{File: "web.yaml", Line: 7, Column: 11}, Exact: true}
}

func compile(t testing.TB, s string) *expression.Condition {
	t.Helper()
	c, faults := expression.CompileCondition(at(s), scope())
	if faults != nil {
		t.Fatalf("%s: %v", s, faults)
	}
	return c
}
