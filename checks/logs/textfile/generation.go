package textfile

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// generation is a file name that rotation gave.
type generation struct {
	name string
	stem string // the name without what compression adds
	kind byte   // 'o' for .old, 'd' for a date, 'n' for a number
	key  string // within a kind, what sorts from old to new
}

// rotation matches what rotation adds to a name: logrotate(8) a number or, with
// dateext, -20240102 or what dateformat says; Log4j and Logback a date behind a
// point, and a number behind it.
var rotation = regexp.MustCompile(`^(?:(\.old)|\.([0-9]{1,5})|[-.]([0-9]{8,14}|` +
	`[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[-_T][0-9]{2}(?:[-_]?[0-9]{2}){0,2})?)(?:[-.]([0-9]{1,5}))?)` +
	`(\.(?:gz|zst|bz2|xz))?$`)

// generations picks those of a log from the names of its folder.
func generations(base string, names []string) []generation {
	var found []generation
	for _, name := range names {
		if g, ok := generationOf(base, name); ok {
			found = append(found, g)
		}
	}
	return found
}

func generationOf(base, name string) (generation, bool) {
	rest, ok := strings.CutPrefix(name, base)
	if !ok {
		return generation{}, false
	}
	m := rotation.FindStringSubmatch(rest)
	if m == nil {
		return generation{}, false
	}
	g := generation{name: name, stem: strings.TrimSuffix(name, m[5])}
	pad := func(digits string) string { return strings.Repeat("0", 5-len(digits)) + digits }
	switch {
	case m[1] != "":
		g.kind = 'o'
	case m[2] != "":
		number := []byte(pad(m[2])) // a higher number is older
		for i, c := range number {
			number[i] = '0' + '9' - c
		}
		g.kind, g.key = 'n', string(number)
	default:
		g.kind = 'd'
		g.key = strings.NewReplacer("-", "", "_", "", "T", "").Replace(m[3]) + "." + pad(m[4])
	}
	return g, true
}

// generationOfAny is true of a path that another path has among its generations,
// as with the pattern app.log*.
func generationOfAny(path string, paths map[string]bool) bool {
	folder, name := filepath.Split(path)
	for i := 1; i < len(name); i++ {
		if name[i] != '.' && name[i] != '-' || !paths[folder+name[:i]] {
			continue
		}
		if _, ok := generationOf(name[:i], name); ok {
			return true
		}
	}
	return false
}

// stat looks at the files of a log, and orders them. Kinds of names are kept
// together, the kind with the oldest file first: a log has two of them only when
// its rotation was changed.
func stat(path string, names []generation) ([]File, error) {
	type aged struct {
		generation
		File
	}
	var faults []error
	var files []aged
	oldest := map[byte]int64{}
	slices.SortFunc(names, func(a, b generation) int {
		return cmp.Or(cmp.Compare(a.stem, b.stem), cmp.Compare(len(a.name), len(b.name)))
	})
	for i, g := range names {
		if i > 0 && g.stem == names[i-1].stem && slices.ContainsFunc(files, func(f aged) bool {
			return f.stem == g.stem && f.Skipped == ""
		}) {
			continue // a compressed copy beside its file may still be growing
		}
		f, err := look(filepath.Join(filepath.Dir(path), g.name))
		if err != nil {
			if !gone(err) {
				faults = append(faults, err)
			}
			continue
		}
		at := f.Modified.UnixNano()
		if known, ok := oldest[g.kind]; !ok || at < known {
			oldest[g.kind] = at
		}
		files = append(files, aged{g, f})
	}
	slices.SortStableFunc(files, func(a, b aged) int {
		if a.kind != b.kind {
			return cmp.Or(cmp.Compare(oldest[a.kind], oldest[b.kind]), cmp.Compare(a.kind, b.kind))
		}
		return cmp.Compare(a.key, b.key)
	})
	var sorted []File
	for _, f := range files {
		sorted = append(sorted, f.File)
	}
	live, err := look(path)
	switch {
	case err == nil:
		sorted = append(dropCopy(sorted, live), live)
	case !gone(err):
		faults = append(faults, err)
	}
	return sorted, errors.Join(faults...)
}

func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// dropCopy drops the newest generation when it is what logrotate's copytruncate has
// copied so far, and the live file is not truncated yet.
func dropCopy(older []File, live File) []File {
	if len(older) == 0 {
		return older
	}
	last := older[len(older)-1]
	if last.Size == 0 || last.Size > live.Size || last.Skipped+live.Skipped != "" ||
		last.Compression != None || live.Compression != None {
		return older
	}
	a, errA := head(last.Path, 64<<10)
	b, errB := head(live.Path, 64<<10)
	if errA != nil || errB != nil || len(a) == 0 || !bytes.HasPrefix(b, a) {
		return older
	}
	return older[:len(older)-1]
}

func head(path string, n int) ([]byte, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readHead(file, n)
}
