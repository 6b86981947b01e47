package config

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Backup is a backup that should be there.
type Backup struct {
	At source.Position
	// Name is what it is called, Of what it is of, for a person.
	Name, Of string
	// Data is the folder of what is backed up; "" when nobody has said.
	Data string
	// Every is how often a new one is made.
	Every time.Duration
	// Keep is how many are kept; 0 when nobody has said.
	Keep int
	// MinSizeBytes is how large one is at least; 0 when nobody has said.
	MinSizeBytes int64
	// Format is what its files are; "auto" is told by their first bytes.
	Format string
	// Copies are where it is kept, that of paths first; at least one.
	Copies []BackupCopy
	// RestoreTest is a file that is written when a restore was tested; "" when there is
	// none. RestoreEvery is how often that should be.
	RestoreTest  string
	RestoreEvery time.Duration
}

// BackupCopy is a place in which a backup is kept: Paths, patterns of files or
// folders, or a URL.
type BackupCopy struct {
	At     source.Position
	Paths  []string
	URL    string
	Medium string
	// Offsite says that it is in another place than the data, Immutable that it cannot
	// be changed.
	Offsite, Immutable bool
}

const (
	maxCopies    = 20
	maxKeep      = 1000
	restoreEvery = 90 * 24 * time.Hour
	mediumOfPath = "disk"
	mediumOfURL  = "url"
)

var backupName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

// backupFormats are what the files of a backup can be declared to be.
func backupFormats() []string {
	return []string{"auto", "gzip", "zstd", "xz", "bzip2", "tar", "sql", "sqlite", "pg_dump", "directory", "other"}
}

func (r *reader) readBackups(node source.Node) {
	fields, _ := node.Mapping(`"backups"`, r.faults)
	for _, field := range fields {
		name := field.Key
		if !backupName.MatchString(name.Value) || len(name.Value) > 64 {
			r.faults.Addf(name.Position, "backup %q: a name is lower-case letters, digits and . _ -, at most 64, and starts and ends with a letter or digit", name.Value)
		}
		if field.Value.IsNull() {
			r.faults.Addf(name.Position, "backup %s is empty; say where it is and how often it is made, as in {paths: /var/backups/%s/*, every: 1d}", name.Value, name.Value)
			continue
		}
		if o, ok := field.Value.Object("backup "+name.Value, r.faults); ok {
			r.config.Backups = append(r.config.Backups, r.readBackup(name, o))
			o.Done()
		}
	}
}

func (r *reader) readBackup(name source.Text, o *source.Object) Backup {
	b := Backup{At: name.Position, Name: name.Value, Format: "auto", RestoreEvery: restoreEvery}
	of, _ := o.Field("of").String(`"of"`, r.faults)
	b.Of = of.Value
	if text, ok := o.Field("data").String(`"data"`, r.faults); ok {
		b.Data, _ = r.path(text, `"data"`)
	}
	if every, ok := o.Required("every"); ok {
		b.Every = r.interval(every, `"every"`)
	}
	if keep, ok := o.Field("keep").Int(`"keep"`, r.faults); ok {
		if keep < 1 || keep > maxKeep {
			r.faults.Addf(o.Field("keep").Position(), `"keep" is how many are kept, from 1 to %d, not %d`, maxKeep, keep)
		}
		b.Keep = int(keep)
	}
	b.MinSizeBytes = r.size(o.Field("min_size"), `"min_size"`)
	if text, ok := o.Field("format").String(`"format"`, r.faults); ok {
		if !slices.Contains(backupFormats(), text.Value) {
			r.faults.Addf(text.Position, "unknown format %q%s (allowed: %s)", text.Value,
				source.DidYouMean(text.Value, backupFormats()), strings.Join(backupFormats(), ", "))
		}
		b.Format = text.Value
	}
	r.readRestore(&b, o)
	r.readCopies(&b, o)
	return b
}

func (r *reader) readRestore(b *Backup, o *source.Object) {
	if text, ok := o.Field("restore_test").String(`"restore_test"`, r.faults); ok {
		b.RestoreTest, _ = r.path(text, `"restore_test"`)
	}
	if every := o.Field("restore_every"); !every.IsZero() {
		b.RestoreEvery = r.interval(every, `"restore_every"`)
		if o.Field("restore_test").IsZero() {
			r.faults.Addf(o.Key("restore_every").Position, `"restore_every" needs "restore_test": the file that is written when a restore was tested`)
		}
	}
}

// readCopies reads where a backup is kept: "paths" is the first place.
func (r *reader) readCopies(b *Backup, o *source.Object) {
	places := make(map[string]source.Position)
	medium := r.medium(o.Field("medium"))
	if paths := o.Field("paths"); !paths.IsZero() {
		if medium == "" {
			medium = mediumOfPath
		}
		b.Copies = append(b.Copies, BackupCopy{At: paths.Position(), Paths: r.patterns(paths, `"paths"`, places), Medium: medium})
	} else if medium != "" {
		r.faults.Addf(o.Key("medium").Position, `"medium" is that of "paths", which is missing; a copy has its own`)
	}
	node := o.Field("copies")
	items, _ := node.List(`"copies"`, r.faults)
	if len(items) > maxCopies {
		r.faults.Addf(node.Position(), "these are %d copies; at most %d are looked at", len(items), maxCopies)
	}
	for _, item := range items {
		if copied, ok := item.Object("a copy", r.faults); ok {
			b.Copies = append(b.Copies, r.readCopy(copied, places))
			copied.Done()
		}
	}
	if len(items) == 0 && o.Field("paths").IsZero() && (node.IsZero() || node.IsList()) {
		r.faults.Addf(o.Position(), `backup %s needs "paths", where its files are, or "copies"`, b.Name)
	}
}

func (r *reader) readCopy(o *source.Object, places map[string]source.Position) BackupCopy {
	c := BackupCopy{At: o.Position(), Medium: r.medium(o.Field("medium"))}
	paths, address := o.Field("path"), o.Field("url")
	c.Offsite, _ = o.Field("offsite").Bool(`"offsite"`, r.faults)
	c.Immutable, _ = o.Field("immutable").Bool(`"immutable"`, r.faults)
	switch {
	case !paths.IsZero() && !address.IsZero():
		r.faults.Addf(o.Key("url").Position, `a copy has a "path" or a "url", not both; make two of it`)
	case !paths.IsZero():
		c.Paths = r.patterns(paths, `"path"`, places)
	case !address.IsZero():
		if text, ok := address.String(`"url"`, r.faults); ok {
			c.URL = r.address(text, places)
		}
	default:
		r.faults.Addf(o.Position(), `a copy needs a "path" or a "url"`)
	}
	if c.Medium == "" {
		c.Medium = mediumOfPath
		if c.URL != "" {
			c.Medium = mediumOfURL
		}
	}
	return c
}

func (r *reader) medium(node source.Node) string {
	text, ok := node.String(`"medium"`, r.faults)
	if ok && strings.TrimSpace(text.Value) == "" {
		r.faults.Addf(text.Position, `"medium" names what a copy is kept on, such as disk, nas, tape or s3`)
	}
	return text.Value
}

// patterns reads where files are. The same place twice would count as two copies.
func (r *reader) patterns(node source.Node, what string, places map[string]source.Position) []string {
	texts, ok := node.Strings(what, r.faults)
	if ok && len(texts) == 0 {
		r.faults.Addf(node.Position(), "%s names no file", what)
	}
	var patterns []string
	for _, text := range texts {
		pattern, ok := r.path(text, what)
		if !ok {
			continue
		}
		if _, err := filepath.Match(pattern, ""); err != nil {
			r.faults.Addf(text.Position, `%s: %q is no pattern: a [ has no ], or a \ stands last`, what, text.Value)
			continue
		}
		if strings.Contains(pattern, "**") {
			r.faults.Addf(text.Position, "%s: %q: a * stands for one part of a path, and ** for no more; write */* for two", what, text.Value)
			continue
		}
		r.once(text, pattern, places)
		patterns = append(patterns, pattern)
	}
	return patterns
}

func (r *reader) address(text source.Text, places map[string]source.Position) string {
	parsed, err := url.Parse(text.Value)
	switch {
	case err == nil && parsed.Scheme == "s3":
		r.faults.Addf(text.Position, `"url" is asked for with HEAD: give the https URL of the object, signed if need be, and not s3://`)
	case engine.CheckURL(text.Value) != nil, err != nil, parsed.Scheme != "http" && parsed.Scheme != "https":
		r.faults.Addf(text.Position, `"url" must be a URL such as https://backups.example.com/orders.dump`)
	default:
		r.once(text, text.Value, places)
		return text.Value
	}
	return ""
}

// once refuses a place that is listed twice.
func (r *reader) once(text source.Text, place string, places map[string]source.Position) {
	if earlier, known := places[place]; known {
		r.faults.Addf(text.Position, "this place is already listed at %s, and would count as two copies; leave one out", earlier)
		return
	}
	places[place] = text.Position
}

// interval reads a duration that is longer than nothing.
func (r *reader) interval(node source.Node, what string) time.Duration {
	d, ok := node.Duration(what, r.faults)
	if ok && d < time.Minute {
		r.faults.Addf(node.Position(), "%s must be at least 1m, not %s", what, source.FormatDuration(d))
	}
	return d
}

// size reads a number of bytes, also with a unit.
func (r *reader) size(node source.Node, what string) int64 {
	if node.IsZero() {
		return 0
	}
	if !node.IsString() {
		n, ok := node.Int(what, r.faults)
		if ok && n < 0 {
			r.faults.Addf(node.Position(), "%s must be a size such as 10MiB, not %d", what, n)
		}
		return n
	}
	text, _ := node.String(what, r.faults)
	match := regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)$`).FindStringSubmatch(text.Value)
	if match != nil {
		number, err := strconv.ParseFloat(match[1], 64)
		if unit := sizeUnit(match[2]); err == nil && unit > 0 && number*unit < 1<<62 {
			return int64(number * unit)
		}
	}
	r.faults.Addf(text.Position, "%s must be a size such as 10MiB or 2GB, not %q (units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)", what, text.Value)
	return 0
}

func sizeUnit(name string) float64 {
	switch name {
	case "B":
		return 1
	case "kB", "KB":
		return 1e3
	case "MB":
		return 1e6
	case "GB":
		return 1e9
	case "TB":
		return 1e12
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	case "TiB":
		return 1 << 40
	}
	return 0
}
