// Package backups looks at the backups that an operator has declared: whether they
// are there, fresh, whole, and in enough places. It reads files and asks for the
// headers of URLs; it runs no backup program and restores nothing.
package backups

import (
	"fmt"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Declared is a backup as gumshoe.yaml declares it.
type Declared struct {
	// Name is what it is called, Of what it is of, for a person; "" says no more.
	Name, Of string
	// Data is where what is backed up lies, to tell its disk from those of the copies;
	// "" means that nobody has said.
	Data string
	// Every is how often a new one is made.
	Every time.Duration
	// Keep is how many are kept; 0 means that nobody has said.
	Keep int
	// MinSizeBytes is how large one is at least; 0 means any size but 0.
	MinSizeBytes int64
	// Format is what the files are: Auto, gzip, zstd, xz, bzip2, tar, sql, sqlite,
	// pg_dump, directory or other. Packed files may be declared by what is in them.
	Format string
	// Copies are where it is kept.
	Copies []DeclaredCopy
	// RestoreTest is a file that is written when a restore was tested; "" means none.
	RestoreTest string
	// RestoreEvery is how often that should be.
	RestoreEvery time.Duration
}

// DeclaredCopy is one place in which a backup is kept.
type DeclaredCopy struct {
	// Paths are patterns of files or folders, absolute; or URL is where to ask for one.
	Paths []string
	URL   string
	// Medium names what it is kept on, such as disk, nas, tape or s3.
	Medium string
	// Offsite says that it is in another place than the data, Immutable that it cannot
	// be changed.
	Offsite, Immutable bool
}

// Auto is the format that is told by the file's first bytes.
const Auto = "auto"

// Backups makes the check of declared backups. The zero value has none.
type Backups struct {
	declared []Declared
	allow    *reach.AllowList
	root     string // of /proc and /sys; "" for this host's
	now      func() time.Time
}

// New gives the check of these backups, which connects to what the list allows.
func New(declared []Declared, allow *reach.AllowList) Backups {
	return Backups{declared: declared, allow: allow}
}

// StateInput are the inputs of backups.state.
type StateInput struct {
	// Backup is the name of the one to look at; "" means all that are declared.
	Backup string `json:"backup"`
	// Verify says how the newest file of each copy is verified: read (it is read, as
	// far as max_bytes goes), header (only its first bytes are), or none.
	Verify string `json:"verify" default:"read" enum:"read,header,none"`
	// MaxBytes is how much of a file is read, and an eighth of how much is unpacked from
	// it; beyond it a file is verified partly.
	MaxBytes int64 `json:"max_bytes" default:"268435456" min:"4096" max:"1099511627776"`
	// Timeout is how long all may take together. What was not verified by then is
	// verified partly, or not.
	Timeout time.Duration `json:"timeout" default:"60s" min:"100ms" max:"30m"`
}

// State is what backups.state observes.
type State struct {
	// Backups are the declared backups that were looked at, by name; at most 100.
	Backups []Backup `json:"backups" expr:"backups"`
	// Copies are the copies of these backups, in the order in which they are declared.
	Copies []Copy `json:"copies" expr:"copies"`
	// RuleHolds says that the 3-2-1-1-0 rule holds for all of them.
	RuleHolds bool `json:"rule_holds" expr:"rule_holds"`
}

// Backup is one declared backup, with the sums that the 3-2-1-1-0 rule is about.
type Backup struct {
	// Name is its name in gumshoe.yaml.
	Name string `json:"name" expr:"name"`
	// Of is what it is of, as declared.
	Of string `json:"of" expr:"of"`
	// EverySeconds is how often a new one should be made.
	EverySeconds float64 `json:"every_seconds" expr:"every_seconds"`
	// DeclaredCopies is how many copies are declared, the data itself not counted.
	DeclaredCopies int `json:"declared_copies" expr:"declared_copies"`
	// DeclaredOffsite is how many of these are declared to be offsite, and are not on the
	// disk of the data.
	DeclaredOffsite int `json:"declared_offsite" expr:"declared_offsite"`
	// DeclaredMedia is on how many different media the data and its copies should be,
	// by the disks that their places are on now, in whatever state they are. Unread as
	// media is.
	DeclaredMedia int `json:"declared_media" expr:"declared_media"`
	// MissingCopies is how many of the declared copies have no file at all.
	MissingCopies int `json:"missing_copies" expr:"missing_copies"`
	// Overdue says that even the newest file of all copies is: none was made.
	Overdue bool `json:"overdue" expr:"overdue"`
	// Copies is how many good copies there are, the data itself counted as one, as the
	// rule does: it wants 3. A copy is good when it is whole, as far as was verified,
	// and not overdue.
	Copies int `json:"copies" expr:"copies"`
	// Media is on how many different media the data and its good copies are: disks,
	// file servers, or whatever the URLs' medium is. The rule wants 2. Unread when
	// nobody has said where the data is, unless the copies alone are on two.
	Media int `json:"media" expr:"media"`
	// OffsiteCopies is how many good copies are declared to be offsite; the rule wants 1.
	OffsiteCopies int `json:"offsite_copies" expr:"offsite_copies"`
	// ImmutableCopies is how many good copies were seen to be protected from change; the
	// rule wants 1.
	ImmutableCopies int `json:"immutable_copies" expr:"immutable_copies"`
	// ProtectedCopies is how many copies were seen to be protected from change, good or
	// not. Unread when there is none, and one could not be looked at.
	ProtectedCopies int `json:"protected_copies" expr:"protected_copies"`
	// Errors is how many copies are not good; the rule wants 0.
	Errors int `json:"errors" expr:"errors"`
	// NewestAgeSeconds is the age of the newest good copy; unread without one.
	NewestAgeSeconds float64 `json:"newest_age_seconds" expr:"newest_age_seconds"`
	// RestoreTest is whether a restore was tested: recently; long_ago (longer than
	// declared); never (the file that records it is not there); not_declared (nobody
	// has said where it is recorded).
	RestoreTest string `json:"restore_test" expr:"restore_test" enum:"recently,long_ago,never,not_declared"`
	// RestoreTestAgeSeconds is how long ago that was; unread when it was never.
	RestoreTestAgeSeconds float64 `json:"restore_test_age_seconds" expr:"restore_test_age_seconds"`
	// RuleHolds says that the 3-2-1-1-0 rule holds: 3 copies with the data, on 2 media,
	// 1 of them offsite, 1 that cannot be changed, and 0 errors.
	RuleHolds bool `json:"rule_holds" expr:"rule_holds"`
}

// State is the check backups.state.
//
// It looks at the copies of the backups that gumshoe.yaml declares under backups:
// finds the newest file of each, and reads it as far as its format and the bounds
// allow: gzip, zstd and bzip2 to their checksums, a tar to its end mark, an SQL dump to
// the line that says that it is complete, a custom dump of PostgreSQL through all its
// blocks; of xz and SQLite it verifies the structure. That a file can be read does
// not show that it can be restored: only a test does. Files that gumshoe may not read
// are unread, never whole. A URL is asked for with HEAD, and its content is not read.
// Of a copy the newest 1,000 files are considered.
//
// Example:
//
//	state: { check: backups.state }
//
// By hand:
//
//	ls -lt /var/backups/orders | head
//	gzip -t /var/backups/orders/latest.sql.gz
//	pg_restore --list /var/backups/orders/latest.dump
//	lsattr /var/backups/orders/latest.dump
func (b Backups) State() engine.Check[StateInput, State] {
	return engine.Check[StateInput, State]{
		Name:      "backups.state",
		Doc:       "Whether the declared backups are there, fresh, whole and in enough places: the 3-2-1-1-0 rule.",
		Cost:      5 * time.Second,
		Risk:      engine.Read,
		Plan:      b.plan,
		Run:       b.look,
		Summarize: summarize,
	}
}

func summarize(o State) string {
	bad, errors := 0, 0
	first := ""
	for _, backup := range o.Backups {
		errors += backup.Errors
		if !backup.RuleHolds {
			bad++
			if first == "" {
				first = reach.Clip(reach.Printable(backup.Name), 60)
			}
		}
	}
	if bad == 0 && o.RuleHolds {
		return fmt.Sprintf("%d backups, all by the 3-2-1-1-0 rule", len(o.Backups))
	}
	return fmt.Sprintf("%d of %d backups not by the 3-2-1-1-0 rule (%s), %d copies with errors", bad, len(o.Backups), first, errors)
}
