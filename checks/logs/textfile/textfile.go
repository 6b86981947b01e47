// Package textfile reads the files of logs, with their rotated and compressed
// generations, in blocks of whole lines, and finds the part of a plain file in a
// window of time by bisecting. What a line means is the caller's business: it says
// where a message starts and when a line was written.
//
// Files are read with pread into buffers that are used again, and never mapped: a
// mapped file that is truncated ends the process.
package textfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Log is a log with its generations, the oldest first. The last is the file of
// Path itself, unless there is none at the moment, as between a rotation's rename
// and the new file.
type Log struct {
	Path        string // absolute, as the pattern gave it
	Generations []File
	rotated     bool
}

// File is one file of a log as it was when it was listed.
type File struct {
	Path        string
	Size        int64 // bytes on the disk
	Modified    time.Time
	Compression Compression
	Skipped     string // why it cannot be read, such as "a directory"; empty for a file that can be
	identity    identity
}

// identity tells files apart whatever they are called.
type identity struct{ device, inode uint64 }

func identify(info fs.FileInfo) identity {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return identity{uint64(s.Dev), s.Ino} //nolint:unconvert,nolintlint // signed elsewhere
	}
	return identity{}
}

// settling is how often a listing is repeated while rotation changes it.
const settling = 5

// Find lists the logs that patterns name, sorted by path, each file once: patterns
// are absolute and of path/filepath's syntax. When rotated is set, a log has its
// generations: app.log.1, app.log.2.gz, app.log-20240102.zst, app.log.2024-01-02
// and app.log.old are of app.log, app-2024-01-02.log is not. A file that stands
// beside its compressed copy is listed alone. Symbolic links are followed.
//
// A bad pattern is an error that tells its column (the first is 1); no match is an
// empty list. What cannot be looked at, such as a folder without permission, is an
// error too, joined with the others; the logs that were found are given all the same.
func Find(patterns []string, rotated bool) ([]Log, error) {
	var faults []error
	for _, p := range patterns {
		if err := check(p); err != nil {
			faults = append(faults, err)
		}
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	logs, err := list(patterns, rotated)
	for range settling {
		again, errAgain := list(patterns, rotated)
		same := slices.EqualFunc(logs, again, sameFiles)
		logs, err = again, errAgain
		if same {
			break
		}
	}
	return logs, err
}

func sameFiles(a, b Log) bool {
	return a.Path == b.Path && slices.EqualFunc(a.Generations, b.Generations, func(a, b File) bool {
		return a.Path == b.Path && a.identity == b.identity
	})
}

// list looks once.
func list(patterns []string, rotated bool) ([]Log, error) {
	var faults []error
	paths := map[string]bool{}
	for _, p := range patterns {
		found, err := expand(filepath.Clean(p))
		if err != nil {
			faults = append(faults, err)
		}
		for _, path := range found {
			paths[path] = true
		}
	}
	folders := map[string][]string{}
	var logs []Log
	for path := range paths {
		log := Log{Path: path, rotated: rotated}
		if rotated && generationOfAny(path, paths) {
			continue
		}
		var names []generation
		if rotated {
			folder := filepath.Dir(path)
			if _, ok := folders[folder]; !ok {
				listed, err := readNames(folder)
				if err != nil {
					faults = append(faults, err)
				}
				folders[folder] = listed
			}
			names = generations(filepath.Base(path), folders[folder])
		}
		files, err := stat(path, names)
		if err != nil {
			faults = append(faults, err)
		}
		log.Generations = files
		if len(files) > 0 {
			logs = append(logs, log)
		}
	}
	slices.SortFunc(logs, func(a, b Log) int { return cmp.Compare(a.Path, b.Path) })
	return once(logs), errors.Join(faults...)
}

// once leaves out the files that an earlier log or generation has, under whatever name.
func once(logs []Log) []Log {
	seen := map[identity]bool{}
	var kept []Log
	for _, log := range logs {
		// The live file's own name wins over a link to it among the generations.
		slices.Reverse(log.Generations)
		log.Generations = slices.DeleteFunc(log.Generations, func(f File) bool {
			again := f.identity != identity{} && seen[f.identity]
			seen[f.identity] = true
			return again
		})
		slices.Reverse(log.Generations)
		if len(log.Generations) > 0 {
			kept = append(kept, log)
		}
	}
	return kept
}

// look describes one file. A file that is gone is fs.ErrNotExist.
func look(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	f := File{Path: path, Size: info.Size(), Modified: info.ModTime(), identity: identify(info)}
	if f.Skipped = unreadable(info.Mode()); f.Skipped != "" {
		return f, nil
	}
	file, err := openRegular(path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			f.Skipped = "no permission to read it"
			return f, nil
		}
		return f, err
	}
	defer file.Close()
	f.Compression, err = compressionOf(file)
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// unreadable says what a file is that may hang its reader.
func unreadable(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return ""
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "not a regular file"
	}
}
