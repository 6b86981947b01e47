// Package store keeps the records of runs, so that a verdict can be read again
// and checked later. It knows nothing of how a run is made or shown.
//
// This one keeps a file for each run in a directory of the user's.
package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"gumshoe/engine"
)

// Keep is how many runs are kept: the newest.
const Keep = 1000

// Runs are the records of runs. It is safe for concurrent use, also by several
// processes: each record is one file, written whole or not at all.
type Runs struct {
	dir  string
	keep int
}

// Summary is what a list shows of a run.
type Summary struct {
	Run     string        `json:"run"`
	Runbook string        `json:"runbook"`
	Status  engine.Status `json:"status"`
	Target  string        `json:"target"`
	Started time.Time     `json:"started"`
	// Headline is the verdict in one sentence.
	Headline string `json:"headline"`
}

// NotFoundError is the error of a reference that names no run.
type NotFoundError struct{ Ref, Dir string }

func (e *NotFoundError) Error() string {
	if e.Ref == Last {
		return "no run is kept under " + e.Dir
	}
	return fmt.Sprintf("no run %q is kept under %s", e.Ref, e.Dir)
}

// AmbiguousError is the error of a prefix that several runs share.
type AmbiguousError struct {
	Ref  string
	Runs []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q could be any of %s", e.Ref, strings.Join(e.Runs, ", "))
}

// DamagedError is the error of a record that cannot be read back.
type DamagedError struct {
	File string
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the record %s is damaged: %v", e.File, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Last is the reference to the newest run.
const Last = "last"

// NewID gives a new name for a run, a ULID: later ones sort after earlier ones.
func NewID() string { return ulid.Make().String() }

// Dir is where runs are kept when the configuration does not say: under
// XDG_STATE_HOME, else in the home directory.
func Dir() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "gumshoe"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("neither XDG_STATE_HOME nor HOME says where to keep runs")
	}
	return filepath.Join(home, ".local", "state", "gumshoe"), nil
}

// Open gives the runs kept under a state directory. Nothing is made there before
// the first Put.
func Open(state string) *Runs { return &Runs{dir: filepath.Join(state, "runs"), keep: Keep} }

// Record is where the record of a run is kept.
func (r *Runs) Record(id string) string { return filepath.Join(r.dir, id+".json") }

// Directory is where the records are kept.
func (r *Runs) Directory() string { return r.dir }

// Put keeps a run, and forgets the oldest beyond the newest Keep. The record is
// on disk, readable by its owner only, when it returns.
func (r *Runs) Put(report *engine.Report) error {
	id, err := ulid.ParseStrict(report.Run)
	if err != nil || id.String() != report.Run {
		return fmt.Errorf("%q is not a run's id: %w", report.Run, err)
	}
	var record bytes.Buffer
	enc := json.NewEncoder(&record)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(report); err != nil {
		return fmt.Errorf("run %s: %w", report.Run, err)
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	if err := writeWhole(r.Record(report.Run), record.Bytes()); err != nil {
		return err
	}
	return r.prune()
}

// Get gives a run by its id, by the beginning of an id that no other run shares,
// or, as "last", the newest. The error is a *NotFoundError, an *AmbiguousError
// or a *DamagedError when it is one of those.
func (r *Runs) Get(ref string) (*engine.Report, error) {
	ids, err := r.ids()
	if err != nil {
		return nil, err
	}
	if ref == Last {
		if len(ids) == 0 {
			return nil, &NotFoundError{ref, r.dir}
		}
		return r.read(ids[0])
	}
	var found []string
	for _, id := range ids {
		if ref != "" && strings.HasPrefix(id, strings.ToUpper(ref)) {
			found = append(found, id)
		}
	}
	switch {
	case len(found) == 0:
		return nil, &NotFoundError{ref, r.dir}
	case len(found) > 1:
		return nil, &AmbiguousError{ref, found[:min(len(found), 5)]}
	}
	return r.read(found[0])
}

// List gives the newest runs, the newest first, at most limit of them; 0 means
// all. Damaged records are left out and given apart, as *DamagedErrors.
func (r *Runs) List(limit int) (runs []Summary, damaged []error, err error) {
	ids, err := r.ids()
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if limit > 0 && len(runs) == limit {
			break
		}
		report, err := r.read(id)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		runs = append(runs, Summary{
			Run: report.Run, Runbook: report.Runbook, Status: report.Status, Target: report.Target,
			Started: report.Started, Headline: report.Headline,
		})
	}
	return runs, damaged, nil
}

// ids lists the kept runs, the newest first. Files that are not records, such as
// half-written ones, do not count.
func (r *Runs) ids() ([]string, error) {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		name, isRecord := strings.CutSuffix(e.Name(), ".json")
		if id, err := ulid.ParseStrict(name); isRecord && err == nil && id.String() == name {
			ids = append(ids, name)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}

func (r *Runs) read(id string) (*engine.Report, error) {
	data, err := os.ReadFile(r.Record(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotFoundError{id, r.dir}
	}
	if err != nil {
		return nil, err
	}
	var report engine.Report
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, &DamagedError{r.Record(id), err}
	}
	if report.Schema != engine.ReportSchema || report.Run != id {
		return nil, &DamagedError{r.Record(id), fmt.Errorf("it is not a %s of run %s", engine.ReportSchema, id)}
	}
	return &report, nil
}

// prune forgets all but the newest. Another process may be doing the same.
func (r *Runs) prune() error {
	ids, err := r.ids()
	if err != nil {
		return err
	}
	for _, id := range ids[min(len(ids), r.keep):] {
		if err := os.Remove(r.Record(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return r.pruneFiles(ids[min(len(ids), r.keep)-1])
}

// writeWhole writes a file so that a reader, or a crash, finds all of it or none.
func writeWhole(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".run-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path) // CreateTemp makes the file 0600
}
