package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"gumshoe/engine"
	"gumshoe/integrations/store"
)

// write begins a file and writes to it.
func write(t *testing.T, runs *store.Runs, id, name, text string) engine.File {
	t.Helper()
	f, err := runs.File(id, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFileIsKept(t *testing.T) {
	runs, id := store.Open(t.TempDir()), store.NewID()
	var paths []string
	for _, text := range []string{"first", "second"} {
		path, err := write(t, runs, id, "wire-packets.pcapng", text).Keep()
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, text)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v; want that only its owner reads it", path, info, err)
		}
	}
	want := []string{filepath.Join(runs.Files(id), "wire-packets.pcapng"), filepath.Join(runs.Files(id), "wire-packets-2.pcapng")}
	if paths[0] != want[0] || paths[1] != want[1] {
		t.Errorf("got %q, want %q", paths, want)
	}
	if entries, err := os.ReadDir(runs.Files(id)); err != nil || len(entries) != 2 {
		t.Errorf("got %v, %v; want the two files and nothing else", entries, err)
	}
}

func TestFileIsDiscarded(t *testing.T) {
	runs, id := store.Open(t.TempDir()), store.NewID()
	f := write(t, runs, id, "wire.pcapng", "half")
	if _, err := os.Stat(filepath.Join(runs.Files(id), "wire.pcapng")); err == nil {
		t.Error("a file that was not kept has its name")
	}
	for range 2 { // the second time there is nothing to do
		if err := f.Discard(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(runs.Files(id)); err == nil {
		t.Error("the folder is left")
	}
	if _, err := f.Keep(); err == nil {
		t.Error("a discarded file was kept")
	}
}

func TestFileNames(t *testing.T) {
	runs := store.Open(t.TempDir())
	for _, name := range []string{"", ".", "..", "../x", "a/b", ".hidden", "a b", "a\x00b", "-rf"} {
		if f, err := runs.File(store.NewID(), name); err == nil {
			t.Errorf("%q was taken", name)
			_ = f.Discard()
		}
	}
	for _, id := range []string{"", "..", "../..", "01"} {
		if f, err := runs.File(id, "a"); err == nil {
			t.Errorf("the run %q was taken", id)
			_ = f.Discard()
		}
	}
}

// TestFilesGoWithTheirRun: those of a run that was forgotten, and of one that was
// killed before there was a record.
func TestFilesGoWithTheirRun(t *testing.T) {
	runs := store.Open(t.TempDir())
	killed, newest := store.NewID(), ""
	write(t, runs, killed, "wire.pcapng", "never kept")
	for range store.Keep {
		newest = store.NewID()
		if err := os.WriteFile(runs.Record(newest), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := write(t, runs, newest, "wire.pcapng", "kept").Keep(); err != nil {
		t.Fatal(err)
	}
	r := &engine.Report{Schema: engine.ReportSchema, Run: store.NewID()}
	if err := runs.Put(r); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(runs.Files(killed)); !os.IsNotExist(err) {
		t.Errorf("got %v, want that the files of the killed run are gone", err)
	}
	if _, err := os.Stat(filepath.Join(runs.Files(newest), "wire.pcapng")); err != nil {
		t.Errorf("got %v, want that the files of the newest run are there", err)
	}
}
