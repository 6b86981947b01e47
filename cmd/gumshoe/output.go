package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/term"

	"gumshoe/integrations/render"
)

// textOptions say how text is to look on w: colours only on a terminal that has
// them, and as wide as it is, within what can be read.
func textOptions(w io.Writer) render.Options {
	columns, _ := terminalSize(w)
	o := render.Options{Width: 80}
	if columns > 0 {
		o.Width = min(max(columns, 60), 110)
		o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
	}
	return o
}

// terminalSize is 0, 0 when w is not a terminal.
func terminalSize(w io.Writer) (columns, rows int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, 0
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return 80, 24
	}
	return columns, rows
}

// print writes a result to stdout. A reader that has gone away is no error.
func (a *app) print(write func(io.Writer) error) error {
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		return failWith(exitInternal, err)
	}
	if _, err := a.stdout.Write(buf.Bytes()); err != nil && !errors.Is(err, syscall.EPIPE) {
		return failWith(exitInternal, fmt.Errorf("stdout: %w; the result could not be written", err))
	}
	return nil
}

// printTo is print to a file, which is replaced as a whole; "" or "-" is stdout.
func (a *app) printTo(path string, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return a.print(write)
	}
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		return failWith(exitInternal, err)
	}
	if err := writeWhole(path, buf.Bytes()); err != nil {
		return failWith(exitInternal, fmt.Errorf("-o: %w; the result could not be written", err))
	}
	return nil
}

// checkWritable tells early that a result could not be written at the end.
func checkWritable(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("-o: %s is a folder; give a file's name", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("-o: there is no folder %s; make it first", filepath.Dir(path))
	}
	return nil
}

// writeWhole writes a file so that a reader finds all of it or none. What is not
// a plain file, such as /dev/stderr, is written to as it is.
func writeWhole(path string, data []byte) (err error) {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return os.WriteFile(path, data, mode)
		}
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".gumshoe-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Chmod(mode)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// warn tells of something that does not keep the program from its result.
func (a *app) warnf(format string, args ...any) {
	fmt.Fprintf(a.stderr, "gumshoe: warning: %s\n", render.Clean(fmt.Sprintf(format, args...)))
}
