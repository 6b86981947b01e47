package belief

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// evaluate runs every policy on the same incidents of many worlds. The figures
// depend on seed, runbooks and each only, not on how many workers there are.
func evaluate(kind worldKind, seed uint64, runbooks, each int, list []policy) []tally {
	results := make([][]tally, runbooks)
	parallel(runbooks, func(n int) {
		results[n] = make([]tally, len(list))
		w := newWorld(kind, seed*1_000_003+uint64(n))
		r := rand.New(rand.NewPCG(seed, 7_000_000+uint64(n)))
		for range each {
			i := w.happen(r)
			for p := range list {
				results[n][p].add(i, simulate(w.model, i, list[p]))
			}
		}
	})
	total := make([]tally, len(list))
	for _, result := range results {
		for p := range result {
			total[p].merge(&result[p])
		}
	}
	return total
}

// parallel calls f for 0 to n-1 on every core.
func parallel(n int, f func(int)) {
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

// table prints one line for each policy.
func printed(title string, list []policy, tallies []tally) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d incidents, %d healthy\n", title, tallies[0].incidents, tallies[0].healthy)
	fmt.Fprintf(&b, "| %-16s | top-1 | top-3 | exact set | both named | false confirms | falsely named | honest inconclusive | story told | healthy called healthy | false alarm | incidents called healthy | step s | wall s | Brier |\n", "policy")
	fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", 15))
	for p, t := range tallies {
		runs := t.incidents + t.healthy
		fmt.Fprintf(&b, "| %-16s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f | %.1f | %.1f | %.3f |\n",
			list[p].name, share(t.top1, t.listed), share(t.top3, t.listed), share(t.exact, t.listed), share(t.both, t.doubles),
			share(t.falseConfirm, t.incidents), share(t.falseNamed, t.incidents), share(t.honest, t.unlisted), share(t.told, t.stories),
			share(t.healthyAs, t.healthy), share(t.falseAlarm+t.falseLikely, t.healthy), share(t.incidentAs, t.incidents),
			t.step/float64(runs), t.wall/float64(runs), t.brier/float64(max(t.incidents, 1)))
	}
	return b.String()
}

func TestEvaluation(t *testing.T) {
	for _, kind := range []worldKind{
		{name: "synthetic"},
		{name: "chains", chains: true}, {name: "chains, links left out", chains: true, unlink: true},
		{name: "silent", silent: true}, {name: "tangled", tangled: true},
	} {
		t.Log("\n" + printed(kind.name, policies, evaluate(kind, 5, 400, 12, policies)))
	}
}

// isEvaluation reports whether an argument asks for the evaluation by name.
func isEvaluation(argument string) bool {
	return strings.HasPrefix(argument, "-test.run") && strings.Contains(argument, "Evaluation")
}
