package expression_test

import (
	"testing"

	"gumshoe/engine/expression"
)

func sample() []string {
	return []string{
		"cpu.used_percent > 90", "db.connections / db.max_connections > 0.9", "db.idle_in_transaction > 5",
		`errors.matches["refused"] > 0`, "any(disk.mounts, .used_percent > 90 and not .read_only)", `db.outcome == "refused"`,
		"share(disk.mounts, .used_percent > 90) > 0.1", "wire.tcp.retransmitted_percent > 1 or db.connect_seconds > 0.1",
		"percentile(cpu.per_core_percent, 50) > 20", `any(disk.mounts, any(.processes, .state == "zombie"))`,
	}
}

// BenchmarkCompile compiles the expressions of a typical runbook, a hundred.
func BenchmarkCompile(b *testing.B) {
	s, texts := scope(), sample()
	b.ReportAllocs()
	for b.Loop() {
		for i := range 100 {
			if _, faults := expression.CompileCondition(at(texts[i%len(texts)]), s); faults != nil {
				b.Fatal(faults)
			}
		}
	}
}

// BenchmarkEval evaluates ten conditions.
func BenchmarkEval(b *testing.B) {
	env := environment()
	var conditions []*expression.Condition
	for _, text := range sample() {
		conditions = append(conditions, compile(b, text))
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range conditions {
			c.Eval(env)
		}
	}
}
