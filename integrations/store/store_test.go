package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"gumshoe/engine"
	"gumshoe/integrations/store"
)

func report(id string) *engine.Report {
	return &engine.Report{
		Schema: engine.ReportSchema, Run: id, Runbook: "disk-full", Status: engine.StatusHealthy, Target: "web-1",
		Started: time.Date(2026, 1, 31, 2, 3, 4, 5, time.UTC), Headline: "All causes <are> excluded", Inputs: map[string]string{"path": "/"},
	}
}

func put(t *testing.T, runs *store.Runs) string {
	t.Helper()
	id := store.NewID()
	if err := runs.Put(report(id)); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPutAndGet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	runs := store.Open(dir)
	first, second := put(t, runs), put(t, runs)
	for ref, want := range map[string]string{first: first, second: second, "last": second, strings.ToLower(first): first, second[:len(second)-1]: second} {
		got, err := runs.Get(ref)
		if err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		if diff := cmp.Diff(got, report(want)); diff != "" {
			t.Errorf("%s:\n%s", ref, diff)
		}
	}
	for path, want := range map[string]os.FileMode{runs.Directory(): 0o700, runs.Record(first): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", path, got, want)
		}
	}
}

func TestGetErrors(t *testing.T) {
	runs := store.Open(t.TempDir())
	var missing *store.NotFoundError
	for _, ref := range []string{"last", "01XYZ", "", "../../etc/passwd"} {
		if _, err := runs.Get(ref); !errors.As(err, &missing) {
			t.Errorf("%q of an empty store: %v", ref, err)
		}
	}
	first, second := put(t, runs), put(t, runs)
	shared := 0
	for shared < len(first) && first[shared] == second[shared] {
		shared++
	}
	var ambiguous *store.AmbiguousError
	if _, err := runs.Get(first[:shared]); !errors.As(err, &ambiguous) {
		t.Errorf("a shared prefix: %v", err)
	} else if diff := cmp.Diff(ambiguous.Runs, []string{second, first}); diff != "" {
		t.Errorf("a shared prefix:\n%s", diff)
	}
	if _, err := runs.Get("zz"); !errors.As(err, &missing) {
		t.Errorf("another prefix: %v", err)
	}
}

func TestPutRefusesOtherNames(t *testing.T) {
	runs := store.Open(t.TempDir())
	for _, id := range []string{"", "../x", "last", strings.ToLower(store.NewID())} {
		if err := runs.Put(report(id)); err == nil {
			t.Errorf("%q is taken for an id", id)
		}
	}
	if _, err := os.Stat(runs.Directory()); err == nil {
		t.Error("a refused run left a folder behind")
	}
}

func TestListSkipsDamaged(t *testing.T) {
	runs := store.Open(t.TempDir())
	first, second, third := put(t, runs), put(t, runs), put(t, runs)
	if err := os.Truncate(runs.Record(second), 20); err != nil {
		t.Fatal(err)
	}
	other := []byte(`{"schema":"gumshoe.run/v1","run":"` + first + `"}`)
	fourth := store.NewID()
	if err := os.WriteFile(runs.Record(fourth), other, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".run-123", "notes.txt", "x.json"} {
		if err := os.WriteFile(filepath.Join(runs.Directory(), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, damaged, err := runs.List(0)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.Run)
	}
	if want := []string{third, first}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
	var bad *store.DamagedError
	if len(damaged) != 2 || !errors.As(damaged[1], &bad) || bad.File != runs.Record(second) {
		t.Errorf("damaged: %v", damaged)
	}
	if _, err := runs.Get(second); !errors.As(err, &bad) {
		t.Errorf("a damaged record: %v", err)
	}
	if list, _, _ := runs.List(1); len(list) != 1 || list[0].Run != third {
		t.Errorf("the newest one: %v", list)
	}
}

func TestKeepsTheNewest(t *testing.T) {
	runs := store.Open(t.TempDir())
	if err := os.MkdirAll(runs.Directory(), 0o700); err != nil {
		t.Fatal(err)
	}
	var old []string
	for i := range store.Keep + 5 {
		id := ulid.MustNew(uint64(1_000_000+i), ulid.DefaultEntropy()).String()
		old = append(old, id)
		if err := os.WriteFile(runs.Record(id), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newest := put(t, runs)
	entries, err := os.ReadDir(runs.Directory())
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != store.Keep {
		t.Errorf("%d runs are kept, want %d", len(entries), store.Keep)
	}
	for id, want := range map[string]bool{old[0]: false, old[5]: false, old[6]: true, newest: true} {
		if _, err := os.Stat(runs.Record(id)); (err == nil) != want {
			t.Errorf("run %s: kept %t, want %t", id, err == nil, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	state := t.TempDir()
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if err := store.Open(state).Put(report(store.NewID())); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	list, damaged, err := store.Open(state).List(0)
	if len(list) != 20 || len(damaged) != 0 || err != nil {
		t.Errorf("%d runs, %v, %v", len(list), damaged, err)
	}
	entries, err := os.ReadDir(store.Open(state).Directory())
	if err != nil || len(entries) != 20 {
		t.Errorf("%d files, %v: something is left behind", len(entries), err)
	}
}

func TestDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/var/state")
	t.Setenv("HOME", "/home/me")
	if got, err := store.Dir(); got != "/var/state/gumshoe" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	t.Setenv("XDG_STATE_HOME", "relative") // the specification says to ignore it
	if got, err := store.Dir(); got != "/home/me/.local/state/gumshoe" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	t.Setenv("HOME", "")
	if got, err := store.Dir(); err == nil {
		t.Errorf("without any home: %s", got)
	}
}
