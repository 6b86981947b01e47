package host

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// tree is a fed /proc: contents by path.
type tree map[string]string

func (files tree) write(t testing.TB, root string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fed runs a check on a host that is before until the middle of the window, of
// one second, and after from then on.
func fed[Out, In any](t *testing.T, check func(Source) engine.Check[In, Out], before, after tree, inputs map[string]any) (out Out, o engine.Observation) {
	t.Helper()
	root := t.TempDir()
	before.write(t, root)
	synctest.Test(t, func(t *testing.T) {
		go func() {
			time.Sleep(550 * time.Millisecond)
			after.write(t, root)
		}()
		out, o = checktest.Observe[Out](t, check(Source{Proc: root, Etc: root}), inputs)
		synctest.Wait()
	})
	return out, o
}

// same compares structs, numbers to nine places.
func same(t *testing.T, got, want any) {
	t.Helper()
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9 })
	if diff := cmp.Diff(got, want, near); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
}

func TestMissingProcIsBlind(t *testing.T) {
	nowhere := Source{Proc: t.TempDir()}
	for _, check := range []engine.Instrument{nowhere.CPU(), nowhere.Memory(), nowhere.Pressure(), nowhere.Disk()} {
		o := checktest.Look(t, check, nil)
		if o.Status != engine.Failed || o.Reason == "" || o.Fix == "" {
			t.Errorf("got %s %q, fix %q; want a failure with a reason and a fix", o.Status, o.Reason, o.Fix)
		}
	}
}

// tool runs a program that shows the same, in English.
func tool(t *testing.T, argv ...string) string {
	t.Helper()
	_, err := exec.LookPath(argv[0])
	checktest.Need(t, "the program "+argv[0], err == nil)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1 << 40: "1.0 TiB", math.MaxInt64: "8.0 EiB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d): got %s, want %s", bytes, got, want)
		}
	}
}
