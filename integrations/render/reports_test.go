package render_test

import (
	"fmt"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// The hand-made reports from which every renderer's golden files are made.

var start = time.Date(2026, 1, 31, 2, 4, 5, 0, time.UTC)

func reports() map[string]*engine.Report {
	return map[string]*engine.Report{
		"confirmed":      confirmed(),
		"story":          story(),
		"likely":         likely(),
		"healthy":        healthy(),
		"inconclusive":   inconclusive(),
		"not_reproduced": notReproduced(),
		"interrupted":    interrupted(),
		"error":          failed(),
		"hostile":        hostile(),
		"many":           many(),
	}
}

func report(runbook, title string, status engine.Status, headline string) *engine.Report {
	return &engine.Report{
		Schema: engine.ReportSchema, Run: "01KG8Q0M2T5V8X1Z3A4B5C6D7E", Runbook: runbook, Title: title,
		File: "stock:" + runbook + ".yaml", Version: "v0.1.0", Status: status, Headline: headline, Target: "web-1",
		Started: start, ElapsedSeconds: 5.1, Onset: start.Add(-31 * time.Minute), Inputs: map[string]string{},
		Symptom: []engine.SymptomReport{}, Hypotheses: []engine.HypothesisReport{}, Steps: []engine.StepReport{},
		Decisions: []engine.DecisionReport{}, Missing: []engine.MissingReport{}, Unexplained: []engine.EvidenceReport{},
		Changes: []engine.ChangeReport{}, UnlistedProbability: 0.013, Stopped: "the verdict stands", Uncalibrated: true,
	}
}

func step(id, check string, seconds float64, summary string) engine.StepReport {
	return engine.StepReport{
		ID: id, Check: check, Target: "web-1", Status: engine.Observed, Started: start, ElapsedSeconds: seconds,
		CostSeconds: 1, Risk: "read", Attempts: 1, Summary: summary, Unread: []engine.Unread{}, Reproduce: [][]string{},
	}
}

func idle(id, check string, seconds float64) engine.StepReport {
	return engine.StepReport{
		ID: id, Check: check, Target: "web-1", Status: engine.NotNeeded, CostSeconds: seconds, Risk: "read",
		Unread: []engine.Unread{}, Reproduce: [][]string{},
	}
}

func blind(id, check string, seconds float64, reason, fix string) engine.StepReport {
	s := step(id, check, seconds, "")
	s.Status, s.Reason, s.Fix = engine.Failed, reason, fix
	return s
}

func hypothesis(id, title string, verdict engine.Verdict, p, own float64, evidence ...engine.EvidenceReport) engine.HypothesisReport {
	if evidence == nil {
		evidence = []engine.EvidenceReport{}
	}
	return engine.HypothesisReport{
		ID: id, Title: title, Verdict: verdict, Probability: p, Points: own, Subjects: []string{}, Chain: []string{id},
		Evidence: evidence,
	}
}

func isTrue(word, expr, shown string, points float64, values ...expression.Value) engine.EvidenceReport {
	if values == nil {
		values = []expression.Value{}
	}
	return engine.EvidenceReport{
		Word: word, Expression: expr, Result: kleene.True, Shown: shown, Points: points, Undamped: points, Values: values, Step: "db",
	}
}

func isFalse(word, expr, shown string, points float64, values ...expression.Value) engine.EvidenceReport {
	e := isTrue(word, expr, shown, points, values...)
	e.Result = kleene.False
	return e
}

func unknown(word, expr, reason, fix string) engine.EvidenceReport {
	return engine.EvidenceReport{Word: word, Expression: expr, Result: kleene.Unknown, Reason: reason, Fix: fix, Values: []expression.Value{}}
}

func must(e engine.EvidenceReport) engine.EvidenceReport { e.Must = true; return e }

func half(e engine.EvidenceReport) engine.EvidenceReport { e.Points /= 2; return e }

func because(e engine.EvidenceReport, text string) engine.EvidenceReport { e.Because = text; return e }

func read(path string, value any) expression.Value { return expression.Value{Path: path, Value: value} }

func confirmed() *engine.Report {
	r := report("web-slow", "A web application answers slowly", engine.StatusConfirmed, "The connection pool is exhausted")
	r.Inputs = map[string]string{"url": "http://127.0.0.1:8080/", "db": "REDACTED"}
	r.Symptom = []engine.SymptomReport{{
		Expression: "page.p95_seconds > 1", Result: kleene.True, Shown: "1.9", Values: []expression.Value{read("page.p95_seconds", 1.9)},
	}}
	r.Steps = []engine.StepReport{
		step("page", "probe.http", 4.1, "20 requests, 5 at a time, 20 × 200, p95 1.9 s"),
		step("db", "probe.postgres", 0.1, "98 of 100 connections, 41 idle in transaction"),
		step("cpu", "host.cpu", 1, "23 % used, 4 cores, run queue 0.4"),
		step("errors", "logs.file", 0.2, `"remaining connection slots are reserved" 112 × in 15 min, new`),
		idle("wire", "packets.capture", 10),
	}
	r.Steps[1].Reproduce = [][]string{{"psql", "-c", "SELECT count(*) FROM pg_stat_activity"}}
	r.Steps[1].Attachments = []engine.Attachment{{
		Title: "the headers of 812 packets", Path: "/home/ann/.local/state/gumshoe/runs/01KG8Q0M2T5V8X1Z3A4B5C6D7E/db-packets.pcapng", Bytes: 91800,
	}}
	r.Steps[1].Excerpts = []engine.Excerpt{{Title: "pg_stat_activity", Text: "state                | count\nidle in transaction  |    41\nactive               |    57\n"}}
	pool := hypothesis("pool_exhausted", "The connection pool is exhausted", engine.VerdictConfirmed, 0.968, 30,
		must(isTrue("strong", "db.connections / db.max_connections > 0.9", "98 / 100 = 0.98", 15, read("db.connections", 98), read("db.max_connections", 100))),
		half(isTrue("medium", "db.idle_in_transaction > 5", "41", 10, read("db.idle_in_transaction", 41))),
		because(isTrue("medium", `errors.matches["refused"] > 0`, "112", 10, read(`errors.matches["refused"]`, 112)), "clients are being refused"))
	pool.Next = "Find the client that leaves transactions open (`SELECT … FROM pg_stat_activity`)."
	r.Hypotheses = []engine.HypothesisReport{
		pool,
		hypothesis("cpu_saturated", "The host has no CPU left", engine.VerdictRuledOut, 0.002, 0,
			must(isFalse("strong", "cpu.used_percent > 90", "23.41", -15, read("cpu.used_percent", 23.41)))),
		hypothesis("packet_loss", "The network to the database loses packets", engine.VerdictRuledOut, 0.01, 0,
			must(unknown("proof", "wire.tcp.retransmitted_percent > 1", "wire was not run", "")),
			isTrue("against", "db.connect_seconds < 0.01", "0.0004", -10, read("db.connect_seconds", 0.0004))),
	}
	r.Decisions = []engine.DecisionReport{
		{AtSeconds: 0.001, Step: "page", GainBits: 0.4, CostSeconds: 4, Of: 5, Text: "next: page (4.0 s): the symptom needs it"},
		{AtSeconds: 4.1, Step: "db", GainBits: 0.30, CostSeconds: 0.1, Of: 4, Text: "next: db (0.1 s): 0.30 bit, best of 4; separates pool_exhausted from slow_query"},
	}
	r.Changes = []engine.ChangeReport{{At: start.Add(-6 * time.Minute), Kind: "deploy", What: "payments v412", By: "ci"}}
	return r
}

func story() *engine.Report {
	r := confirmed()
	r.Headline = "A slow query holds its connections → The connection pool is exhausted"
	chain := []string{"slow_query", "pool_exhausted"}
	r.Hypotheses[0].Chain = chain
	slow := hypothesis("slow_query", "A slow query holds its connections", engine.VerdictConfirmed, 0.94, 25,
		must(isTrue("strong", "db.longest_query_seconds > 5", "95.123456", 15, read("db.longest_query_seconds", 95.123456))),
		because(isTrue("medium", "db.longest_query_tables contains \"orders\"", `"orders"`, 10), "it reads the table that grew"))
	slow.Chain, slow.Subjects, slow.Next = chain, []string{"SELECT … FROM orders"}, "Look at its plan (`EXPLAIN`), and at what changed on its tables."
	r.Hypotheses = append([]engine.HypothesisReport{r.Hypotheses[0], slow}, r.Hypotheses[1:]...)
	leak := hypothesis("idle_leak", "A client leaves transactions open", engine.VerdictContributing, 0.62, 15,
		isTrue("strong", "db.idle_in_transaction > 20", "41", 15, read("db.idle_in_transaction", 41)))
	r.Hypotheses = append(r.Hypotheses, leak)
	return r
}

func likely() *engine.Report {
	r := report("disk-slow", "Writes take long", engine.StatusLikely, "The disks do not keep up")
	r.Owner, r.Escalation = "storage team", "#storage-oncall"
	r.Steps = []engine.StepReport{
		step("pressure", "host.pressure", 0.0004, "waiting in the last 10 s: cpu 1 %, memory 0 %, io 31 %"),
		blind("cpu", "host.cpu", 2, "open /proc/stat: permission denied", "run gumshoe as a user that may read /proc/stat"),
	}
	r.Hypotheses = []engine.HypothesisReport{
		hypothesis("disk_stalled", "The disks do not keep up", engine.VerdictLikely, 0.71, 10,
			isTrue("medium", "pressure.io.full_avg10_percent > 20", "31.4", 10, read("pressure.io.full_avg10_percent", 31.4)),
			unknown("medium", "cpu.iowait_percent > 30", "cpu: open /proc/stat: permission denied", "run gumshoe as a user that may read /proc/stat")),
		hypothesis("disk_full", "A file system is full", engine.VerdictOpen, 0.11, 0),
	}
	r.Missing = []engine.MissingReport{{
		Step: "cpu", Reason: "open /proc/stat: permission denied", Fix: "run gumshoe as a user that may read /proc/stat",
		Could: "cpu, 1 s, would confirm disk_stalled",
	}}
	return r
}

func healthy() *engine.Report {
	r := report("host-sick", "Something is wrong with this host", engine.StatusHealthy, "All 3 causes are excluded")
	r.ElapsedSeconds = 0.0423
	disk := step("disk", "host.disk", 0.021, "/ 15 % used, 77.8 GiB free, 4 mounts")
	disk.Status = engine.Partial
	disk.Unread = []engine.Unread{{Path: "mounts[3].used_percent", Reason: "statfs /srv/backup: permission denied", Fix: "run gumshoe as root"}}
	r.Steps = []engine.StepReport{step("memory", "host.memory", 0.0004, "23.1 GiB of 23.5 GiB available (98 %), no swap"), disk}
	r.Hypotheses = []engine.HypothesisReport{
		hypothesis("memory_exhausted", "The host has no memory left", engine.VerdictRuledOut, 0.001, 0,
			must(isFalse("strong", "memory.available_bytes < 2 * GiB", "24803389440", -15, read("memory.available_bytes", 24803389440)))),
		hypothesis("disk_full", "A file system is full", engine.VerdictRuledOut, 0.001, 0,
			must(isFalse("strong", "any(disk.mounts, not .read_only and .used_percent > 95)", "none of 4", -15))),
		hypothesis("swapping", "The host is busy moving memory to and from swap", engine.VerdictRuledOut, 0.001, 0,
			must(isFalse("strong", "memory.swap_in_bytes_per_second > 4 * MiB", "0", -15, read("memory.swap_in_bytes_per_second", 0.0)))),
	}
	r.HealthyProbability, r.UnlistedProbability = 0.93, 0.06
	r.Missing = []engine.MissingReport{{Step: "disk", Reason: "mounts[3].used_percent: statfs /srv/backup: permission denied", Fix: "run gumshoe as root"}}
	return r
}

func inconclusive() *engine.Report {
	r := report("web-slow", "A web application answers slowly", engine.StatusInconclusive,
		"No cause could be confirmed; it points to slow_query; 2 of 5 steps could not look")
	r.Owner, r.Escalation = "payments team", "@pay-oncall"
	r.Symptom = []engine.SymptomReport{
		{Expression: "page.p95_seconds > 1", Result: kleene.Unknown, Reason: "page: the URL did not resolve", Values: []expression.Value{}},
		{Expression: "page.failed_percent > 1", Result: kleene.True, Shown: "37.5", Values: []expression.Value{read("page.failed_percent", 37.5)}},
	}
	wire := idle("wire", "packets.capture", 10)
	wire.Status, wire.Reason, wire.Fix = engine.Skipped, "whether it applies is unknown: page was not run", ""
	notHere := idle("replica", "probe.postgres", 0.2)
	notHere.Status, notHere.Reason = engine.NotApplicable, "inputs.replica != \"\" is false: \"\""
	r.Steps = []engine.StepReport{
		step("cpu", "host.cpu", 1, "23 % used, 4 cores, run queue 0.4"),
		blind("page", "probe.http", 30, "gave no answer in 30s", "give the step a longer timeout"),
		blind("db", "probe.postgres", 0.01, "secret env:APP_DB: the environment variable APP_DB is not set, and there is no other way to the database", "give db=env:NAME or db=file:PATH, or set what its default names"),
		wire, notHere, idle("errors", "logs.file", 0.5),
	}
	r.Hypotheses = []engine.HypothesisReport{
		hypothesis("slow_query", "A slow query holds its connections", engine.VerdictOpen, 0.31, 5,
			isTrue("weak", "page.failed_percent > 30", "37.5", 5, read("page.failed_percent", 37.5)),
			must(unknown("strong", "db.longest_query_seconds > 5", "db: secret env:APP_DB: the environment variable APP_DB is not set", "set it"))),
		hypothesis("pool_exhausted", "The connection pool is exhausted", engine.VerdictOpen, 0.22, 0,
			must(unknown("strong", "db.connections / db.max_connections > 0.9", "db: secret env:APP_DB: the environment variable APP_DB is not set", "set it"))),
		hypothesis("packet_loss", "The network to the database loses packets", engine.VerdictOpen, 0.12, 0),
		hypothesis("dns", "Names do not resolve", engine.VerdictOpen, 0.1, 0),
		hypothesis("cpu_saturated", "The host has no CPU left", engine.VerdictRuledOut, 0.002, 0,
			must(isFalse("strong", "cpu.used_percent > 90", "23.41", -15, read("cpu.used_percent", 23.41)))),
	}
	r.Unexplained = []engine.EvidenceReport{isTrue("medium", "cpu.steal_percent > 5", "7.25", 10, read("cpu.steal_percent", 7.25))}
	r.Missing = []engine.MissingReport{
		{Step: "page", Reason: "gave no answer in 30s", Fix: "give the step a longer timeout"},
		{Step: "db", Reason: "secret env:APP_DB: the environment variable APP_DB is not set", Fix: "give db=env:NAME or db=file:PATH", Could: "db, 0.1 s, would settle slow_query, pool_exhausted either way"},
		{Step: "wire", Reason: "whether it applies is unknown: page was not run", Could: "wire, 10 s, would settle packet_loss either way"},
		{Step: "errors", Reason: "not run", Could: "errors, 0.5 s, would rule out dns"},
	}
	return r
}

func notReproduced() *engine.Report {
	r := report("web-slow", "A web application answers slowly", engine.StatusNotReproduced, "Still firing; I cannot reproduce it from web-1")
	r.Owner = "payments team"
	r.Symptom = []engine.SymptomReport{{Expression: "page.p95_seconds > 1", Result: kleene.False, Shown: "0.0412", Values: []expression.Value{read("page.p95_seconds", 0.0412)}}}
	r.Steps = []engine.StepReport{step("page", "probe.http", 0.2, "20 × 200, p95 41 ms")}
	r.Hypotheses = []engine.HypothesisReport{hypothesis("slow_query", "A slow query holds its connections", engine.VerdictOpen, 0.2, 0)}
	return r
}

func interrupted() *engine.Report {
	r := report("web-slow", "A web application answers slowly", engine.StatusInterrupted, "Interrupted: No cause could be confirmed; 1 of 2 steps could not look")
	r.ElapsedSeconds, r.Stopped = 312.4, "context canceled"
	r.Steps = []engine.StepReport{step("cpu", "host.cpu", 1, "23 % used, 4 cores"), blind("page", "probe.http", 311.2, "context canceled", "")}
	r.Hypotheses = []engine.HypothesisReport{hypothesis("slow_query", "A slow query holds its connections", engine.VerdictOpen, 0.2, 0)}
	return r
}

func failed() *engine.Report {
	r := report("web-slow", "A web application answers slowly", engine.StatusError, "runbook web-slow: too many states")
	r.Error = "runbook web-slow: too many states"
	return r
}

// evil is what a hostile host or log might say.
const evil = "\x1b[2J\x1b]0;owned\a\r\u202egnp.exe <script>alert(1)</script> **bold** [link](http://evil.test) @all `code` | cell \u009b31m\x00 ]]> \xff\n## heading"

func hostile() *engine.Report {
	r := report("web-slow", evil, engine.StatusConfirmed, evil)
	r.Target, r.Owner = evil, evil
	r.Inputs = map[string]string{"url": evil}
	r.Symptom = []engine.SymptomReport{{Expression: "x == \"" + evil + "\"", Result: kleene.True, Shown: evil, Values: []expression.Value{read("x", evil)}}}
	s := step("logs", "logs.file", 1, evil)
	s.Excerpts = []engine.Excerpt{{Title: evil, Text: evil + "\nsecond line\r\n\tthird"}}
	s.Reproduce = [][]string{{"grep", evil, "/var/log/it's here"}}
	s.Unread = []engine.Unread{{Path: evil, Reason: evil, Fix: evil}}
	s.Status = engine.Partial
	r.Steps = []engine.StepReport{s, blind("x", "y", 1, evil, evil)}
	h := hypothesis("evil", evil, engine.VerdictConfirmed, 0.99, 20, because(isTrue("proof", "a == '"+evil+"'", evil, 20), evil))
	h.Subjects, h.Next = []string{evil}, evil
	r.Hypotheses = []engine.HypothesisReport{h, hypothesis("not_it", evil, engine.VerdictRuledOut, 0, 0, must(isFalse("strong", "b || c", evil, -15)))}
	r.Missing = []engine.MissingReport{{Step: "x", Reason: evil, Fix: evil, Could: evil}}
	r.Unexplained = []engine.EvidenceReport{isTrue("weak", "c", evil, 5)}
	r.Changes = []engine.ChangeReport{{At: start, Kind: evil, What: evil, By: evil}}
	r.Decisions = []engine.DecisionReport{{Text: evil}}
	r.Stopped = evil
	return r
}

func many() *engine.Report {
	r := report("everything", "Sixty hypotheses, and a title that is a good deal longer than what fits on one line of a terminal", engine.StatusInconclusive, "No cause could be confirmed")
	for i := range 60 {
		verdict, p := engine.VerdictRuledOut, 0.001
		if i%6 == 0 {
			verdict, p = engine.VerdictOpen, 0.05+float64(i)/1000
		}
		r.Hypotheses = append(r.Hypotheses, hypothesis(fmt.Sprintf("cause_number_%d", i), fmt.Sprintf("Cause number %d is what is wrong", i), verdict, p, 0,
			must(isFalse("strong", fmt.Sprintf("any(step%d.mounts, not .read_only and .used_percent > 90 and .deleted_open_bytes > 0.2 * .total_bytes)", i), "none of 12", -15))))
	}
	for i := range 40 {
		if i < 25 {
			r.Steps = append(r.Steps, idle(fmt.Sprintf("step%d", i), "host.disk", 0.3))
			continue
		}
		r.Steps = append(r.Steps, step(fmt.Sprintf("step%d", i), "host.disk", float64(i)*7.7, "12 mounts"))
	}
	for i := range 25 {
		r.Missing = append(r.Missing, engine.MissingReport{Step: fmt.Sprintf("step%d", i), Reason: "not run", Could: fmt.Sprintf("step%d, 0.3 s, would rule out cause_number_%d", i, i)})
	}
	return r
}
