package changes

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gumshoe/checks/checktest"
)

// onset is that of the incidents in fed logs.
var onset = time.Date(2026, 1, 31, 15, 0, 0, 0, time.UTC)

func zipped(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPackages(t *testing.T) {
	stamp := func(clock string) time.Time {
		t.Helper()
		at, err := time.Parse(time.DateTime, "2026-01-31 "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	const debian = `2026-01-31 14:36:24 startup archives unpack
2026-01-31 14:36:24 install nginx-common:all <none> 1.22.1-9
2026-01-31 14:36:24 status half-installed nginx-common:all 1.22.1-9
2026-01-31 14:36:25 install nginx:amd64 <none> 1.22.1-9
2026-01-31 14:36:25 upgrade libc6:amd64 2.36-9+deb12u9 2.36-9+deb12u10
2026-01-31 14:36:26 trigproc libc-bin:amd64 2.36-9+deb12u10 <none>
2026-01-31 14:36:26 configure nginx:amd64 1.22.1-9 <none>
2026-01-31 14:40:00 startup packages remove
2026-01-31 14:40:00 remove jq:amd64 1.6-2.1 1.6-2.1
2026-01-31 14:40:01 purge jq:amd64 1.6-2.1 <none>
`
	const history = `
Start-Date: 2026-01-31  14:36:20
Commandline: apt-get install -y nginx
Requested-By: alice (1000)
Install: nginx:amd64 (1.22.1-9), nginx-common:amd64 (1.22.1-9, automatic)
Upgrade: libc6:amd64 (2.36-9+deb12u9, 2.36-9+deb12u10)
Error: Sub-process /usr/bin/dpkg returned an error code (1)
End-Date: 2026-01-31  14:36:28
`
	nginx := []Package{
		{Name: "nginx", Action: "installed", To: "1.22.1-9", Time: stamp("14:36:25")},
		{Name: "libc6", Action: "upgraded", From: "2.36-9+deb12u9", To: "2.36-9+deb12u10", Time: stamp("14:36:25")},
		{Name: "nginx-common", Action: "installed", To: "1.22.1-9", Time: stamp("14:36:24")},
	}
	for _, tt := range []struct {
		name     string
		files    tree
		changes  []Change
		packages []Package
	}{
		{"Debian", tree{"var/log/dpkg.log": debian, "var/log/apt/history.log": history}, []Change{
			{Action: "removed", What: "jq", From: "1.6-2.1", Count: 1, Time: stamp("14:40:00"), Source: "dpkg.log"},
			{Action: "changed", What: "3 packages: nginx, libc6, nginx-common", Items: []string{"nginx", "libc6", "nginx-common"}, Count: 3,
				By: "alice (1000)", Detail: "apt-get install -y nginx", Failed: true, Time: stamp("14:36:20"), Source: "dpkg.log"},
		}, append([]Package{{Name: "jq", Action: "removed", From: "1.6-2.1", Time: stamp("14:40:00")}}, nginx...)},
		{"Debian without dpkg's log", tree{"var/log/apt/history.log": history}, []Change{
			{Action: "changed", What: "3 packages: nginx, libc6, nginx-common", Items: []string{"nginx", "libc6", "nginx-common"}, Count: 3,
				By: "alice (1000)", Detail: "apt-get install -y nginx", Failed: true, Time: stamp("14:36:20"), Source: "history.log"},
		}, []Package{
			{Name: "nginx", Action: "installed", To: "1.22.1-9", Time: stamp("14:36:20")},
			{Name: "libc6", Action: "upgraded", From: "2.36-9+deb12u9", To: "2.36-9+deb12u10", Time: stamp("14:36:20")},
			{Name: "nginx-common", Action: "installed", To: "1.22.1-9", Time: stamp("14:36:20")},
		}},
		{"Debian, rotated and packed, downgraded", tree{
			"var/log/dpkg.log":              "",
			"var/log/dpkg.log.1":            "2026-01-31 10:00:00 upgrade curl:amd64 8.5.0-2 8.5.0-2~bpo1\n",
			"var/log/dpkg.log.2.gz":         zipped(t, "2026-01-31 02:00:00 install vim:amd64 <none> 2:9.0\n"),
			"var/log/dpkg.log.save":         "2026-01-31 09:00:00 install no:amd64 <none> 1\n",
			"var/log/apt/history.log.1.gz":  zipped(t, "Start-Date: 2026-01-31  01:59:59\nCommandline: apt install -o Acquire::http::Proxy=http://me:hunter2@proxy:3128/ vim\nEnd-Date: 2026-01-31  02:00:01\n"),
			"var/log/dpkg.log-20260130.bz2": "",
		}, []Change{
			{Action: "downgraded", What: "curl", From: "8.5.0-2", To: "8.5.0-2~bpo1", Count: 1, Time: stamp("10:00:00"), Source: "dpkg.log.1"},
			{Action: "installed", What: "vim", To: "2:9.0", Count: 1, Detail: "apt install -o Acquire::http::Proxy=http://proxy:3128/ vim",
				Time: stamp("01:59:59"), Source: "dpkg.log.2.gz"},
		}, []Package{
			{Name: "curl", Action: "downgraded", From: "8.5.0-2", To: "8.5.0-2~bpo1", Time: stamp("10:00:00")},
			{Name: "vim", Action: "installed", To: "2:9.0", Time: stamp("02:00:00")},
		}},
		{"Fedora with dnf 4", tree{"var/log/dnf.rpm.log": `2026-01-31T14:00:00+0000 INFO --- logging initialized ---
2026-01-31T15:36:25+0100 INFO --- logging initialized ---
2026-01-31T15:36:25+0100 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.el9.x86_64
2026-01-31T15:36:25+0100 SUBDEBUG Installed: kernel-core-5.14.0-503.el9.x86_64
2026-01-31T15:36:26+0100 SUBDEBUG Upgraded: openssl-libs-1:3.0.7-27.el9.x86_64
2026-01-31T15:36:27+0100 INFO warning: /etc/ssh/sshd_config created as /etc/ssh/sshd_config.rpmnew
2026-01-31T14:50:00+0000 INFO --- logging initialized ---
2026-01-31T14:50:01+0000 SUBDEBUG Downgrade: flac-1.3.3-2.fc29.x86_64
2026-01-31T14:50:02+0000 SUBDEBUG Downgraded: flac-1.3.3-3.fc29.x86_64
2026-01-31T14:51:00Z INFO --- logging initialized ---
2026-01-31T14:51:02Z SUBDEBUG Erase: flac-1.3.3-2.fc29.x86_64
`}, []Change{
			{Action: "removed", What: "flac", From: "1.3.3-2.fc29", Count: 1, Time: stamp("14:51:00"), Source: "dnf.rpm.log"},
			{Action: "downgraded", What: "flac", From: "1.3.3-3.fc29", To: "1.3.3-2.fc29", Count: 1, Time: stamp("14:50:00"), Source: "dnf.rpm.log"},
			{Action: "changed", What: "2 packages: openssl-libs, kernel-core", Items: []string{"openssl-libs", "kernel-core"}, Count: 2, Time: stamp("14:36:25"), Source: "dnf.rpm.log"},
		}, []Package{
			{Name: "flac", Action: "removed", From: "1.3.3-2.fc29", Time: stamp("14:51:02")},
			{Name: "flac", Action: "downgraded", From: "1.3.3-3.fc29", To: "1.3.3-2.fc29", Time: stamp("14:50:01")},
			{Name: "openssl-libs", Action: "upgraded", From: "1:3.0.7-27.el9", To: "1:3.2.2-6.el9", Time: stamp("14:36:25")},
			{Name: "kernel-core", Action: "installed", To: "5.14.0-503.el9", Time: stamp("14:36:25")},
		}},
		{"Fedora with dnf 5", tree{"var/log/dnf5.log": `2026-01-31T14:30:35+0000 [714] INFO --- DNF5 launched with arguments: "dnf upgrade acpi" ---
2026-01-31T14:30:53+0000 [714] DEBUG [librepo] lr_download: Downloading started
2026-01-31T14:30:53+0000 [714] INFO RPM callback verify start, total 1
2026-01-31T14:30:54+0000 [714] INFO RPM callback install start "acpi-0:1.7-21.fc43.x86_64" total 9084
2026-01-31T14:30:54+0000 [714] INFO RPM callback install stop "acpi-0:1.7-21.fc43.x86_64" amount 9084 total 9084
2026-01-31T14:30:54+0000 [714] ERROR RPM callback error in post-install scriptlet "acpi-0:1.7-21.fc43.x86_64" return code 1
2026-01-31T14:30:55+0000 [714] INFO RPM callback uninstall start "acpi-0:1.7-20.fc43.x86_64" total 7
`}, []Change{
			{Action: "upgraded", What: "acpi", From: "1.7-20.fc43", To: "1.7-21.fc43", Count: 1, Detail: "dnf upgrade acpi", Failed: true, Time: stamp("14:30:35"), Source: "dnf5.log"},
		}, []Package{{Name: "acpi", Action: "upgraded", From: "1.7-20.fc43", To: "1.7-21.fc43", Time: stamp("14:30:54")}}},
		{"CentOS with yum", tree{"var/log/yum.log": "Dec 31 10:00:00 Installed: old-1-1.x86_64\n" +
			"Jan 31 14:19:09 Updated: 1:yum-3.2.29-81.el6.centos.noarch\nJan 31 14:25:00 Erased: postfix\n"}, []Change{
			{Action: "removed", What: "postfix", Count: 1, Time: stamp("14:25:00"), Source: "yum.log"},
			{Action: "upgraded", What: "yum", To: "3.2.29-81.el6.centos", Count: 1, Time: stamp("14:19:09"), Source: "yum.log"},
		}, []Package{
			{Name: "postfix", Action: "removed", Time: stamp("14:25:00")},
			{Name: "yum", Action: "upgraded", To: "3.2.29-81.el6.centos", Time: stamp("14:19:09")},
		}},
		{"openSUSE", tree{"var/log/zypp/history": `# 2026-01-31 14:00:00 comment
2026-01-31 14:00:00|command|root@web1|'zypper' 'in' 'vim'|
2026-01-31 14:00:05|install|vim|9.1-1.1|x86_64|root@web1|repo-oss|abc|
2026-01-31 14:00:06|remove |nano|7.2-1.1|x86_64|root@web1|
2026-01-31 14:00:06|radd   |repo|https://example.com|
`}, []Change{
			{Action: "changed", What: "2 packages: vim, nano", Items: []string{"vim", "nano"}, Count: 2, By: "root", Detail: "zypper in vim", Time: stamp("14:00:00"), Source: "history"},
		}, []Package{
			{Name: "nano", Action: "removed", From: "7.2-1.1", Time: stamp("14:00:06")},
			{Name: "vim", Action: "changed", To: "9.1-1.1", Time: stamp("14:00:05")},
		}},
		{"Arch", tree{"var/log/pacman.log": `[2026-01-31 09:00] [PACMAN] Running 'pacman -U old.pkg'
[2026-01-31 09:01] [ALPM] downgraded wget (1.25.0-4 -> 1.25.0-3)
[2026-01-31T15:30:05+0100] [PACMAN] Running 'pacman -Syu'
[2026-01-31T15:30:06+0100] [ALPM] transaction started
[2026-01-31T15:30:07+0100] [ALPM] upgraded linux (6.10.1.arch1-1 -> 6.10.2.arch1-1)
[2026-01-31T15:30:07+0100] [ALPM] installed ffmpeg (2:7.1-1)
[2026-01-31T15:30:08+0100] [ALPM-SCRIPTLET] ldconfig: removed nothing (1-1)
[2026-01-31T15:30:09+0100] [ALPM] transaction completed
[2026-01-31T15:30:09+0100] [ALPM] running '30-systemd-update.hook'...
[2026-01-31T15:40:09+0100] [ALPM] transaction started
[2026-01-31T15:40:10+0100] [ALPM] removed nano (8.1-1)
[2026-01-31T15:40:10+0100] [ALPM] reinstalled bash (5.3.3-1)
[2026-01-31T15:40:11+0100] [ALPM] transaction completed
`}, []Change{
			{Action: "changed", What: "2 packages: nano, bash", Items: []string{"nano", "bash"}, Count: 2, Time: stamp("14:40:09"), Source: "pacman.log"},
			{Action: "changed", What: "2 packages: linux, ffmpeg", Items: []string{"linux", "ffmpeg"}, Count: 2, Detail: "pacman -Syu", Time: stamp("14:30:05"), Source: "pacman.log"},
			{Action: "downgraded", What: "wget", From: "1.25.0-4", To: "1.25.0-3", Count: 1, Detail: "pacman -U old.pkg", Time: stamp("09:00:00"), Source: "pacman.log"},
		}, []Package{
			{Name: "nano", Action: "removed", From: "8.1-1", Time: stamp("14:40:10")},
			{Name: "bash", Action: "reinstalled", From: "5.3.3-1", To: "5.3.3-1", Time: stamp("14:40:10")},
			{Name: "linux", Action: "upgraded", From: "6.10.1.arch1-1", To: "6.10.2.arch1-1", Time: stamp("14:30:07")},
			{Name: "ffmpeg", Action: "installed", To: "2:7.1-1", Time: stamp("14:30:07")},
			{Name: "wget", Action: "downgraded", From: "1.25.0-4", To: "1.25.0-3", Time: stamp("09:01:00")},
		}},
		{"Alpine", tree{"lib/apk/db/installed": "P:busybox\n"}, []Change{
			{Action: "changed", What: "packages of apk", Count: 1, Detail: "only the time of the last change is kept", Time: stamp("14:59:00"), Source: "installed"},
		}, nil},
		{"snap", tree{"var/lib/snapd/snaps/core22_1122.snap": "", "var/lib/snapd/snaps/partial/x": ""}, []Change{
			{Action: "changed", What: "snap core22_1122", Count: 1, Detail: "only the time of the last change is kept", Time: stamp("14:59:00"), Source: "core22_1122.snap"},
		}, []Package{{Name: "snap core22_1122", Action: "changed", Time: stamp("14:59:00")}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tt.files.write(t, root)
			for name := range tt.files {
				written := onset.Add(-time.Minute)
				if strings.HasSuffix(name, ".bz2") {
					written = onset.Add(-50 * 24 * time.Hour)
				}
				old(t, written, filepath.Join(root, name))
			}
			got, o := at(t, Source{Root: root}, onset, nil)
			ignored := cmpopts.IgnoreFields(Change{}, "BeforeOnsetSeconds", "Kind")
			short := cmp.Transformer("source", func(c Change) Change { c.Source = filepath.Base(c.Source); return c })
			if diff := cmp.Diff(ofKind(got, "packages"), tt.changes, ignored, cmp.FilterPath(func(p cmp.Path) bool { return len(p) == 2 }, short), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("changes: got -, want +:\n%s", diff)
			}
			if diff := cmp.Diff(got.Packages, tt.packages, cmpopts.IgnoreFields(Package{}, "BeforeOnsetSeconds"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("packages: got -, want +:\n%s", diff)
			}
			if got.Counts.Packages != len(tt.changes) || got.ChangesBeforeOnset != len(tt.changes) || checktest.HasUnread(o, "counts.packages") {
				t.Errorf("counted %d of %d, unread %v; want %d", got.Counts.Packages, got.ChangesBeforeOnset, unread(o), len(tt.changes))
			}
			for _, c := range got.Changes {
				if want := onset.Sub(c.Time).Seconds(); c.BeforeOnsetSeconds != want {
					t.Errorf("%s is %v before the onset, want %v", c.What, c.BeforeOnsetSeconds, want)
				}
			}
		})
	}
}

// TestPackagesZone: logs without a zone are in that of the host.
func TestPackagesZone(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	checktest.Need(t, "time zones", err == nil)
	data, err := os.ReadFile("/usr/share/zoneinfo/America/New_York")
	checktest.Need(t, "time zones in /usr/share/zoneinfo", err == nil)
	root := t.TempDir()
	tree{
		"usr/share/zoneinfo/Fed/New_York": string(data),
		"var/log/dpkg.log":                "2026-01-31 09:30:00 install jq:amd64 <none> 1.6\n",
		"etc/keep":                        "",
	}.write(t, root)
	if err := os.Symlink("/usr/share/zoneinfo/Fed/New_York", filepath.Join(root, "etc/localtime")); err != nil {
		t.Fatal(err)
	}
	got, _ := at(t, Source{Root: root}, onset, nil)
	want := time.Date(2026, 1, 31, 9, 30, 0, 0, zone).UTC()
	if c := ofKind(got, "packages"); len(c) != 1 || !c[0].Time.Equal(want) || c[0].BeforeOnsetSeconds != 1800 {
		t.Errorf("got %+v, want one at %s", c, want)
	}
}

// TestPackagesWindow: what counts is from since to the onset, and what came later
// is listed after it.
func TestPackagesWindow(t *testing.T) {
	root := t.TempDir()
	var log strings.Builder
	for i, at := range []time.Time{
		onset.Add(-25 * time.Hour), onset.Add(-23 * time.Hour), onset.Add(-59 * time.Minute),
		onset, onset.Add(time.Minute * 2), onset.Add(time.Hour), time.Now().Add(time.Hour),
	} {
		fmt.Fprintf(&log, "%s install p%d:amd64 <none> 1\n", at.UTC().Format(time.DateTime), i)
	}
	tree{"var/log/dpkg.log": log.String()}.write(t, root)
	got, _ := at(t, Source{Root: root}, onset, nil)
	if got.Counts.Packages != 3 || got.InLastHour != 2 || got.SeenInLastHour != 2 || got.ChangesAfterOnset != 2 || got.PackagesChanged != 3 {
		t.Errorf("got %+v, %d in the last hour, %d after", got.Counts, got.InLastHour, got.ChangesAfterOnset)
	}
	var order []float64
	for _, c := range got.Changes {
		order = append(order, c.BeforeOnsetSeconds-c.AfterOnsetSeconds)
	}
	same(t, order, []float64{0, 3540, 23 * 3600, -120, -3600})
	if got.LastChange != "p3 installed" || got.LastChangeBeforeOnsetSeconds != 0 {
		t.Errorf("last change %q, %v before", got.LastChange, got.LastChangeBeforeOnsetSeconds)
	}
}

// TestPackagesUnread: a log that cannot be read is no host without changes.
func TestPackagesUnread(t *testing.T) {
	for _, tt := range []struct {
		name   string
		make   func(path string) error
		unread bool
	}{
		{"packed by xz", func(path string) error { return os.WriteFile(path+".1.xz", []byte("x"), 0o644) }, true},
		{"not what it is called", func(path string) error { return os.WriteFile(path+".1.gz", []byte("x"), 0o644) }, true},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o755) }, true},
		{"packed by xz, and old", func(path string) error {
			long := onset.Add(-20 * 24 * time.Hour)
			if err := os.WriteFile(path+".1.xz", []byte("x"), 0o644); err != nil {
				return err
			}
			return os.Chtimes(path+".1.xz", long, long)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tree{"var/log/other": ""}.write(t, root)
			if err := tt.make(filepath.Join(root, "var/log/dpkg.log")); err != nil {
				t.Fatal(err)
			}
			_, o := at(t, Source{Root: root}, onset, nil)
			for _, field := range []string{"counts.packages", "packages", "packages_changed"} {
				if checktest.HasUnread(o, field) != tt.unread {
					t.Errorf("%s unread: %v, want %v; all: %v", field, !tt.unread, tt.unread, unread(o))
				}
			}
		})
	}
}

// TestPackagesTail: of a log that is too long, the end is read, and it is said
// from when on.
func TestPackagesTail(t *testing.T) {
	root := t.TempDir()
	line := func(at time.Time, name string) string {
		return fmt.Sprintf("%s install %s:amd64 <none> 1\n", at.Format(time.DateTime), name)
	}
	filler := strings.Repeat(strings.Repeat("x", 99)+"\n", maxLogBytes/100)
	t.Run("nothing but noise", func(t *testing.T) {
		noisy := t.TempDir()
		tree{"var/log/dnf5.log": filler + filler[:200]}.write(t, noisy)
		if _, o := at(t, Source{Root: noisy}, onset, nil); !checktest.HasUnread(o, "counts.packages") {
			t.Errorf("unread %v", unread(o))
		}
	})
	for _, tt := range []struct {
		name   string
		first  time.Time // of what is read
		unread bool
	}{
		{"back to before the window", onset.Add(-48 * time.Hour), false},
		{"not to the window", onset.Add(-2 * time.Hour), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree{"var/log/dpkg.log": line(onset.Add(-72*time.Hour), "early") + filler +
				line(tt.first, "first") + line(onset.Add(-time.Minute), "last")}.write(t, root)
			got, o := at(t, Source{Root: root}, onset, nil)
			if checktest.HasUnread(o, "counts.packages") != tt.unread || len(got.Packages) == 0 || got.Packages[0].Name != "last" {
				t.Errorf("packages %+v, unread %v", got.Packages, unread(o))
			}
		})
	}
}

// TestPackagesTraces: without a log, the time of the database is all there is; and
// rpm's tells of what was done without dnf.
func TestPackagesTraces(t *testing.T) {
	const dnf = "var/log/dnf.rpm.log"
	installed := onset.Add(-20*time.Minute).Format(time.RFC3339) + " SUBDEBUG Installed: jq-1.7-1.fc43.x86_64\n"
	for _, tt := range []struct {
		name     string
		files    tree
		database string
		before   time.Duration
		want     string
		unread   bool
	}{
		{"dpkg", tree{}, "var/lib/dpkg/status", time.Hour, "packages of dpkg", false},
		{"dpkg, long ago", tree{}, "var/lib/dpkg/status", 48 * time.Hour, "", false},
		{"dpkg, with a log", tree{"var/log/dpkg.log": ""}, "var/lib/dpkg/status", time.Hour, "", false},
		{"rpm, with a log that tells it", tree{dnf: installed}, "var/lib/rpm/rpmdb.sqlite", 15 * time.Minute, "jq", false},
		{"rpm, with a log that does not", tree{dnf: installed}, "var/lib/rpm/rpmdb.sqlite", time.Minute, "packages of rpm, jq", false},
		{"pacman", tree{}, "var/lib/pacman/local/ALPM_DB_VERSION", time.Hour, "", false},
		{"nothing", tree{}, "var/lib/other", time.Hour, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tt.files.write(t, root)
			tree{tt.database: ""}.write(t, root)
			old(t, onset.Add(-tt.before), filepath.Join(root, tt.database))
			got, o := at(t, Source{Root: root}, onset, nil)
			var names []string
			for _, c := range ofKind(got, "packages") {
				if c.BeforeOnsetSeconds > 0 {
					names = append(names, c.What)
				}
			}
			if s := strings.Join(names, ", "); s != tt.want || checktest.HasUnread(o, "counts.packages") != tt.unread {
				t.Errorf("got %q, want %q; unread %v", s, tt.want, unread(o))
			}
		})
	}
}

// TestYumYear: the year is that in which the log was written.
func TestYumYear(t *testing.T) {
	book := &ledger{zone: time.UTC, modified: onset}
	for _, line := range []string{"Dec 31 10:00:00 Installed: a-1-1.x86_64", "Jan 31 14:00:00 Installed: b-1-1.x86_64", "Feb 30 10:00:00 Installed: c-1-1.x86_64", "x"} {
		parseYum(book, line)
	}
	if len(book.entries) != 2 || book.entries[0].Time.Year() != 2025 || book.entries[1].Time.Year() != 2026 {
		t.Errorf("got %+v", book.entries)
	}
}

func TestSplitNEVRA(t *testing.T) {
	for nevra, want := range map[string][2]string{
		"bash-5.2.21-1.fc39.x86_64":             {"bash", "5.2.21-1.fc39"},
		"openssl-libs-1:3.2.2-6.el9.x86_64":     {"openssl-libs", "1:3.2.2-6.el9"},
		"man-db-0:2.13.0-1.fc42.x86_64":         {"man-db", "2.13.0-1.fc42"},
		"python3-dateutil-1:2.6.1-6.el8":        {"python3-dateutil", "1:2.6.1-6"},
		"postfix":                               {"postfix", ""},
		"gpg-pubkey-8483c65d-5ccc5b19.(none)":   {"gpg-pubkey", "8483c65d-5ccc5b19"},
		"":                                      {"", ""},
		"java-1.8.0-openjdk-1:1.8.0.4-0.noarch": {"java-1.8.0-openjdk", "1:1.8.0.4-0"},
	} {
		if name, version := splitNEVRA(nevra); name != want[0] || version != want[1] {
			t.Errorf("%s: got %s, %s; want %v", nevra, name, version, want)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{"1.0~rc1-1", "1.0~rc1-2", "1.0", "1.0-1", "1.0-1+b1", "1.0.1", "1.2", "1.10", "6.1.0-9-amd64", "6.1.0-18-amd64", "1:0.1"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := compareVersions(a, b), i-j; got*want < 0 || (got == 0) != (want == 0) {
				t.Errorf("%s and %s: got %d, want the sign of %d", a, b, got, want)
			}
		}
	}
}

// TestPackagesOfThisHost compares with what apt says of this machine.
func TestPackagesOfThisHost(t *testing.T) {
	history, err := os.ReadFile("/var/log/apt/history.log")
	checktest.Need(t, "a machine on which apt has installed something lately", err == nil && len(history) > 0)
	starts := regexp.MustCompile(`(?m)^Start-Date: (.*)$`).FindAllStringSubmatch(string(history), -1)
	commands := regexp.MustCompile(`(?m)^Commandline: (.*)$`).FindAllStringSubmatch(string(history), -1)
	checktest.Need(t, "runs in apt's history", len(starts) > 0 && len(starts) == len(commands))
	last, err := time.ParseInLocation("2006-01-02  15:04:05", starts[len(starts)-1][1], Source{}.zone())
	if err != nil {
		t.Fatal(err)
	}
	got, o := at(t, Source{}, last.Add(time.Minute), map[string]any{"since": "1h"})
	changes := ofKind(got, "packages")
	if len(changes) == 0 || checktest.HasUnread(o, "counts.packages") {
		t.Fatalf("no run of apt; unread %v", unread(o))
	}
	var run Change
	for _, c := range changes {
		if c.Time.Equal(last) {
			run = c
		}
	}
	want := text(commands[len(commands)-1][1])
	if run.Detail != want || run.Count == 0 {
		t.Errorf("got %+v, want %q", run, want)
	}
	lastRun := history[strings.LastIndex(string(history), "Start-Date: "):]
	named := len(regexp.MustCompile(`:[a-z0-9]+ \(`).FindAll(lastRun, -1))
	if run.Count != named {
		t.Errorf("got %d packages, apt's history names %d", run.Count, named)
	}
}
