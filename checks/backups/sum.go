package backups

import (
	"errors"
	"os"
	"slices"

	"gumshoe/checks/reach"
)

// compare finds the copies that are older than others of the same backup.
func compare(copies []seen) {
	fresh := slices.ContainsFunc(copies, func(c seen) bool { return c.dated && !c.Overdue })
	for i := range copies {
		copies[i].Behind = copies[i].Overdue && fresh
	}
}

// tally counts the copies of one backup, and those of which something is not known.
type tally struct {
	Backup

	media, declaredMedia                    map[string]bool
	unknown, unknownMissing, unknownOffsite int // copies that could not be judged
	unknownImmutable, unknownProtected      int
	dated, overdue                          int
	dataKnown                               bool
}

// sum counts what the rule is about, and tells whether the rule may hold, if all
// that could not be seen is well.
func (s *survey) sum(d Declared, copies []seen, path string) (o Backup, may bool) {
	t := &tally{
		Backup: Backup{Name: d.Name, Of: d.Of, EverySeconds: d.Every.Seconds(), DeclaredCopies: len(d.Copies), Copies: 1},
		media:  make(map[string]bool), declaredMedia: make(map[string]bool),
	}
	if data, err := s.diskOf(d.Data); d.Data != "" && err == nil {
		t.media[data], t.declaredMedia[data], t.dataKnown = true, true, true
	}
	for _, c := range copies {
		t.declared(c)
		switch {
		case c.unread:
			t.unknown++
			t.unknownImmutable++
			if c.Newest == "" {
				t.unknownMissing++
			}
			if c.Offsite {
				t.unknownOffsite++
			}
		case c.Good:
			t.good(c)
		default:
			t.Errors++
			if c.Outcome == Missing {
				t.MissingCopies++
			}
		}
	}
	t.Media, t.DeclaredMedia = len(t.media), len(t.declaredMedia)
	t.Overdue = t.overdue > 0 && t.overdue == t.dated
	if t.Copies == 1 {
		s.call.Unread(path+"newest_age_seconds", "there is no good copy", "")
	}
	s.restoreTest(d, &t.Backup, path)
	for _, sum := range []struct {
		field  string
		unread bool
	}{
		{"declared_media", t.DeclaredMedia < 2 && !t.dataKnown},
		{"protected_copies", t.ProtectedCopies == 0 && t.unknownProtected > 0},
		{"missing_copies", t.unknownMissing > 0 && t.MissingCopies+t.unknownMissing == len(copies)},
		{"overdue", t.unknown > 0 && t.Overdue && t.dated+t.MissingCopies < len(copies)},
	} {
		if sum.unread {
			s.call.Unread(path+sum.field, unseen, "")
		}
	}
	may = s.rule(t, path)
	return t.Backup, may
}

const unseen = "a copy, or where the data is, could not be seen"

// declared counts a copy whatever its state.
func (t *tally) declared(c seen) {
	if c.Offsite && !c.SameDisk { // what lies beside the data is where the data is
		t.DeclaredOffsite++
	}
	if c.disk != "" {
		t.declaredMedia[c.disk] = true
	}
	switch {
	case c.Immutable:
		t.ProtectedCopies++
	case c.hidden, c.Newest == "" && (c.DeclaredImmutable || c.unread):
		t.unknownProtected++
	}
	if c.dated {
		t.dated++
	}
	if c.Overdue {
		t.overdue++
	}
}

// good counts a copy that is.
func (t *tally) good(c seen) {
	if t.Copies == 1 || c.AgeSeconds < t.NewestAgeSeconds {
		t.NewestAgeSeconds = c.AgeSeconds
	}
	t.Copies++
	if c.disk != "" {
		t.media[c.disk] = true
	}
	if c.Offsite && !c.SameDisk {
		t.OffsiteCopies++
	}
	switch {
	case c.Immutable:
		t.ImmutableCopies++
	case c.hidden:
		t.unknownImmutable++
	}
}

// rule holds each number against what the rule wants, and leaves unread those that
// what could not be seen decides on.
func (s *survey) rule(t *tally, path string) (may bool) {
	unknownMedia := t.unknown
	if !t.dataKnown {
		unknownMedia++
	}
	may, t.RuleHolds = true, true
	for _, part := range []struct {
		field             string
		is, unknown, need int
		fix               string
	}{
		{"copies", t.Copies, t.unknown, 3, ""},
		{"media", t.Media, unknownMedia, 2, "name the folder of the data under data: in gumshoe.yaml"},
		{"offsite_copies", t.OffsiteCopies, t.unknownOffsite, 1, ""},
		{"immutable_copies", t.ImmutableCopies, t.unknownImmutable, 1, ""},
		{"errors", -t.Errors - t.unknown, t.unknown, 0, ""},
	} {
		t.RuleHolds = t.RuleHolds && part.is >= part.need
		may = may && part.is+part.unknown >= part.need
		if part.is < part.need && part.is+part.unknown >= part.need {
			s.call.Unread(path+part.field, unseen, part.fix)
		}
	}
	if may && !t.RuleHolds {
		s.call.Unread(path+"rule_holds", "not all that the rule is about could be seen", "")
	}
	return may
}

func (s *survey) restoreTest(d Declared, o *Backup, path string) {
	o.RestoreTest = "not_declared"
	if d.RestoreTest != "" {
		info, err := os.Stat(d.RestoreTest)
		switch {
		case err == nil:
			age := s.at.Sub(info.ModTime())
			o.RestoreTestAgeSeconds, o.RestoreTest = age.Seconds(), "recently"
			if age > d.RestoreEvery {
				o.RestoreTest = "long_ago"
			}
			return
		case errors.Is(err, os.ErrNotExist):
			o.RestoreTest = "never"
		default:
			s.call.Unread(path+"restore_test", reach.Printable(err.Error()), "make "+d.RestoreTest+" readable for gumshoe")
		}
	}
	s.call.Unread(path+"restore_test_age_seconds", "no restore test is recorded", "write a file after each restore test, and name it under restore_test: in gumshoe.yaml")
}
