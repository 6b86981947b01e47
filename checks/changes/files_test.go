package changes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// quiet gives every file and folder of a root an old date, but those named. The
// time of the last change is now all the same: a file system keeps it by itself.
func quiet(t testing.TB, root string, written ...string) {
	t.Helper()
	long := time.Now().Add(-1000 * time.Hour)
	var all []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if entry.Type().IsRegular() || entry.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Backward(all) {
		if !slices.Contains(written, strings.TrimPrefix(path, root)) {
			old(t, long, path)
		}
	}
}

func TestFileKinds(t *testing.T) {
	for file, kind := range map[string]string{
		"etc/nginx/nginx.conf":                           "configuration_files",
		"etc/resolv.conf":                                "configuration_files",
		"usr/local/etc/app.conf":                         "configuration_files",
		"opt/app/etc/app.conf":                           "configuration_files",
		"etc/systemd/journald.conf":                      "configuration_files",
		"etc/default/nginx":                              "configuration_files",
		"etc/ssh/sshd_config":                            "configuration_files",
		"etc/systemd/system/app.service":                 "units",
		"etc/systemd/system/nginx.service.d/limits.conf": "units",
		"usr/lib/systemd/system/app.service":             "units",
		"usr/local/lib/systemd/system/app.service":       "units",
		"etc/init.d/app":                                 "units",
		"etc/systemd/system/app.timer":                   "cron",
		"etc/systemd/system/app.timer.d/often.conf":      "cron",
		"usr/lib/systemd/system/app.timer":               "cron",
		"etc/cron.d/app":                                 "cron",
		"etc/crontab":                                    "cron",
		"var/spool/cron/crontabs/root":                   "cron",
		"var/spool/at/a0001":                             "cron",
		"etc/passwd":                                     "users",
		"etc/sudoers.d/alice":                            "users",
		"root/.ssh/authorized_keys":                      "users",
		"etc/sysctl.d/99-net.conf":                       "kernel",
		"etc/default/grub":                               "kernel",
		"etc/modprobe.d/nouveau.conf":                    "kernel",
		"boot/loader/entries/x.conf":                     "kernel",
		"boot/vmlinuz-6.1.0-18-amd64":                    "kernel",
	} {
		t.Run(file, func(t *testing.T) {
			root := t.TempDir()
			tree{file: "x"}.write(t, root)
			got, _ := at(t, Source{Root: root}, time.Time{}, nil)
			if len(got.Changes) != 1 || got.Changes[0].What != "/"+file || got.Changes[0].Kind != kind || got.Changes[0].Action != "written" ||
				got.Changes[0].Source != filepath.Join(root, file) {
				t.Fatalf("got %+v, want one of %s", got.Changes, kind)
			}
			if *got.Counts.count(kind) != 1 || got.ChangesBeforeOnset != 1 || got.InLastHour != 1 || got.LastChange != "/"+file+" written" {
				t.Errorf("counts %+v, %d in the last hour, %q", got.Counts, got.InLastHour, got.LastChange)
			}
		})
	}
}

func TestFilesDull(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{
		"etc/ld.so.cache", "etc/passwd-", "etc/.pwd.lock", "etc/nginx/.nginx.conf.swp", "etc/hosts~", "etc/.git/index",
		"etc/lvm/backup/vg0", "etc/app.conf.dpkg-old", "etc/#app.conf#", "etc/mtab",
	} {
		tree{file: "x"}.write(t, root)
	}
	got, _ := at(t, Source{Root: root}, time.Time{}, nil)
	if len(got.Changes) != 0 {
		t.Errorf("got %+v", got.Changes)
	}
}

// TestFileActions: what the times of a file tell.
func TestFileActions(t *testing.T) {
	root := t.TempDir()
	tree{"etc/a/written": "", "etc/b/mode": "", "etc/c/kept": "", "etc/d/gone": "", "etc/d/kept": ""}.write(t, root)
	quiet(t, root)
	// The files below have their last change now, all of them: only what a look
	// says of each is of interest here.
	if err := os.WriteFile(filepath.Join(root, "etc/a/written"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := &look{Source: Source{Root: root}, now: time.Now().Add(time.Second)}
	w := l.walk()
	w.place = place{path: "etc", kind: "configuration_files"}
	if err := w.begin(t.Context(), "/etc"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range l.events {
		got = append(got, e.What+" "+e.Action)
	}
	slices.Sort(got)
	want := "/etc/a/written written,/etc/b/mode attributes,/etc/c/kept attributes,/etc/d/gone attributes,/etc/d/kept attributes"
	if strings.Join(got, ",") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, ","), want)
	}
}

// TestFileDeleted: all that is left of a file is its folder's time.
func TestFileDeleted(t *testing.T) {
	root := t.TempDir()
	tree{"etc/app/kept.conf": ""}.write(t, root)
	info, err := os.Lstat(filepath.Join(root, "etc/app"))
	if err != nil {
		t.Fatal(err)
	}
	// The folder changed an hour after all that is in it.
	later := fakeInfo{info, time.Now().Add(time.Hour)}
	l := &look{Source: Source{Root: root}, now: time.Now().Add(2 * time.Hour)}
	w := l.walk()
	w.place = place{path: "etc", kind: "configuration_files"}
	w.device = later.Sys().(*syscall.Stat_t).Dev
	if err := w.folder(t.Context(), "/etc/app", later, 0); err != nil {
		t.Fatal(err)
	}
	if n := len(l.events); n != 2 || l.events[1].What != "/etc/app" || l.events[1].Action != "entries" {
		t.Errorf("got %+v, want the folder's entries last", l.events)
	}
}

// fakeInfo is a folder that last changed at another time, which no test can set.
type fakeInfo struct {
	os.FileInfo
	changed time.Time
}

func (f fakeInfo) ModTime() time.Time { return f.changed }

func (f fakeInfo) Sys() any {
	stat := *f.FileInfo.Sys().(*syscall.Stat_t)
	stat.Ctim = syscall.NsecToTimespec(f.changed.UnixNano())
	return &stat
}

// TestFilesBecause: what a run of a package manager brought about is one change of
// each kind, that is not counted, and names the run.
func TestFilesBecause(t *testing.T) {
	root := t.TempDir()
	start := time.Now().UTC().Truncate(time.Second).Add(-time.Second)
	files := tree{
		"var/log/dpkg.log": start.Format(time.DateTime) + " install nginx:amd64 <none> 1.22.1-9\n",
		"var/log/apt/history.log": "Start-Date: " + start.Format("2006-01-02  15:04:05") + "\nCommandline: apt-get install nginx\n" +
			"Install: nginx:amd64 (1.22.1-9)\nEnd-Date: " + start.Add(time.Second).Format("2006-01-02  15:04:05") + "\n",
		"etc/systemd/system/multi-user.target.wants/nginx.service": "",
	}
	for i := range 40 {
		files[fmt.Sprintf("etc/nginx/conf.d/%d.conf", i)] = ""
	}
	files.write(t, root)
	quiet(t, root)
	tree{"etc/nginx/conf.d/7.conf": "by hand"}.write(t, root)
	got, o := at(t, Source{Root: root}, time.Time{}, nil)
	if len(got.Changes) != 3 || got.ChangesBeforeOnset != 1 || got.Counts != (Counts{Packages: 1}) || got.LastChange != "nginx installed" {
		t.Fatalf("got %+v, %d counted: %+v; unread %v", got.Changes, got.ChangesBeforeOnset, got.Counts, unread(o))
	}
	c := ofKind(got, "configuration_files")[0]
	if c.Count != 40 || c.Because != "apt-get install nginx" || c.What != "40 files in /etc/nginx/conf.d" || c.Action != "changed" ||
		len(c.Items) != maxItems || c.Items[0] != "/etc/nginx/conf.d/7.conf" {
		t.Errorf("got %+v", c)
	}
	if c := ofKind(got, "units")[0]; c.Because == "" || !strings.HasSuffix(c.What, "nginx.service") {
		t.Errorf("got %+v", c)
	}
}

// TestFilesBurst: files that change within seconds are one change, from four on.
func TestFilesBurst(t *testing.T) {
	for n, want := range map[int]int{3: 3, 4: 1, 50: 1} {
		root := t.TempDir()
		for i := range n {
			tree{fmt.Sprintf("etc/app/%d/conf", i): ""}.write(t, root)
		}
		got, _ := at(t, Source{Root: root}, time.Time{}, nil)
		if got.Counts.ConfigurationFiles != want || (want == 1 && got.Changes[0].Count != n) {
			t.Errorf("%d files: %d changes, %+v", n, got.Counts.ConfigurationFiles, got.Changes)
		}
	}
}

func TestFilesWatched(t *testing.T) {
	root := t.TempDir()
	tree{"srv/app/config.lock": "", "srv/other": "", "etc/app.conf": ""}.write(t, root)
	if err := os.Symlink("app", filepath.Join(root, "srv/current")); err != nil {
		t.Fatal(err)
	}
	got, _ := at(t, Source{Root: root}, time.Time{}, map[string]any{"paths": []string{"/srv/app", "/srv/current", "/srv/gone", "/srv/other/gone"}})
	var watched []string
	for _, c := range ofKind(got, "watched") {
		watched = append(watched, c.What)
	}
	slices.Sort(watched)
	if strings.Join(watched, " ") != "/srv/app/config.lock /srv/current" || got.Counts.Watched != 2 || got.Counts.ConfigurationFiles != 1 {
		t.Errorf("got %v, %+v", watched, got.Counts)
	}
	if strings.Join(got.PathsMissing, " ") != "/srv/gone /srv/other/gone" {
		t.Errorf("missing %v", got.PathsMissing)
	}
}

// TestFilesOneFileSystem: what is mounted below is not entered. The folder itself
// is of the file system that is being walked over here, so the walk is told that
// it began on another.
func TestFilesOneFileSystem(t *testing.T) {
	root := t.TempDir()
	tree{"etc/mounted/inside": "", "etc/file": ""}.write(t, root)
	info, err := os.Lstat(filepath.Join(root, "etc"))
	if err != nil {
		t.Fatal(err)
	}
	l := &look{Source: Source{Root: root}, now: time.Now().Add(time.Minute)}
	w := l.walk()
	w.place, w.device = place{path: "etc", kind: "configuration_files"}, info.Sys().(*syscall.Stat_t).Dev+1
	if err := w.folder(t.Context(), "/etc", info, 0); err != nil {
		t.Fatal(err)
	}
	if len(l.events) != 1 || l.events[0].What != "/etc/file" {
		t.Errorf("got %+v, want the file alone", l.events[0])
	}
}

// TestFilesHostile: pipes, devices and links to what never ends are not opened.
func TestFilesHostile(t *testing.T) {
	root := t.TempDir()
	tree{"etc/nginx/x": "", "var/log/apt/x": "", "run/x": "", "srv/repository/.git/x": ""}.write(t, root)
	in := func(name string) string { return filepath.Join(root, name) }
	for _, pipe := range []string{"etc/pipe", "var/log/dpkg.log", "run/reboot-required", "run/reboot-required.pkgs", "srv/repository/.git/HEAD"} {
		if err := syscall.Mkfifo(in(pipe), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"etc/zero": "/dev/zero", "etc/loop": "loop", "etc/up": "..", "etc/localtime": "/dev/zero",
		"var/log/pacman.log": "/dev/zero", "var/log/apt/history.log": "/dev/zero", "var/log/wtmp": "/dev/zero",
	} {
		if err := os.Symlink(target, in(link)); err != nil {
			t.Fatal(err)
		}
	}
	got, o := at(t, Source{Root: root}, time.Time{}, map[string]any{"repositories": []string{"/srv/repository"}})
	for _, field := range []string{"counts.packages", "logins", "counts.git", "repositories[0].commit"} {
		if !checktest.HasUnread(o, field) {
			t.Errorf("%s is not unread; what is: %v", field, unread(o))
		}
	}
	if !got.RebootPending || got.Counts.ConfigurationFiles != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestFilesBounded: no folder is too large.
func TestFilesBounded(t *testing.T) {
	root := t.TempDir()
	tree{"etc/cron.d/x": "", "etc/systemd/system/a.service": "", "usr/lib/systemd/system/b.service": ""}.write(t, root)
	big := filepath.Join(root, "etc/big")
	if err := os.Mkdir(big, 0o755); err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(big, "first")
	if err := os.WriteFile(one, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range maxFiles {
		if err := os.Link(one, filepath.Join(big, fmt.Sprint(i))); err != nil {
			t.Skip(err) // some file systems allow fewer links
		}
	}
	got, o := at(t, Source{Root: root}, time.Time{}, nil)
	for _, field := range []string{"counts.configuration_files", "counts.users", "in_last_hour", "changes"} {
		if !checktest.HasUnread(o, field) {
			t.Errorf("%s is not unread: %v", field, unread(o))
		}
	}
	if len(got.Changes) > maxChanges || got.Counts.Units == 0 {
		t.Errorf("%d changes, %+v", len(got.Changes), got.Counts)
	}
}

// TestRecentAsNobody: what an ordinary user may not see is unread, and the rest is
// there.
func TestRecentAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	got, o := at(t, Source{}, time.Time{}, map[string]any{"since": "720h"})
	if !checktest.HasUnread(o, "counts.users") || !checktest.HasUnread(o, "in_last_hour") {
		t.Errorf("unread %v; want users, as /root is closed", unread(o))
	}
	for _, u := range o.Unread {
		if u.Path == "counts.users" && !strings.Contains(u.Fix, "root") {
			t.Errorf("fix %q", u.Fix)
		}
	}
	if got.RunningKernel == "" || got.LastBoot.IsZero() {
		t.Errorf("got %+v", got)
	}
}

// BenchmarkRecent looks at a host with 10,000 files in /etc; it must stay below
// 100 ms of processor time.
func BenchmarkRecent(b *testing.B) {
	root := b.TempDir()
	files := tree{"proc/stat": btime(time.Hour), "proc/sys/kernel/osrelease": "6.1.0-18-amd64"}
	for i := range 10_000 {
		files[fmt.Sprintf("etc/%d/%d.conf", i%100, i)] = ""
	}
	var log strings.Builder
	for i := range 5_000 { // in 60 days
		fmt.Fprintf(&log, "%s upgrade p%d:amd64 1 2\n", time.Now().Add(time.Duration(i-5_000)*17*time.Minute).UTC().Format(time.DateTime), i)
		fmt.Fprintf(&log, "%s status half-configured p%d:amd64 2\n", time.Now().UTC().Format(time.DateTime), i)
	}
	files["var/log/dpkg.log"] = log.String()
	files.write(b, root)
	for b.Loop() {
		if _, err := (Source{Root: root}).lookRecent(b.Context(), &engine.Call{}, RecentInput{Since: 24 * time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
}
