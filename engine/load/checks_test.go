package load_test

import (
	"context"
	"testing"
	"time"

	"gumshoe/engine"
)

// The checks below look like real ones and never look at anything, so that the
// corpus of bad runbooks does not change with the real ones.

type cpuOut struct {
	UsedPercent float64       `json:"used_percent" expr:"used_percent"`
	Cores       int           `json:"cores" expr:"cores"`
	RunQueue    float64       `json:"run_queue" expr:"run_queue"`
	Top         []cpuConsumer `json:"top" expr:"top"`
}

type cpuConsumer struct {
	Name        string  `json:"name" expr:"name"`
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
}

type diskOut struct {
	Mounts []mount `json:"mounts" expr:"mounts"`
}

type mount struct {
	Path        string  `json:"path" expr:"path"`
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	ReadOnly    bool    `json:"read_only" expr:"read_only"`
}

type httpIn struct {
	URL      string            `json:"url" required:"true" format:"url"`
	Requests int               `json:"requests" default:"5" min:"1" max:"1000"`
	Method   string            `json:"method" default:"GET" enum:"GET,HEAD"`
	Timeout  time.Duration     `json:"timeout" default:"5s" min:"100ms" max:"1m"`
	Follow   bool              `json:"follow"`
	Headers  map[string]string `json:"headers"`
}

type httpOut struct {
	Outcome    string         `json:"outcome" expr:"outcome" enum:"ok,refused,timed_out,reset"`
	P95Seconds float64        `json:"p95_seconds" expr:"p95_seconds"`
	Statuses   map[string]int `json:"statuses" expr:"statuses"`
	Address    string         `json:"address" expr:"address"`
}

type postgresIn struct {
	DSN engine.Secret `json:"dsn" required:"true"`
}

type postgresOut struct {
	Connections         int     `json:"connections" expr:"connections"`
	MaxConnections      int     `json:"max_connections" expr:"max_connections"`
	IdleInTransaction   int     `json:"idle_in_transaction" expr:"idle_in_transaction"`
	LongestQuerySeconds float64 `json:"longest_query_seconds" expr:"longest_query_seconds"`
	ConnectSeconds      float64 `json:"connect_seconds" expr:"connect_seconds"`
}

type tcpIn struct {
	Address string `json:"address" required:"true" format:"hostport"`
}

type tcpOut struct {
	Outcome        string  `json:"outcome" expr:"outcome" enum:"connected,refused,timed_out"`
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
}

type logsIn struct {
	Path     string            `json:"path" required:"true" format:"path"`
	Since    string            `json:"since" format:"moment" default:"15m"`
	Match    []string          `json:"match"`
	Patterns map[string]string `json:"patterns"`
}

type logsOut struct {
	Lines   int            `json:"lines" expr:"lines"`
	Matches map[string]int `json:"matches" expr:"matches" keys:"patterns"`
	Samples []string       `json:"samples" expr:"samples"`
}

type queryIn struct {
	URL   string            `json:"url" format:"url"`
	Query string            `json:"query" required:"true" program:"match"`
	Match map[string]string `json:"match"`
	By    []string          `json:"by"`
}

type queryOut struct {
	Series []querySeries `json:"series" expr:"series"`
	Value  float64       `json:"value" expr:"value"`
}

type querySeries struct {
	Name    string  `json:"name" expr:"name"`
	Last    float64 `json:"last" expr:"last"`
	Stepped bool    `json:"stepped" expr:"stepped"`
}

type captureIn struct {
	Filter string        `json:"filter"`
	Window time.Duration `json:"window" default:"10s" max:"30s"`
}

type captureOut struct {
	Packets int `json:"packets" expr:"packets"`
	TCP     tcp `json:"tcp" expr:"tcp"`
}

type tcp struct {
	RetransmittedPercent float64 `json:"retransmitted_percent" expr:"retransmitted_percent"`
}

type commandIn struct {
	Argv []string `json:"argv" required:"true"`
}

type commandOut struct {
	ExitCode int    `json:"exit_code" expr:"exit_code"`
	Stdout   string `json:"stdout" expr:"stdout"`
}

func fake[In, Out any](name string, cost time.Duration, risk engine.Risk) engine.Instrument {
	return engine.Check[In, Out]{
		Name: name, Doc: "Looks like " + name + " and sees nothing.", Cost: cost, Risk: risk,
		Plan:      func(In) []engine.Touch { return nil },
		Run:       func(context.Context, *engine.Call, In) (out Out, err error) { return out, nil },
		Summarize: func(Out) string { return "nothing" },
	}
}

func registry(t testing.TB) *engine.Registry { return registryWith(t, nil) }

// registryWith is registry with the doc comments of fields.
func registryWith(t testing.TB, docs func() engine.FieldDocs) *engine.Registry {
	t.Helper()
	r, err := engine.NewRegistry(docs,
		fake[struct{}, cpuOut]("host.cpu", time.Second, engine.Read),
		fake[struct{}, diskOut]("host.disk", 100*time.Millisecond, engine.Read),
		fake[httpIn, httpOut]("probe.http", 5*time.Second, engine.Read),
		fake[postgresIn, postgresOut]("probe.postgres", 100*time.Millisecond, engine.Read),
		fake[tcpIn, tcpOut]("probe.tcp", time.Second, engine.Read),
		fake[logsIn, logsOut]("logs.file", 200*time.Millisecond, engine.Read),
		fake[queryIn, queryOut]("metrics.prometheus", 300*time.Millisecond, engine.Read),
		fake[captureIn, captureOut]("packets.capture", 10*time.Second, engine.Load),
		fake[commandIn, commandOut]("command", time.Second, engine.Change),
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
