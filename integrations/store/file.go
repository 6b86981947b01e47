package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/oklog/ulid/v2"

	"gumshoe/engine"
)

// fileName is what a file beside a record may be called.
var fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// maxSameName bounds how many files of one name a run has.
const maxSameName = 1000

// Files is the folder of the files that stand beside the record of a run.
func (r *Runs) Files(id string) string { return filepath.Join(r.dir, id) }

// File begins a file beside the record of a run, which goes when the record does.
// It is readable by its owner only, and has a number in its name when there is one
// of that name already. A file that is neither kept nor discarded, as when the
// program is killed, goes with its run too.
func (r *Runs) File(id, name string) (engine.File, error) {
	if parsed, err := ulid.ParseStrict(id); err != nil || parsed.String() != id {
		return nil, fmt.Errorf("%q is not a run's id", id)
	}
	if !fileName.MatchString(name) {
		return nil, fmt.Errorf("%q is not a name of a file to keep: letters, digits, dot, dash and underscore", name)
	}
	if err := os.MkdirAll(r.Files(id), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(r.Files(id), ".part-*")
	if err != nil {
		return nil, err
	}
	return &file{File: f, name: name}, nil
}

// file is a file that is being written.
type file struct {
	*os.File
	name  string
	ended bool
}

// Keep implements engine.File. What it keeps is on disk when it returns.
func (f *file) Keep() (string, error) {
	if f.ended {
		return "", fs.ErrClosed
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	folder, extension := filepath.Dir(f.Name()), filepath.Ext(f.name)
	stem := strings.TrimSuffix(f.name, extension)
	for i := 1; i <= maxSameName; i++ {
		path := filepath.Join(folder, f.name)
		if i > 1 {
			path = filepath.Join(folder, fmt.Sprintf("%s-%d%s", stem, i, extension))
		}
		err := os.Link(f.Name(), path) // which fails where one is already
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return path, f.Discard()
	}
	return "", fmt.Errorf("a run keeps at most %d files called %s", maxSameName, f.name)
}

// Discard implements engine.File.
func (f *file) Discard() error {
	if f.ended {
		return nil
	}
	f.ended = true
	err := errors.Join(f.Close(), os.Remove(f.Name()))
	_ = os.Remove(filepath.Dir(f.Name())) // goes only when nothing else is in it
	return err
}

// pruneFiles removes the files of runs that are older than the oldest that is kept.
func (r *Runs) pruneFiles(oldest string) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if id, err := ulid.ParseStrict(e.Name()); !e.IsDir() || err != nil || id.String() != e.Name() || e.Name() >= oldest {
			continue
		}
		if err := os.RemoveAll(r.Files(e.Name())); err != nil {
			return err
		}
	}
	return nil
}
