package changes

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

const (
	traced    = "GUMSHOE_TEST_TRACED"
	beginMark = "/gumshoe-test-begins"
	endMark   = "/gumshoe-test-ends"
)

// TestPlan traces a look, and holds every file that it touches against the plan.
func TestPlan(t *testing.T) {
	inputs := map[string]any{"repositories": []string{os.Getenv(traced)}, "paths": []string{"/usr/local/etc", "/gone"}}
	if os.Getenv(traced) != "" {
		_, _ = os.Lstat(beginMark)
		at(t, Source{}, time.Time{}, inputs)
		_, _ = os.Lstat(endMark)
		return
	}
	_, err := exec.LookPath("strace")
	checktest.Need(t, "the program strace", err == nil)
	r := newRepository(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-y", "-s", "4096", "-e", "trace=%file,%network", "-o", trace, self, "-test.run=^TestPlan$")
	cmd.Env = append(os.Environ(), traced+"="+r.path)
	if out, err := cmd.CombinedOutput(); err != nil {
		checktest.Need(t, "strace that may trace: "+string(out), !strings.Contains(string(out), "ptrace"))
		t.Fatalf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	_, look, begun := strings.Cut(string(calls), beginMark)
	look, _, ended := strings.Cut(look, endMark)
	if !begun || !ended {
		t.Fatalf("the look is not in the trace:\n%s", calls)
	}
	planned := Source{}.plan(RecentInput{Repositories: []string{r.path}, Paths: []string{"/usr/local/etc", "/gone"}})
	path := regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	seen := 0
	for line := range strings.Lines(look) {
		if regexp.MustCompile(`O_WRONLY|O_RDWR|O_CREAT|^\d+ +(mkdir|unlink|rename|chmod|execve)`).MatchString(line) {
			t.Errorf("changes something: %s", line)
		}
		m := path.FindStringSubmatch(line)
		if m == nil || within(m[1], "/proc") {
			continue
		}
		seen++
		covered := false
		for _, touch := range planned {
			covered = covered || touch.What == m[1] || (strings.Contains(touch.How, "below") && within(m[1], touch.What))
		}
		if !covered {
			t.Errorf("not in the plan: %s", line)
		}
	}
	if seen < 100 {
		t.Errorf("only %d files were touched: the trace is not being read", seen)
	}
}
