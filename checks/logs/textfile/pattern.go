package textfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// check refuses a pattern that path/filepath does not take. It has to tell where,
// which filepath.Match does not.
func check(pattern string) error {
	if !filepath.IsAbs(pattern) {
		return fmt.Errorf("pattern %q, column 1: not an absolute path: begin it with /", pattern)
	}
	column, fault := 0, ""
	for i := 0; i < len(pattern) && fault == ""; i++ {
		switch pattern[i] {
		case '\\':
			if column, i = i, i+1; i == len(pattern) {
				fault = `\ at the end escapes nothing: write \\ for a backslash`
			}
		case '[':
			column = i
			i, fault = class(pattern, i)
		}
	}
	if fault == "" {
		if _, err := filepath.Match(pattern, ""); err == nil {
			return nil
		}
		fault = "not a pattern"
	}
	return fmt.Errorf("pattern %q, column %d: %s", pattern, column+1, fault)
}

// class gives where the class of characters that opens at i is closed, or what is
// wrong with it.
func class(pattern string, i int) (end int, fault string) {
	i++
	if i < len(pattern) && pattern[i] == '^' {
		i++
	}
	for first := true; i < len(pattern); i, first = i+1, false {
		switch pattern[i] {
		case ']':
			if first {
				return i, `a class without characters: write \[ for a bracket`
			}
			return i, ""
		case '/':
			return i, `[ is not closed before the next /: write \[ for a bracket`
		case '\\':
			i++
		}
	}
	return i, `[ is not closed: write \[ for a bracket`
}

// expand gives the paths that exist, sorted within a folder. filepath.Glob would
// take a folder that it may not read for an empty one. A pattern without any
// wildcard is given whether the file exists or not: its generations may.
func expand(pattern string) ([]string, error) {
	paths := []string{"/"}
	var faults []error
	for part := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
		var next []string
		for _, folder := range paths {
			if !strings.ContainsAny(part, `*?[\`) {
				next = append(next, filepath.Join(folder, part))
				continue
			}
			names, err := readNames(folder)
			if err != nil {
				faults = append(faults, err)
			}
			for _, name := range names {
				if ok, _ := filepath.Match(part, name); ok && visible(part, name) {
					next = append(next, filepath.Join(folder, name))
				}
			}
		}
		paths = next
	}
	return paths, errors.Join(faults...)
}

// visible is what a shell has: * does not match names that begin with a point.
func visible(pattern, name string) bool {
	return name[0] != '.' || pattern[0] == '.' || pattern[0] == '\\' || pattern[0] == '['
}

// readNames lists a folder. One that is not there, or is a file, has no names.
func readNames(folder string) ([]string, error) {
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return nil, nil // opening a pipe could hang
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
