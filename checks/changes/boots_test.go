package changes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// utmp writes a record in a layout of utmp(5).
func utmp(y layout, kind int16, user, line, host string, at time.Time) []byte {
	raw := make([]byte, y.size)
	binary.NativeEndian.PutUint16(raw, uint16(kind))
	copy(raw[8:40], line)
	copy(raw[44:76], user)
	copy(raw[76:332], host)
	if y.wide {
		binary.NativeEndian.PutUint64(raw[y.seconds:], uint64(at.Unix()))
	} else {
		binary.NativeEndian.PutUint32(raw[y.seconds:], uint32(at.Unix()))
	}
	if y.wide {
		binary.NativeEndian.PutUint64(raw[y.seconds+8:], 123456) // microseconds
	} else {
		binary.NativeEndian.PutUint32(raw[y.seconds+4:], 123456)
	}
	return raw
}

// wtmpOf writes a history: a boot, a login, a shutdown, a boot, a crash, a boot.
func wtmpOf(y layout) []byte {
	var out bytes.Buffer
	for _, r := range []struct {
		kind             int16
		user, line, host string
		before           time.Duration
	}{
		{bootTime, "reboot", "~", "6.1.0-17-amd64", 100 * time.Hour},
		{runLevel, "runlevel", "~", "6.1.0-17-amd64", 100*time.Hour - time.Minute},
		{userProcess, "alice", "pts/0", "192.0.2.7", 10 * time.Hour},
		{8, "", "pts/0", "", 9 * time.Hour},
		{runLevel, "shutdown", "~", "6.1.0-17-amd64", 8*time.Hour + time.Minute},
		{bootTime, "reboot", "~", "6.1.0-18-amd64", 8 * time.Hour},
		{userProcess, "bob", "tty1", "", 5 * time.Hour},
		{bootTime, "reboot", "~", "6.1.0-18-amd64", 2 * time.Hour},
		{userProcess, "carol\x1b[2J", "pts/1", "192.0.2.8", -time.Minute},
	} {
		out.Write(utmp(y, r.kind, r.user, r.line, r.host, onset.Add(-r.before)))
	}
	return out.Bytes()
}

func btime(before time.Duration) string {
	return fmt.Sprintf("cpu  1 2 3 4\nbtime %d\nprocesses 5\n", onset.Add(-before).Unix())
}

func TestBoots(t *testing.T) {
	for i, y := range layouts() {
		root := t.TempDir()
		tree{"proc/stat": btime(2*time.Hour + time.Second), "var/log/wtmp": string(wtmpOf(y))}.write(t, root)
		got, o := at(t, Source{Root: root}, onset, nil)
		boots := ofKind(got, "boots")
		if len(boots) != 2 || boots[0].Action != "crashed" || boots[0].From != "" || boots[0].BeforeOnsetSeconds != 7200 ||
			boots[1].Action != "booted" || boots[1].From != "6.1.0-17-amd64" || boots[1].To != "6.1.0-18-amd64" {
			t.Errorf("layout %d: got %+v", i, boots)
		}
		if got.LastBootClean || got.Counts.Boots != 2 || checktest.HasUnread(o, "last_boot_clean") || checktest.HasUnread(o, "counts.boots") ||
			!got.LastBoot.Equal(onset.Add(-2*time.Hour-time.Second)) || got.LastChange != "boot after a crash" {
			t.Errorf("layout %d: clean %v, %d boots, the last %s, %q; unread %v", i, got.LastBootClean, got.Counts.Boots, got.LastBoot, got.LastChange, unread(o))
		}
		same(t, got.Logins, []Login{
			{User: "bob", Terminal: "tty1", Time: onset.Add(-5 * time.Hour), BeforeOnsetSeconds: 5 * 3600},
			{User: "alice", From: "192.0.2.7", Terminal: "pts/0", Time: onset.Add(-10 * time.Hour), BeforeOnsetSeconds: 10 * 3600},
			{User: "carol\uFFFD[2J", From: "192.0.2.8", Terminal: "pts/1", Time: onset.Add(time.Minute), AfterOnsetSeconds: 60},
		})
	}
}

// TestBootsLast compares with last(1), which reads the same records.
func TestBootsLast(t *testing.T) {
	_, err := exec.LookPath("last")
	checktest.Need(t, "the program last", err == nil)
	file := filepath.Join(t.TempDir(), "wtmp")
	if err := os.WriteFile(file, wtmpOf(layouts()[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("last", "-x", "-f", file)
	cmd.Env = []string{"TZ=UTC", "LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	boots := bootsOf(parseWtmp(wtmpOf(layouts()[0]), false))
	for _, b := range boots {
		if want := b.time.UTC().Format("Mon Jan _2 15:04"); !strings.Contains(string(out), want) {
			t.Errorf("last does not know of the boot at %s:\n%s", want, out)
		}
	}
	if strings.Count(string(out), "reboot") != len(boots) || !strings.Contains(string(out), "crash") != !boots[2].crashed || !strings.Contains(string(out), "192.0.2.7") {
		t.Errorf("got %+v, last says\n%s", boots, out)
	}
}

func TestBootsUnread(t *testing.T) {
	one := func(rs ...[]byte) string { return string(bytes.Join(rs, nil)) }
	y := layouts()[0]
	rebooted := utmp(y, bootTime, "reboot", "~", "6.1", onset.Add(-2*time.Hour))
	for _, tt := range []struct {
		name   string
		files  tree
		boots  int
		unread string
	}{
		{"no wtmp, started before the window", tree{"proc/stat": btime(240 * time.Hour)}, 0, "last_boot_clean logins"},
		{"no wtmp, started in the window", tree{"proc/stat": btime(2 * time.Hour)}, 1, "counts.boots last_boot_clean logins"},
		{"the wtmp of an image", tree{"proc/stat": btime(2 * time.Hour), "var/log/wtmp": ""}, 1, "counts.boots last_boot_clean"},
		{"no procfs, no wtmp", tree{}, 0, "counts.boots last_boot_clean logins last_boot"},
		{"no procfs", tree{"var/log/wtmp": one(rebooted)}, 1, "last_boot_clean"},
		{"the first boot", tree{"proc/stat": btime(2 * time.Hour), "var/log/wtmp": one(rebooted)}, 1, "last_boot_clean"},
		{"cut in the middle of a record", tree{"proc/stat": btime(2 * time.Hour), "var/log/wtmp": one(rebooted, rebooted[:200])}, 1, "last_boot_clean"},
		{"rotated", tree{
			"proc/stat": btime(2 * time.Hour), "var/log/wtmp": one(rebooted),
			"var/log/wtmp.1.gz": zipped(t, one(utmp(y, runLevel, "shutdown", "~", "", onset.Add(-3*time.Hour)))),
		}, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tt.files.write(t, root)
			tree{"var/log/dpkg.log": ""}.write(t, root)
			got, o := at(t, Source{Root: root}, onset, nil)
			var fields []string
			for _, u := range o.Unread {
				for _, about := range []string{"last_boot", "counts.boots", "last_boot_clean", "logins"} {
					if u.Path == about {
						fields = append(fields, u.Path)
					}
				}
			}
			if s := strings.Join(fields, " "); s != tt.unread || got.Counts.Boots != tt.boots {
				t.Errorf("got %d boots, unread %q; want %d and %q", got.Counts.Boots, s, tt.boots, tt.unread)
			}
			if blind := checktest.HasUnread(o, "in_last_hour"); blind != strings.Contains(tt.unread, "counts.boots") {
				t.Errorf("in_last_hour unread: %v; all: %v", blind, unread(o))
			}
		})
	}
}

// TestWtmpTail: the beginning of a long wtmp is cut off anywhere.
func TestWtmpTail(t *testing.T) {
	for _, y := range layouts() {
		var all bytes.Buffer
		for range 100 {
			all.Write(wtmpOf(y))
		}
		for _, cut := range []int{4, 100, y.size - 4, y.size, 1000} {
			got := parseWtmp(all.Bytes()[cut:], true)
			if want := (all.Len() - cut) / y.size; len(got) != want {
				t.Errorf("layout of %d bytes without the first %d: %d records, want %d", y.size, cut, len(got), want)
			}
		}
	}
}

func TestKernel(t *testing.T) {
	for _, tt := range []struct {
		name    string
		running string
		files   []string
		newest  string
		pending bool
		because string
		unread  bool
	}{
		{"the newest runs", "6.1.0-18-amd64", []string{"boot/vmlinuz-6.1.0-18-amd64", "boot/vmlinuz-6.1.0-9-amd64"}, "6.1.0-18-amd64", false, "", false},
		{"a newer one is installed", "6.1.0-9-amd64", []string{"boot/vmlinuz-6.1.0-18-amd64", "boot/vmlinuz-6.1.0-9-amd64"},
			"6.1.0-18-amd64", true, "kernel 6.1.0-18-amd64 is installed, and 6.1.0-9-amd64 runs", false},
		{"a newer one of another flavour", "6.1.0-18-amd64", []string{"lib/modules/6.1.0-18-amd64/x", "lib/modules/6.1.0-21-rt-amd64/x"}, "6.1.0-18-amd64", false, "", false},
		{"Fedora after a release upgrade", "6.5.6-300.fc38.x86_64", []string{"boot/vmlinuz-6.6.2-201.fc39.x86_64", "boot/vmlinuz-0-rescue-ab12", "boot/vmlinuz-6.5.6-300.fc38.x86_64"},
			"6.6.2-201.fc39.x86_64", true, "kernel 6.6.2-201.fc39.x86_64 is installed, and 6.5.6-300.fc38.x86_64 runs", false},
		{"Arch, the running one is gone", "6.6.9-arch1-1", []string{"boot/vmlinuz-linux", "usr/lib/modules/6.6.10-arch1-1/x"},
			"6.6.10-arch1-1", true, "kernel 6.6.10-arch1-1 is installed, and 6.6.9-arch1-1 runs", false},
		{"asked for", "6.1.0-18-amd64", []string{"boot/vmlinuz-6.1.0-18-amd64", "run/reboot-required", "run/reboot-required.pkgs"},
			"6.1.0-18-amd64", true, "/run/reboot-required is there because of libc6, linux-base", false},
		{"none", "6.1.0-18-amd64", nil, "", false, "", true},
		{"procfs is missing", "", []string{"boot/vmlinuz-6.1.0-18-amd64"}, "6.1.0-18-amd64", false, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for _, file := range tt.files {
				tree{file: "linux-base\nlibc6\nlinux-base\n"}.write(t, root)
			}
			if tt.running != "" {
				tree{"proc/sys/kernel/osrelease": tt.running + "\n"}.write(t, root)
			}
			got, o := at(t, Source{Root: root}, onset, nil)
			because := strings.ReplaceAll(got.RebootPendingBecause, root, "")
			if got.RunningKernel != tt.running || got.NewestKernel != tt.newest || got.RebootPending != tt.pending || because != tt.because {
				t.Errorf("got %q, %q, %v %q", got.RunningKernel, got.NewestKernel, got.RebootPending, because)
			}
			if checktest.HasUnread(o, "reboot_pending") != tt.unread {
				t.Errorf("unread %v", unread(o))
			}
		})
	}
}
