package logs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

var zeroIncident engine.Incident

func writeFile(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFileConforms(t *testing.T) {
	_, text := events()
	path := filepath.Join(t.TempDir(), "app.log")
	writeFile(t, path, text)
	checktest.Run(t, File(), map[string]any{
		"path": path, "since": "2026-03-05T12:00:00Z", "until": "2026-03-05T12:15:00Z", "patterns": map[string]any{"refused": "refused"},
		"by": []any{"client"}, "numbers": []any{"took"}, "templates": true,
	})
}

// TestFileEqualsGrep: patterns count what grep counts.
func TestFileEqualsGrep(t *testing.T) {
	checktest.Need(t, "grep is not installed", checktest.Real() || hasGrep())
	_, text := events()
	path := filepath.Join(t.TempDir(), "app.log")
	writeFile(t, path, append(text, "no time, no JSON, \x00 and no newline"...))
	for _, row := range [][]string{
		{"-E", "refused|exhausted"}, {"-E", `"status":50[0-9]`}, {"-F", `"level":"error"`}, {"-E", "^.*66"}, {"-E", "[0-9]$"}, {"-E", `"took":0\.[0-9]{3}[,}]`}, {"-F", "absent"},
		{"-E", ""},
	} {
		t.Run(strings.Join(row, " "), func(t *testing.T) {
			grep := exec.Command("grep", "-a", "-c", row[0], "-e", row[1], path)
			grep.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
			answer, _ := grep.Output() // it ends with 1 when there is none
			want, err := strconv.ParseInt(strings.TrimSpace(string(answer)), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			o, _ := checktest.Observe[Log](t, File(), map[string]any{"path": path, "match": row[1], "fixed": row[0] == "-F"})
			if o.Matched != want || o.Lines != int64(bytes.Count(text, []byte("\n"))+1) {
				t.Errorf("%d of %d lines, want %d as grep has", o.Matched, o.Lines, want)
			}
		})
	}
}

func hasGrep() bool {
	_, err := exec.LookPath("grep")
	return err == nil
}

// TestFileGenerations: what was rotated and packed is read as far as the window goes.
func TestFileGenerations(t *testing.T) {
	all, text := events()
	folder := t.TempDir()
	lines := bytes.SplitAfter(text, []byte("\n"))
	third := len(lines) / 3
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(bytes.Join(lines[:third], nil)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "app.log")
	for name, content := range map[string][]byte{"app.log.2.gz": packed.Bytes(), "app.log.1": bytes.Join(lines[third:2*third], nil), "app.log": bytes.Join(lines[2*third:], nil)} {
		writeFile(t, filepath.Join(folder, name), content)
	}
	w := quarter()
	var want [2]int64
	for _, e := range all {
		if part, in := w.part(e.Time.UnixNano()); in {
			want[part]++
		}
	}
	inputs := map[string]any{"path": path, "since": "2026-03-05T12:00:00Z", "until": "2026-03-05T12:15:00Z"}
	o, _ := checktest.Observe[Log](t, File(), inputs)
	if got := [2]int64{o.Before.Lines, o.Lines}; got != want || len(o.Sources) != 3 {
		t.Errorf("%v lines of %d files, want %v of 3", got, len(o.Sources), want)
	}
	for _, s := range o.Sources {
		if s.Format != "json" || s.TimeFormat != "rfc3339 in time" || s.Problem != "" {
			t.Errorf("%+v", s)
		}
	}
	inputs["rotated"] = false
	_, seen := checktest.Observe[Log](t, File(), inputs)
	if !checktest.HasUnread(seen, "before") {
		t.Error("half a window is compared with")
	}
}

// TestFileBlind: what cannot be looked at is said, with what to do.
func TestFileBlind(t *testing.T) {
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "undated.log"), []byte("one\ntwo\n"))
	for _, tt := range []struct {
		name   string
		inputs map[string]any
		want   string
	}{
		{"no such file", map[string]any{"path": folder + "/nope*.log"}, "no file is called"},
		{"a folder", map[string]any{"path": folder}, "a directory"},
		{"no times", map[string]any{"path": folder + "/undated.log", "since": "1h"}, "no time that is known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := checktest.Look(t, File(), tt.inputs)
			if o.Output != nil || !strings.Contains(o.Reason, tt.want) || o.Fix == "" {
				t.Errorf("%s: %s (fix: %s), want %s", o.Status, o.Reason, o.Fix, tt.want)
			}
		})
	}
}

func TestFileWindow(t *testing.T) {
	now := noon
	for _, tt := range []struct{ since, until, want string }{
		{"", "", "open"},
		{"15m", "", "11:30:00 11:45:00 12:00:00"},
		{"2026-03-05T11:00:00Z", "2026-03-05T11:10:00Z", "10:50:00 11:00:00 11:10:00"},
		{"11:00", "30m", "10:30:00 11:00:00 11:30:00"},
		{"", "11:00", "there is no since"},
		{"10m", "20m", "before it begins"},
	} {
		t.Run(tt.since+" to "+tt.until, func(t *testing.T) {
			w, err := FileInput{Since: tt.since, Until: tt.until}.window(zeroIncident, now)
			got := "open"
			if err != nil {
				got = err.Error()
			} else if !w.open {
				got = fmt.Sprint(at(w.before).Format(time.TimeOnly), " ", at(w.from).Format(time.TimeOnly), " ", at(w.to).Format(time.TimeOnly))
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	onset := zeroIncident
	onset.Onset, onset.AgeSeconds = now.Add(-30*time.Minute), 1800
	w, err := FileInput{Since: "15m"}.window(onset, now)
	if diff := cmp.Diff("11:25:00", at(w.from).Format(time.TimeOnly)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
