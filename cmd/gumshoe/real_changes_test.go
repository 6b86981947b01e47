package main

// Real changes: a file that is edited, and a commit.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gumshoe/engine"
	"gumshoe/engine/kleene"
)

func TestRealWhatChanged(t *testing.T) {
	needReal(t)
	inputs := runbookInputs(t, "what-changed")
	folder, repository := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "app.conf"), []byte("threads = 4000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{
		{"init", "-q", "-b", "main"}, {"config", "user.email", "ci@example.com"}, {"config", "user.name", "ci"},
		{"commit", "-q", "--allow-empty", "-m", "release 412"},
	} {
		cmd := exec.Command("git", argv...)
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(argv, " "), err, out)
		}
	}
	for _, row := range []struct{ input, value, want string }{
		{"paths", folder, "watched"}, {"repositories", repository, "deployed"},
	} {
		t.Run(row.want, func(t *testing.T) {
			if !strings.Contains(inputs, row.input) {
				t.Fatalf("what-changed has no input %s", row.input)
			}
			r, exit := diagnose(t, "what-changed", row.input+"="+row.value)
			for _, h := range r.Hypotheses {
				if h.ID != row.want {
					continue
				}
				// A machine that was set up within the hour has changed in other
				// ways too, and the run cannot always choose.
				others := proven(r)
				delete(others, row.want)
				named := h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing
				if !proven(r)[row.want] || !named && (h.Verdict != engine.VerdictOpen || len(others) == 0) {
					t.Errorf("%s is %s, exit status %d\n%s", h.ID, h.Verdict, exit, verdicts(r))
				}
			}
			// Without it, nothing of the kind is told.
			r, _ = diagnose(t, "what-changed")
			for _, h := range r.Hypotheses {
				if h.ID == row.want && h.Verdict == engine.VerdictConfirmed {
					t.Errorf("%s is told though nothing of it was named\n%s", h.ID, verdicts(r))
				}
			}
		})
	}
}

// proven gives the hypotheses whose proof is true.
func proven(r *engine.Report) map[string]bool {
	out := make(map[string]bool)
	for _, h := range r.Hypotheses {
		for _, e := range h.Evidence {
			if e.Must && e.Result == kleene.True {
				out[h.ID] = true
			}
		}
	}
	return out
}

// runbookInputs is what show says of a runbook.
func runbookInputs(t *testing.T, runbook string) string {
	t.Helper()
	out, _ := realGumshoe(t, "show", runbook)
	return string(out)
}
