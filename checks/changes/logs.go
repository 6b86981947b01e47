package changes

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// maxLogBytes is how much of a log is read, from its end; of a compressed one
	// it is how much is unpacked, from its start.
	maxLogBytes = 8 << 20
	// maxLogFiles is how many rotated files of a log are read.
	maxLogFiles = 14
	// maxLineBytes is how long a line can be. apt writes all packages of a run into
	// one, some 60 bytes for each.
	maxLineBytes = 1 << 20
)

// errNotRegular says that a file is a folder, a pipe or a device: reading it
// could take forever.
var errNotRegular = errors.New("is not a regular file")

// errPacked says that a log is packed by a program whose format we do not know.
var errPacked = errors.New("packed with something else than gzip or bzip2")

// openRegular opens a file only if reading it will end. It may be a link: some
// keep their logs elsewhere.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		return nil, nil, err
	}
	// Should it have become a pipe since, this does not wait for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// logFile is what was read of one file of a log.
type logFile struct {
	path     string
	text     []byte
	modified time.Time
	// beheaded tells that the file's beginning is missing, cut that its end is.
	beheaded, cut bool
}

// readTail reads the end of a file.
func readTail(path string, most int64) (logFile, error) {
	file, info, err := openRegular(path)
	if err != nil {
		return logFile{}, err
	}
	defer file.Close()
	log := logFile{path: path, modified: info.ModTime()}
	if start := info.Size() - most; start > 0 {
		if _, err := file.Seek(start, io.SeekStart); err != nil {
			return log, err
		}
		log.beheaded = true
	}
	log.text, err = io.ReadAll(io.LimitReader(file, most))
	return log, err
}

// readLog reads the end of a log file, or what a compressed one unpacks to. What
// was read before an error is given too.
func readLog(path string) (logFile, error) {
	var unpack func(io.Reader) (io.Reader, error)
	switch filepath.Ext(path) {
	case ".gz":
		unpack = func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case ".bz2":
		unpack = func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }
	default:
		if packed(path) {
			return logFile{}, errPacked
		}
		log, err := readTail(path, maxLogBytes)
		if log.beheaded {
			_, log.text, _ = bytes.Cut(log.text, []byte("\n")) // the first line is not whole
		}
		return log, err
	}
	file, info, err := openRegular(path)
	if err != nil {
		return logFile{}, err
	}
	defer file.Close()
	log := logFile{path: path, modified: info.ModTime()}
	unpacked, err := unpack(file)
	if err != nil {
		return log, fmt.Errorf("%s: %w", path, err)
	}
	log.text, err = io.ReadAll(io.LimitReader(unpacked, maxLogBytes+1))
	if log.cut = err != nil || len(log.text) > maxLogBytes; log.cut {
		log.text = log.text[:min(len(log.text), maxLogBytes)]
		log.text = log.text[:bytes.LastIndexByte(log.text, '\n')+1] // the last line is not whole
	}
	if err != nil {
		return log, fmt.Errorf("%s: %w", path, err)
	}
	return log, nil
}

// rotated lists the files of a log, the newest first, as far back as that time:
// the log itself, and log.1, log.2.gz or log-20260131.gz beside it. A log that is
// not there has none.
func rotated(path string, oldest time.Time) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil:
		return nil, err
	}
	type candidate struct {
		path     string
		modified time.Time
	}
	var found []candidate
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(entry.Name(), filepath.Base(path))
		if !ok || !rotation(rest) {
			continue
		}
		file := filepath.Join(filepath.Dir(path), entry.Name())
		info, err := os.Stat(file)
		if err != nil || (rest != "" && info.ModTime().Before(oldest)) {
			continue
		}
		found = append(found, candidate{file, info.ModTime()})
	}
	slices.SortFunc(found, func(a, b candidate) int { return b.modified.Compare(a.modified) })
	var paths []string
	for _, c := range found[:min(len(found), maxLogFiles)] {
		paths = append(paths, c.path)
	}
	return paths, nil
}

// rotation tells whether a file whose name goes on like this is an older part of
// the log, or the log.
func rotation(suffix string) bool {
	if suffix == "" {
		return true
	}
	if packed(suffix) {
		suffix = strings.TrimSuffix(suffix, filepath.Ext(suffix))
	}
	return len(suffix) > 1 && (suffix[0] == '.' || suffix[0] == '-') && strings.Trim(suffix[1:], "0123456789-") == ""
}

// packed tells whether a log was compressed when it was rotated away.
func packed(path string) bool {
	return slices.Contains([]string{".gz", ".bz2", ".xz", ".zst", ".lz4"}, filepath.Ext(path))
}

// lines goes through the lines of a text that are not too long.
func lines(all []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(all) > 0 {
			var line []byte
			line, all, _ = bytes.Cut(all, []byte("\n"))
			if len(line) <= maxLineBytes && !yield(string(line)) {
				return
			}
		}
	}
}

// why puts an error into the words of a report.
func why(path string, err error) (reason, fix string) {
	reason = "cannot read " + path
	if errors.Is(err, fs.ErrPermission) {
		return reason, "run gumshoe as root, or as a user that may read " + path
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	return reason + ": " + strings.TrimPrefix(err.Error(), path+": "), ""
}
