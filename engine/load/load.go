// Package load makes runbooks of the files that people write: it finds the
// file, reads it with what it uses, compiles every expression against the
// outputs of the checks, and tells all that is wrong, each with its place and
// the likely fix. docs/language.md is the reference of what it accepts.
//
// It runs nothing. What it makes is complete: the run loop meets no name that
// is not there and no expression that does not compile.
package load

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Loader finds and loads runbooks. It keeps nothing between calls, so one can
// be used from several goroutines.
type Loader struct {
	// Registry holds the checks that steps can name.
	Registry *engine.Registry
	// Dirs are folders in which a runbook is looked for by its name, in order. One
	// that does not exist holds none.
	Dirs []string
	// Stock holds the runbooks that come with the program, NAME.yaml each, which
	// are looked for last; nil means that there are none.
	Stock fs.FS
}

// Load loads the runbook that ref names: a path when ref has a slash in it or
// ends with .yaml or .yml, and otherwise a name to be looked for. When anything
// is Wrong the runbook is nil; warnings are also in Runbook.Warnings.
func (l *Loader) Load(ref string) (*engine.Runbook, source.Faults) {
	var faults source.Faults
	at, ok := l.find(ref)
	if !ok {
		faults.Addf(source.Position{}, "there is no runbook %q%s", ref, l.elsewhere(ref))
		return nil, faults
	}
	return l.load(at, false)
}

// Place is where a runbook that can be named was found.
type Place struct {
	Name string
	// File is how the place is shown: a path, or stock:NAME.yaml.
	File string

	stock fs.FS // nil for a file of the operating system
}

// List gives the runbooks that can be named, sorted by name. A name that stands
// in several places is given once, where Load would find it.
func (l *Loader) List() []Place {
	found := make(map[string]Place)
	for _, dir := range l.Dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // Load and Lint say what is wrong with a file that is asked for
		}
		for _, e := range entries {
			if name, ok := runbookName(e.Name()); ok && !e.IsDir() {
				if _, known := found[name]; !known {
					found[name] = Place{Name: name, File: filepath.Join(dir, e.Name())}
				}
			}
		}
	}
	for _, name := range stockNames(l.Stock) {
		if _, known := found[name]; !known {
			found[name] = stockPlace(l.Stock, name)
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Place) int { return strings.Compare(a.Name, b.Name) })
}

// LoadPlace loads a runbook that List gave.
func (l *Loader) LoadPlace(at Place) (*engine.Runbook, source.Faults) { return l.load(at, false) }

// Lint tells what is wrong with, and odd about, runbooks: of a file, its own
// faults with those of what it uses; of a folder, those of each *.yaml and *.yml
// right in it but gumshoe.yaml; of a name, those of the runbook that Load would find. Without
// any refs it takes all that List gives. A file with neither title nor
// hypotheses is a part for others to use, and is checked as one. The second
// result is how many files were looked at.
func (l *Loader) Lint(refs ...string) (source.Faults, int) {
	var faults source.Faults
	var places []Place
	if len(refs) == 0 {
		places = l.List()
	}
	for _, ref := range refs {
		if entries, err := os.ReadDir(ref); err == nil {
			before := len(places)
			for _, e := range entries {
				ext := filepath.Ext(e.Name())
				if !e.IsDir() && (ext == ".yaml" || ext == ".yml") && e.Name() != configFile {
					places = append(places, pathPlace(filepath.Join(ref, e.Name())))
				}
			}
			if len(places) == before {
				faults.Addf(source.Position{File: ref}, "there is no runbook (*.yaml) in this folder")
			}
			continue
		}
		at, ok := l.find(ref)
		if !ok {
			faults.Addf(source.Position{}, "there is no runbook %q%s", ref, l.elsewhere(ref))
			continue
		}
		places = append(places, at)
	}
	for _, at := range places {
		_, more := l.load(at, true)
		faults = append(faults, more...)
	}
	return faults.Sorted(), len(places)
}

// load loads one file with all that it uses. A part is allowed when it is not
// to be run.
func (l *Loader) load(at Place, partAllowed bool) (*engine.Runbook, source.Faults) {
	var faults source.Faults
	b := newBuilder(l, &faults)
	b.partAllowed = partAllowed
	book := b.build(at)
	faults = faults.Sorted()
	if faults.Err() != nil {
		return nil, faults
	}
	book.Warnings = faults
	return book, faults
}

// find gives the place of a runbook. A path is taken as it is: reading it tells
// what is wrong with it.
func (l *Loader) find(ref string) (Place, bool) {
	if isPath(ref) {
		return pathPlace(ref), true
	}
	return l.byName(ref, "")
}

// byName looks for a runbook beside a file first, when one is given.
func (l *Loader) byName(name, beside string) (Place, bool) {
	if !kebab.MatchString(name) {
		return Place{}, false
	}
	dirs := l.Dirs
	if beside != "" {
		dirs = append([]string{beside}, dirs...)
	}
	for _, dir := range dirs {
		for _, ext := range []string{".yaml", ".yml"} {
			path := filepath.Join(dir, name+ext)
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				return pathPlace(path), true
			}
		}
	}
	if slices.Contains(stockNames(l.Stock), name) {
		return stockPlace(l.Stock, name), true
	}
	return Place{}, false
}

// elsewhere says what could have been meant by a name that is not there.
func (l *Loader) elsewhere(ref string) string {
	var names []string
	for _, at := range l.List() {
		names = append(names, at.Name)
	}
	if near := source.DidYouMean(ref, names); near != "" {
		return near
	}
	if _, err := os.Stat(ref + ".yaml"); err == nil {
		return fmt.Sprintf("; for the file here, write ./%s.yaml", ref)
	}
	if len(names) == 0 {
		return "; give the path of a file"
	}
	return "; `gumshoe list` names those there are, and a file is given by its path"
}

// read reads the file at the place.
func (at Place) read(faults *source.Faults) (source.Node, bool) {
	if at.stock != nil {
		return source.ReadFS(at.stock, at.Name+".yaml", at.File, faults)
	}
	return source.ReadFile(at.File, faults)
}

// same tells whether two places are the same file.
func (at Place) same(other Place) bool {
	if at.stock != nil || other.stock != nil {
		return at.File == other.File
	}
	return absolute(at.File) == absolute(other.File)
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return filepath.Clean(path)
}

// dir is the folder that a file of the operating system stands in.
func (at Place) dir() string {
	if at.stock != nil {
		return ""
	}
	return filepath.Dir(at.File)
}

func isPath(ref string) bool {
	return strings.ContainsAny(ref, `/\`) || strings.HasSuffix(ref, ".yaml") || strings.HasSuffix(ref, ".yml")
}

func pathPlace(path string) Place {
	name := filepath.Base(path)
	return Place{Name: strings.TrimSuffix(name, filepath.Ext(name)), File: path}
}

func stockPlace(stock fs.FS, name string) Place {
	return Place{Name: name, File: "stock:" + name + ".yaml", stock: stock}
}

func stockNames(stock fs.FS) []string {
	if stock == nil {
		return nil
	}
	files, err := fs.Glob(stock, "*.yaml")
	if err != nil {
		return nil // the pattern is well formed
	}
	var names []string
	for _, file := range files {
		if name, ok := runbookName(file); ok {
			names = append(names, name)
		}
	}
	return names
}

// kebab is the form of a runbook's name.
var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// configFile is the name of the file that says what Gumshoe may do, which often
// stands beside runbooks and is none.
const configFile = "gumshoe.yaml"

// runbookName gives the name of the runbook that a file of this name holds.
func runbookName(file string) (string, bool) {
	ext := filepath.Ext(file)
	name := strings.TrimSuffix(file, ext)
	return name, (ext == ".yaml" || ext == ".yml") && kebab.MatchString(name) && file != configFile
}
