package changes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// maxFiles and maxWalk bound the walk over places, and once more the one over
	// the paths of the input.
	maxFiles = 20_000
	maxWalk  = time.Second
	// contentsSlack is how much later than the contents the rest of a file can have
	// changed when it was just written: a new owner and mode.
	contentsSlack = 2 * time.Second
	// folderSlack is how near a file's change has to be to that of its folder to
	// explain it: editors and package managers put new files in place of old ones.
	folderSlack = time.Minute
	// readAtOnce is how many entries of a folder are read at once.
	readAtOnce = 512
)

var (
	errTooManyFiles = fmt.Errorf("more than %d files are there: the rest was not looked at", maxFiles)
	errTooSlow      = fmt.Errorf("looking at files took more than %s: the rest was not looked at", maxWalk)
)

// walk goes over files without following links, and stays on the file system that
// it began on.
type walk struct {
	*look
	place    place
	device   uint64
	left     int
	deadline time.Time
	seen     map[inode]bool // the folders where walks began
}

type inode struct{ device, number uint64 }

// readFiles looks at the times of files.
func readFiles(ctx context.Context, l *look) {
	w := l.walk()
	for _, p := range places() {
		for _, path := range l.matching(p) {
			w.place = p
			l.walked(w.begin(ctx, path), path, fileKinds()...)
		}
	}
	w = l.walk()
	named := l.in.Paths
	if len(named) > maxNamed {
		l.unread("watched", fmt.Sprintf("%d paths are named, and %d looked at", len(named), maxNamed), "name folders rather than files")
		named = named[:maxNamed]
	}
	for _, path := range named {
		clean := filepath.Join("/", path)
		w.place = place{path: clean, kind: "watched"}
		err := w.begin(ctx, clean)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			l.o.PathsMissing = append(l.o.PathsMissing, text(path))
		}
		l.walked(err, clean, "watched")
	}
}

func (l *look) walk() *walk {
	return &walk{look: l, left: maxFiles, deadline: time.Now().Add(maxWalk), seen: make(map[inode]bool)}
}

// walked notes why a walk did not see all.
func (l *look) walked(err error, path string, kinds ...string) {
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return
	case errors.Is(err, errTooManyFiles), errors.Is(err, errTooSlow):
		for _, kind := range kinds {
			l.unread(kind, err.Error(), "")
		}
		return
	}
	l.closed(err, path, kinds...)
}

// closed notes a file or folder that we may not look at.
func (l *look) closed(err error, path string, kinds ...string) {
	reason, fix := why(l.path(path), err)
	for _, kind := range kinds {
		l.unread(kind, reason, fix)
	}
}

// matching gives the paths of a place, below the host's root.
func (l *look) matching(p place) []string {
	before, after, pattern := strings.Cut(p.path, "*")
	if !pattern {
		return []string{"/" + p.path}
	}
	folder, err := os.Open(l.path(before))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			l.closed(err, "/"+before, p.kind)
		}
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(readAtOnce)
	slices.Sort(names)
	var paths []string
	for _, name := range names {
		paths = append(paths, filepath.Join("/", before, name+after))
	}
	return paths
}

// begin walks over one file, or a folder and all that is in it.
func (w *walk) begin(ctx context.Context, path string) error {
	info, err := os.Lstat(w.path(path))
	switch {
	case errors.Is(err, fs.ErrPermission) && w.place.kind != "watched":
		w.closed(err, path, w.place.kind)
		return nil
	case err != nil:
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("this file system keeps no times")
	}
	if at := (inode{stat.Dev, stat.Ino}); w.seen[at] {
		return nil // another name of the same folder
	} else if info.IsDir() {
		w.seen[at] = true
	}
	w.device = stat.Dev
	if !info.IsDir() {
		w.file(path, info, changed(stat))
		return nil
	}
	return w.folder(ctx, path, info, 0)
}

// folder looks at what is in a folder, and then at the folder itself: its own
// time matters only when nothing in it explains it.
func (w *walk) folder(ctx context.Context, path string, info fs.FileInfo, depth int) error {
	if w.dull(path) {
		return nil
	}
	folder, err := os.OpenFile(w.path(path), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.closed(err, path, kindOf(path, w.place))
		}
		w.file(path, info, changed(info.Sys().(*syscall.Stat_t)))
		return nil
	}
	defer folder.Close()
	explained, own := false, changed(info.Sys().(*syscall.Stat_t))
	for {
		entries, err := folder.ReadDir(readAtOnce)
		for _, entry := range entries {
			w.left--
			if w.left < 0 {
				return errTooManyFiles
			}
			at, err := w.entry(ctx, path+"/"+entry.Name(), entry, depth)
			if err != nil {
				return err
			}
			explained = explained || at.Sub(own).Abs() <= folderSlack
		}
		switch {
		case err != nil || len(entries) == 0: // the end
			if !explained {
				w.file(path, info, own)
			}
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(w.deadline):
			return errTooSlow
		}
	}
}

// entry looks at one entry of a folder, and gives the time of its last change.
func (w *walk) entry(ctx context.Context, path string, entry fs.DirEntry, depth int) (time.Time, error) {
	info, err := entry.Info()
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // it is gone since: its folder tells
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, nil
	}
	at := changed(stat)
	if !info.IsDir() {
		w.file(path, info, at)
		return at, nil
	}
	if stat.Dev != w.device || (w.place.shallow && depth > 0) {
		return at, nil
	}
	if w.place.shallow {
		w.file(path, info, at)
		return at, nil
	}
	if time.Now().After(w.deadline) {
		return at, errTooSlow
	}
	return at, w.folder(ctx, path, info, depth+1)
}

// changed is when a file last changed: contents, owner, mode or name. Programs can
// set the time of the contents to any value, as package managers do, but not this.
func changed(stat *syscall.Stat_t) time.Time {
	return time.Unix(int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)) //nolint:unconvert // they are of 32 bits on some machines
}

// file takes a file or folder that changed in the window.
func (w *walk) file(path string, info fs.FileInfo, at time.Time) {
	if at.Before(w.from) || at.After(w.now) || w.dull(path) {
		return
	}
	action := "attributes"
	if at.Sub(info.ModTime()) <= contentsSlack {
		action = "written"
		if info.IsDir() {
			action = "entries"
		}
	}
	w.add(event{Change: Change{Kind: kindOf(path, w.place), Action: action, What: text(path), Time: at, Source: text(w.path(path))}})
}
