package changes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxReflogBytes is how much of a reflog is read, from its end: some 5,000
	// entries.
	maxReflogBytes = 1 << 20
	// reflogGap is the greatest time between two entries of one command: a rebase
	// writes one for each commit.
	reflogGap = 10 * time.Second
	// shownDigits is how much of a commit's name a change has.
	shownDigits = 12
)

// readRepositories reads the reflogs of the repositories that the input names. It
// needs no git, and so does not mind whose they are.
func readRepositories(ctx context.Context, l *look) {
	var known time.Time // since when anything is known of the first of them
	named := l.in.Repositories
	if len(named) > maxNamed {
		l.unread("git", fmt.Sprintf("%d repositories are named, and %d looked at", len(named), maxNamed), "name fewer in one step")
		named = named[:maxNamed]
	}
	for i, path := range named {
		if ctx.Err() != nil {
			return
		}
		l.o.Repositories = append(l.o.Repositories, Repository{Path: text(path)})
		since, err := l.repository(path, &l.o.Repositories[i])
		if !since.IsZero() && (known.IsZero() || since.Before(known)) {
			known = since
		}
		if err != nil {
			reason, fix := why(l.path(path), err)
			if errors.Is(err, errNoRepository) {
				reason, fix = path+" "+errNoRepository.Error(), "name the folder that .git is in"
			}
			l.unread("git", reason, fix)
			for _, field := range []string{"branch", "commit"} {
				l.unread(fmt.Sprintf("repositories[%d].%s", i, field), reason, fix)
			}
		}
	}
	if !known.IsZero() {
		l.knownSince("git", known)
	}
}

var errNoRepository = errors.New("is no Git work tree and no repository")

// repository reads one, and gives the time of the oldest entry of its reflog.
func (l *look) repository(path string, r *Repository) (since time.Time, err error) {
	folder, err := gitFolder(l.Source, path)
	if err != nil {
		return since, err
	}
	head, err := small(folder + "/HEAD")
	if err != nil {
		return since, err
	}
	reflog, err := readTail(folder+"/logs/HEAD", maxReflogBytes)
	entries := parseReflog(reflog.text, reflog.beheaded)
	r.Commit = text(head)
	if ref, ok := strings.CutPrefix(head, "ref: "); ok {
		r.Branch, r.Commit = text(strings.TrimPrefix(ref, "refs/heads/")), commitOf(l.Source, folder, ref)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.unread("git", path+" keeps no reflog", "git -C "+path+" config core.logAllRefUpdates true")
		return since, nil
	case err != nil:
		reason, fix := why(folder+"/logs/HEAD", err)
		l.unread("git", reason, fix)
		return since, nil
	case len(entries) == 0:
		return since, nil
	}
	since = entries[0].time
	if reflog.beheaded {
		l.knownSince("git", since)
	}
	if reflog.beheaded && since.After(l.from) {
		l.unread("git", "the reflog of "+path+" is too long to be read back to the window's start", "give a shorter time as since")
	}
	// The order is that of the file: who commits sets the time.
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].time.Sub(entries[n-1].time).Abs() <= reflogGap {
			n++
		}
		e := entries[n-1].event(path, folder+"/logs/HEAD")
		e.From, e.Time, e.end, e.Count = entries[0].old, entries[0].time, entries[n-1].time, n
		for _, other := range entries[:n] {
			if other.action() != e.Action {
				e.Action = "changed"
			}
		}
		l.add(e)
		entries = entries[n:]
	}
	return since, nil
}

// gitFolder finds where a work tree's repository is: in .git, where the file .git
// says (git-worktree and submodules), or it is a bare one itself.
func gitFolder(s Source, path string) (string, error) {
	folder := s.path(path)
	dot := filepath.Join(folder, ".git")
	info, err := os.Stat(dot)
	switch {
	case err == nil && info.IsDir():
		return dot, nil
	case err == nil:
		named, err := small(dot)
		if err != nil {
			return "", err
		}
		target, ok := strings.CutPrefix(named, "gitdir: ")
		if !ok {
			return "", errNoRepository
		}
		if filepath.IsAbs(target) {
			return s.path(target), nil
		}
		return filepath.Join(folder, target), nil
	case errors.Is(err, fs.ErrPermission):
		return "", err
	}
	for _, needed := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(folder, needed)); err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return "", err
			}
			return "", errNoRepository
		}
	}
	return folder, nil
}

// commitOf finds the commit of a branch; "" when it has none. Of a linked work
// tree, branches are in the folder that commondir names.
func commitOf(s Source, folder, ref string) string {
	if strings.Contains(ref, "..") {
		return ""
	}
	if common, err := small(folder + "/commondir"); err == nil {
		if filepath.IsAbs(common) {
			folder = s.path(common)
		} else {
			folder = filepath.Join(folder, common)
		}
	}
	if commit, err := small(filepath.Join(folder, ref)); err == nil {
		if isHash(commit) {
			return commit
		}
		return ""
	}
	packed, err := readTail(folder+"/packed-refs", maxLogBytes)
	if err != nil {
		return ""
	}
	for line := range lines(packed.text) {
		if commit, name, _ := strings.Cut(line, " "); name == ref && isHash(commit) {
			return commit
		}
	}
	return ""
}

// small reads a file of one line.
func small(path string) (string, error) {
	head, err := readTail(path, 4096)
	return strings.TrimSpace(string(head.text)), err
}

// reflogEntry is a line of a reflog.
type reflogEntry struct {
	old, new string
	who      string
	time     time.Time
	message  string
}

// parseReflog takes lines "OLD NEW NAME <MAIL> SECONDS ZONE\tMESSAGE". Lines that
// are something else are left out.
func parseReflog(all []byte, beheaded bool) []reflogEntry {
	if beheaded {
		_, all, _ = bytes.Cut(all, []byte("\n"))
	}
	var entries []reflogEntry
	for line := range lines(all) {
		before, message, _ := strings.Cut(line, "\t")
		old, rest, _ := strings.Cut(before, " ")
		to, rest, ok := strings.Cut(rest, " ")
		name, rest, ok2 := strings.Cut(rest, " <")
		_, rest, ok3 := strings.Cut(rest, "> ")
		digits, _, _ := strings.Cut(rest, " ")
		seconds, err := strconv.ParseInt(digits, 10, 64)
		if !ok || !ok2 || !ok3 || err != nil || !isHash(old) || !isHash(to) || seconds < 0 || seconds > 1<<40 {
			continue
		}
		entries = append(entries, reflogEntry{
			old: abbreviate(old), new: abbreviate(to), who: text(name), time: time.Unix(seconds, 0).UTC(), message: text(message),
		})
	}
	return entries
}

// isHash tells whether a text is the full name of a commit, SHA-1 or SHA-256.
func isHash(name string) bool {
	return (len(name) == 40 || len(name) == 64) && strings.Trim(name, "0123456789abcdef") == ""
}

// abbreviate gives the first digits of a commit's name, "" of the one that stands
// for none.
func abbreviate(commit string) string {
	if strings.Trim(commit, "0") == "" {
		return ""
	}
	return commit[:shownDigits]
}

// action is the command, which the message begins with: "commit (amend): ...".
func (e reflogEntry) action() string {
	word := e.message
	if end := strings.IndexAny(word, ": "); end >= 0 {
		word = word[:end]
	}
	if slices.Contains([]string{"clone", "commit", "checkout", "merge", "pull", "reset", "rebase", "cherry-pick", "revert"}, word) {
		return word
	}
	return "changed"
}

func (e reflogEntry) event(path, source string) event {
	return event{Change: Change{
		Kind: "git", Action: e.action(), What: text(path), To: e.new, By: e.who, Detail: e.message, Source: text(source),
	}}
}
