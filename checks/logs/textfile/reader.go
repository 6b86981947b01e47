package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrGone is of a file that was listed and is not there any more, under any name of
// its folder: rotation compressed, replaced or deleted it. List the log again.
var ErrGone = errors.New("the file is gone since it was listed, as after a rotation: list the log again")

// Reader reads one file as it was when it was opened. Its methods may be used
// concurrently; Close may not.
type Reader struct {
	File File // Path is where the file was found, Size what it had when it was opened

	file  *os.File
	start []byte // of the file, to see that it was truncated and written anew
}

// fingerprint is how much of a file's start is remembered.
const fingerprint = 512

// Open opens the file for reading. It opens the very file that was listed, which
// rotation may have given another name meanwhile, or gives an error that is ErrGone.
// What is read ends at the size that the file has now: a growing file is not chased.
func (f File) Open() (*Reader, error) {
	if f.Skipped != "" {
		return nil, fmt.Errorf("%s: %s is not read", f.Path, f.Skipped)
	}
	r, err := f.openAs(f.Path)
	if !errors.Is(err, ErrGone) {
		return r, err
	}
	folder := filepath.Dir(f.Path)
	names, errNames := readNames(folder)
	if errNames != nil {
		return nil, errNames
	}
	for _, name := range names {
		path := filepath.Join(folder, name)
		if info, errStat := os.Stat(path); errStat != nil || identify(info) != f.identity {
			continue
		}
		if r, errOther := f.openAs(path); !errors.Is(errOther, ErrGone) {
			return r, errOther
		}
	}
	return nil, fmt.Errorf("%s: %w", f.Path, ErrGone)
}

func (f File) openAs(path string) (*Reader, error) {
	file, err := openRegular(path)
	if gone(err) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && identify(info) != f.identity {
		err = ErrGone
	}
	r := &Reader{File: f, file: file}
	if err == nil {
		r.start, err = readHead(file, fingerprint)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	r.File.Path, r.File.Size, r.File.Modified = path, info.Size(), info.ModTime()
	r.File.Compression = magic(r.start) // it was perhaps empty when it was listed
	r.start = r.start[:min(int64(len(r.start)), info.Size())]
	return r, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Open opens all the generations that can be read, the oldest first. It looks the log
// up again when rotation took a file away, so that no generation is missed or opened
// twice: a file that is open stays readable whatever becomes of its name. The caller
// closes the readers.
func (l Log) Open() ([]*Reader, error) {
	for range settling {
		readers, err := l.openOnce()
		if err == nil || !errors.Is(err, ErrGone) {
			return readers, err
		}
		again, err := list([]string{escape(l.Path)}, l.rotated)
		if err != nil {
			return nil, err
		}
		if len(again) == 0 {
			return nil, nil
		}
		l = again[0]
	}
	return nil, fmt.Errorf("%s is rotated all the time: %w", l.Path, ErrGone)
}

func (l Log) openOnce() ([]*Reader, error) {
	var readers []*Reader
	for _, f := range l.Generations {
		if f.Skipped != "" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			for _, r := range readers {
				r.Close()
			}
			return nil, err
		}
		readers = append(readers, r)
	}
	return readers, nil
}

// escape makes a pattern that matches a path alone.
func escape(path string) string {
	var b bytes.Buffer
	for i := range len(path) {
		if strings.IndexByte(`*?[\`, path[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// openRegular opens a regular file, and never waits for the other end of a pipe.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New(unreadable(info.Mode()) + " is not read")}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func readHead(file io.ReaderAt, n int) ([]byte, error) {
	b := make([]byte, n)
	n, err := file.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// truncated is true when the file was cut or written anew since it was opened.
func (r *Reader) truncated() (bool, error) {
	info, err := r.file.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() < r.File.Size {
		return true, nil
	}
	now, err := readHead(r.file, len(r.start))
	return !bytes.Equal(now, r.start), err
}
