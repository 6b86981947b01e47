package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/kernellog"
	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
	"gumshoe/engine/source"
)

// kernelHost is a host that was booted 10,000 seconds ago, with these records.
func kernelHost(t testing.TB, kmsg string) Source {
	t.Helper()
	root := t.TempDir()
	tree{"uptime": "10000.00 19000.00\n", "kmsg": kmsg}.write(t, root)
	return Source{Proc: root, Messages: Messages{Kmsg: filepath.Join(root, "kmsg"), Journalctl: filepath.Join(root, "journalctl")}}
}

// kernelRecords writes records as /dev/kmsg has them, from the boot; each is its
// age in seconds, its priority and its text.
func kernelRecords(records ...any) string {
	text := "5,0,0,-;Linux version 6.1.0\n"
	for i := 0; i < len(records); i += 3 {
		text += fmt.Sprintf("%d,%d,%d,-;%s\n", records[i+1], 1+i/3, int64(10_000-records[i].(int))*1e6, records[i+2])
	}
	return text
}

// observeKernel runs the check at the beginning of the year 2000.
func observeKernel(t *testing.T, s Source, inputs map[string]any) (out Kernel, o engine.Observation) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { out, o = checktest.Observe[Kernel](t, s.Kernel(), inputs) })
	return out, o
}

func kernelUnread(o engine.Observation) (paths []string) {
	for _, u := range o.Unread {
		paths = append(paths, u.Path)
	}
	return paths
}

func TestKernelConforms(t *testing.T) {
	checktest.Run(t, kernelHost(t, kernelRecords(100, 3, "I/O error, dev sda, sector 8")).Kernel(), map[string]any{"since": "10m"})
}

// TestKernel has one of everything, and of some more.
func TestKernel(t *testing.T) {
	at := func(age int) time.Time { return time.Date(2000, 1, 1, 0, 0, -age, 0, time.UTC) }
	s := kernelHost(t, kernelRecords(
		5000, 3, "I/O error, dev old, sector 8",
		3599, 4, "x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
		3598, 6, "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/pods,task_memcg=/pods/a,task=java,pid=42,uid=33",
		3597, 3, "Memory cgroup out of memory: Killed process 42 (java) total-vm:57344kB, anon-rss:20480kB, file-rss:0kB, shmem-rss:0kB, UID:33 pgtables:92kB oom_score_adj:0",
		3000, 3, "Out of memory: Killed process 43 (evil\\x0a\\x1b) total-vm:9kB, file-rss:0kB",
		2900, 4, "app: page allocation failure: order:4, mode:0x40d20(GFP_ATOMIC), nodemask=(null)",
		2000, 3, "I/O error, dev sda, sector 8",
		1990, 3, "Buffer I/O error on dev sda, logical block 1, async page read",
		1980, 4, "nvme nvme0: I/O 12 QID 3 timeout, aborting",
		1970, 2, "EXT4-fs error (device sda1): ext4_lookup:1602: inode #2: comm ls: deleted inode referenced: 12",
		1960, 2, "EXT4-fs (sda1): Remounting filesystem read-only",
		1950, 5, "nfs: server filer not responding, still trying",
		1900, 3, "INFO: task dd:9 blocked for more than 120 seconds.",
		1780, 3, "INFO: task dd:9 blocked for more than 241 seconds.",
		1700, 0, "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [swapper/3:0]",
		1600, 6, "nginx[7]: segfault at 0 ip 0 sp 0 error 4 in nginx[1+2]",
		1500, 6, "nginx[8]: segfault at 0 ip 0 sp 0 error 4 in nginx[1+2]",
		1400, 6, "traps: calc[3] trap divide error ip:1 sp:2 error:0",
		1300, 0, "mce: [Hardware Error]: Machine check events logged",
		1290, 2, "CPU0: Core temperature above threshold, cpu clock throttled (total events = 1)",
		1200, 4, "Oops: 0002 [#1] SMP",
		1190, 1, "BUG: Bad page state in process x  pfn:1",
		1180, 4, "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
		1100, 6, "e1000e 0000:00:19.0 eno1: NIC Link is Down",
		1090, 6, "NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out",
		1080, 4, "nf_conntrack: nf_conntrack: table full, dropping packet",
		1070, 6, "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.",
		1060, 6, "neighbour: arp_cache: neighbor table overflow!",
		1050, 6, "TCP: out of memory -- consider tuning tcp_mem",
		1000, 6, "VFS: file-max limit 1000 reached",
		990, 6, "cgroup: fork rejected by pids controller in /a",
		980, 4, "clocksource: timekeeping watchdog on CPU3: Marking clocksource 'tsc' as unstable because the skew is too large:",
		970, 4, "net_ratelimit: 12 callbacks suppressed",
		960, 4, "net_ratelimit: 30 callbacks suppressed",
		900, 11, "I/O error, dev user, sector 8", // a program's
		10, 3, "something else that failed",
	))
	got, o := observeKernel(t, s, nil)
	same(t, got, Kernel{
		Source: "kmsg", WindowSeconds: 3600, CoversSeconds: 3600, Complete: true, BootSecondsAgo: 10_000,
		Errors: 13, Suppressed: 42,
		OOMKills: 2, OOMVictims: []OOMVictim{
			{Time: at(3000), AgeSeconds: 3000, PID: 43, Name: "evil\uFFFD\uFFFD", Scope: "global"},
			{
				Time: at(3597), AgeSeconds: 3597, PID: 42, Name: "java", Cgroup: "/pods/a", LimitCgroup: "/pods", Scope: "cgroup",
				AnonRSSBytes: 20 << 20, UID: 33,
			},
		},
		PageAllocationFailures: 1,
		IOErrors:               2, StorageResets: 1, IOErrorDevices: []IOErrorDevice{
			{Device: "nvme0", Resets: 1, Last: at(1980), AgeSeconds: 1980},
			{Device: "sda", Count: 2, Last: at(1990), AgeSeconds: 1990},
		},
		FilesystemErrors:       2,
		FilesystemErrorDevices: []FilesystemErrorDevice{{Device: "sda1", Count: 2, ReadOnly: true, Last: at(1960), AgeSeconds: 1960}},
		NFSTimeouts:            1,
		HungTasks:              []HungTask{{Name: "dd", PID: 9, Seconds: 241, Count: 2, Last: at(1780), AgeSeconds: 1780}},
		Lockups:                1,
		Segfaults:              2, Crashed: []CrashedProcess{
			{Name: "calc", PID: 3, Count: 1, Last: at(1400), AgeSeconds: 1400},
			{Name: "nginx", PID: 8, Count: 2, Last: at(1500), AgeSeconds: 1500},
		},
		HardwareErrors: 1, ThermalThrottles: 1, KernelOopses: 1, KernelBugs: 1, KernelWarnings: 1,
		LinkDowns:        []LinkDown{{Interface: "eno1", Count: 1, Last: at(1100), AgeSeconds: 1100}},
		TransmitTimeouts: 1, ConntrackTableFull: 1, SYNFloods: 1, SYNFloodPorts: []int64{80},
		NeighbourTableOverflows: 1, TCPMemoryExhausted: 1, FileMaxReached: 1, ForksRejected: 1, ClocksourceUnstable: 1,
	})
	if got, want := kernelUnread(o), []string{"oom_victims[0].cgroup", "oom_victims[0].anon_rss_bytes", "oom_victims[0].uid"}; !slices.Equal(got, want) {
		t.Errorf("unread %v, want %v", got, want)
	}
	if want := "2 OOM kills (last evil\uFFFD\uFFFD), 2 I/O errors (last on nvme0), 2 file system errors, 1 hung tasks in 1h0m0s"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
	if len(o.Excerpts) != 8 {
		t.Fatalf("%d excerpts, want 8", len(o.Excerpts))
	}
	if got, want := o.Excerpts[0].Text, "1999-12-31T23:11:40Z app: page allocation failure"; !strings.HasPrefix(got, want) {
		t.Errorf("excerpt %q, want the newest first, %q", got, want)
	}
	if got, want := o.Excerpts[7].Text, "1999-12-31T23:59:50Z something else that failed\n"; got != want {
		t.Errorf("the last excerpt is %q, want %q", got, want)
	}
}

func TestKernelQuiet(t *testing.T) {
	got, o := observeKernel(t, kernelHost(t, kernelRecords(100, 6, "nothing")), nil)
	if got.Errors != 0 || !got.Complete || len(o.Unread) > 0 || o.Summary != "no complaints in 1h0m0s" {
		t.Errorf("got %+v, unread %v, summary %q", got, o.Unread, o.Summary)
	}
	if len(o.Excerpts) > 0 {
		t.Errorf("excerpts %v", o.Excerpts)
	}
}

// TestKernelBootedInTheWindow: what the kernel has since its boot is complete.
func TestKernelBootedInTheWindow(t *testing.T) {
	s := kernelHost(t, "5,0,0,-;Linux version 6.1.0\n3,1,200000000,-;I/O error, dev sda, sector 8\n")
	tree{"uptime": "300.00 19000.00\n"}.write(t, s.Proc)
	got, o := observeKernel(t, s, nil)
	if !got.Complete || got.CoversSeconds != 300 || got.WindowSeconds != 3600 || got.BootSecondsAgo != 300 || len(o.Unread) > 0 {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
	if got.IOErrors != 1 || got.IOErrorDevices[0].AgeSeconds != 100 {
		t.Errorf("got %+v", got.IOErrorDevices)
	}
}

// TestKernelOverwritten: what was seen is true, what was not seen is unknown.
func TestKernelOverwritten(t *testing.T) {
	s := kernelHost(t, "6,7000,9400000000,-;x\n3,7001,9900000000,-;I/O error, dev sda, sector 8\n")
	got, o := observeKernel(t, s, nil)
	if got.Complete || got.CoversSeconds != 600 || got.IOErrors != 1 || len(got.IOErrorDevices) != 1 {
		t.Errorf("got %+v", got)
	}
	unread := kernelUnread(o)
	for _, path := range []string{"oom_kills", "segfaults", "suppressed", "kernel_oopses", "oom_victims", "io_error_devices", "syn_flood_ports"} {
		if !slices.Contains(unread, path) {
			t.Errorf("%s is not unread", path)
		}
	}
	for _, path := range []string{"io_errors", "errors", "complete", "covers_seconds", ""} {
		if slices.Contains(unread, path) {
			t.Errorf("%q is unread", path)
		}
	}
	if u := o.Unread[0]; !strings.Contains(u.Reason, "only 10m0s of 1h0m0s") || !strings.Contains(u.Fix, "systemd-journal") {
		t.Errorf("got %+v", u)
	}
	// All counts and lists are known to what marks them.
	if d, err := s.Kernel().Definition(); err != nil || len(unread) != len(d.Out.Fields)-len([]string{"source", "window_seconds", "covers_seconds", "complete", "boot_seconds_ago"})-2 {
		t.Errorf("%d unread of %d fields, %v", len(unread), len(d.Out.Fields), err)
	}
}

// TestKernelExpressions: conditions over a window of which a part is missing.
func TestKernelExpressions(t *testing.T) {
	got, o := observeKernel(t, kernelHost(t, "3,7001,9900000000,-;I/O error, dev sda, sector 8\n"), nil)
	scope, env := expression.NewScope(), expression.NewEnvironment()
	scope.Declare("kernel", reflect.TypeFor[Kernel]())
	var unread []expression.Unread
	for _, u := range o.Unread {
		unread = append(unread, expression.Unread{Path: u.Path, Reason: u.Reason, Fix: u.Fix})
	}
	env.BindObserved("kernel", got, unread)
	for text, want := range map[string]kleene.Truth{
		"kernel.io_errors > 0": kleene.True, "kernel.errors > 0": kleene.True, "kernel.complete": kleene.False,
		"kernel.oom_kills > 0": kleene.Unknown, "kernel.oom_kills == 0": kleene.Unknown, "len(kernel.link_downs) == 0": kleene.Unknown,
		`any(kernel.io_error_devices, .device == "sda" and .age_seconds < 600)`: kleene.True,
		`any(kernel.io_error_devices, .device == "sdb")`:                        kleene.Unknown,
		`any(kernel.oom_victims, .scope == "cgroup")`:                           kleene.Unknown,
	} {
		c, faults := expression.CompileCondition(source.Text{Value: text}, scope)
		if faults != nil {
			t.Fatalf("%s: %v", text, faults)
		}
		if result := c.Eval(env); result.Truth != want {
			t.Errorf("%s: got %s (%s), want %s", text, result.Truth, result.Reason, want)
		}
	}
}

func TestKernelShortWindow(t *testing.T) {
	s := kernelHost(t, "6,7000,9400000000,-;x\n3,7001,9900000000,-;I/O error, dev sda, sector 8\n")
	got, o := observeKernel(t, s, map[string]any{"since": "10m"})
	if !got.Complete || got.CoversSeconds != 600 || len(o.Unread) > 0 {
		t.Errorf("got %+v, unread %v; want the buffer to be enough", got, o.Unread)
	}
}

func TestKernelSince(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	in := KernelInput{Since: time.Hour}
	for _, tt := range []struct {
		name  string
		onset time.Time
		want  time.Duration
	}{
		{"no incident", time.Time{}, time.Hour},
		{"a new one", now.Add(-time.Minute), time.Hour},
		{"an older one", now.Add(-2 * time.Hour), 2*time.Hour + 5*time.Minute},
		{"just within", now.Add(-56 * time.Minute), time.Hour + time.Minute},
		{"a very old one", now.Add(-30 * 24 * time.Hour), 7 * 24 * time.Hour},
	} {
		if got := now.Sub(in.since(now, tt.onset)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	d, err := kernelHost(t, kernelRecords(7300, 3, "I/O error, dev sda, sector 8")).Kernel().Definition()
	if err != nil {
		t.Fatal(err)
	}
	decoded, _ := d.In.Decode(nil)
	o := engine.Local("test")(t.Context(), engine.Request{
		Step: "step", Check: d, Input: decoded, Timeout: checktest.Timeout, Incident: engine.Incident{Onset: time.Now().Add(-2 * time.Hour)},
	})
	if got, ok := o.Output.(Kernel); !ok || got.IOErrors != 1 {
		t.Errorf("got %+v, want what happened 5 minutes before the onset", o)
	}
}

// TestKernelBounded: many devices and victims.
func TestKernelBounded(t *testing.T) {
	var records []any
	for i := range 100 {
		records = append(records, 1000-i, 3, fmt.Sprintf("I/O error, dev sd%d, sector 8", i),
			1000-i, 3, fmt.Sprintf("Killed process %d (x) total-vm:9kB, anon-rss:1kB", i))
	}
	got, o := observeKernel(t, kernelHost(t, kernelRecords(records...)), nil)
	if got.IOErrors != 100 || len(got.IOErrorDevices) != maxKernelList || got.IOErrorDevices[0].Device != "sd99" {
		t.Errorf("got %d devices of %d errors, first %+v", len(got.IOErrorDevices), got.IOErrors, got.IOErrorDevices[0])
	}
	if got.OOMKills != 100 || len(got.OOMVictims) != maxKernelList || got.OOMVictims[0].PID != 99 || !checktest.HasUnread(o, "oom_victims[19].uid") {
		t.Errorf("got %d victims of %d kills, first %+v", len(got.OOMVictims), got.OOMKills, got.OOMVictims[0])
	}
	for _, e := range o.Excerpts {
		if strings.Count(e.Text, "\n") > maxEvidence {
			t.Errorf("%s has %d lines", e.Title, strings.Count(e.Text, "\n"))
		}
	}
}

// kernelJournal puts a program in place of journalctl that prints lines, newest
// first; each is its age in seconds and its text.
func kernelJournal(t *testing.T, s Source, lines ...any) {
	t.Helper()
	script := "#!/bin/sh\ncat <<'END'\n"
	for i := 0; i < len(lines); i += 2 {
		at := time.Now().UnixMicro() - int64(lines[i].(int))*1e6
		script += fmt.Sprintf(`{"__REALTIME_TIMESTAMP":"%d","PRIORITY":"3","SYSLOG_FACILITY":"0","MESSAGE":"%s"}`+"\n", at, lines[i+1])
	}
	checktest.WriteProgram(t, s.Messages.Journalctl, []byte(script+"END\n"))
}

func TestKernelSources(t *testing.T) {
	const overwritten = "3,7000,9400000000,-;I/O error, dev sda, sector 8\n"
	for _, tt := range []struct {
		name, kmsg string
		journal    []any
		source     string
		ioErrors   int64
		complete   bool
	}{
		{"the journal goes further", overwritten, []any{600, "I/O error, dev sda, sector 8", 700, "I/O error, dev sda, sector 9", 4000, "x"}, "journal", 2, true},
		{"the journal goes less far", overwritten, []any{100, "x"}, "kmsg", 1, false},
		{"the journal is empty", overwritten, nil, "kmsg", 1, false},
		{"only the journal", "", []any{600, "I/O error, dev sda, sector 8", 700, "Linux version 6.1"}, "journal", 1, true},
		{"a short journal", "", []any{600, "I/O error, dev sda, sector 8"}, "journal", 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := kernelHost(t, tt.kmsg)
			kernelJournal(t, s, tt.journal...)
			got, o := checktest.Observe[Kernel](t, s.Kernel(), nil)
			if got.Source != tt.source || got.IOErrors != tt.ioErrors || got.Complete != tt.complete || (len(o.Unread) == 0) != tt.complete {
				t.Errorf("got %s, %d I/O errors, complete %v, unread %v", got.Source, got.IOErrors, got.Complete, kernelUnread(o))
			}
		})
	}
}

func TestKernelBlind(t *testing.T) {
	s := kernelHost(t, "")
	if o := checktest.Look(t, s.Kernel(), nil); o.Status != engine.Failed || !strings.Contains(o.Reason, "journalctl") || !strings.Contains(o.Fix, "container") {
		t.Errorf("nothing there: got %s %q, fix %q", o.Status, o.Reason, o.Fix)
	}
	kernelJournal(t, s)
	if o := checktest.Look(t, s.Kernel(), nil); o.Status != engine.Failed || !strings.Contains(o.Reason, "no messages of the kernel") {
		t.Errorf("an empty journal: got %s %q", o.Status, o.Reason)
	}
	for err, want := range map[error]string{kernellog.ErrNoTimes: "printk", syscall.EPERM: "cap_syslog", fmt.Errorf("open: %w", syscall.EACCES): "systemd-journal", syscall.ENOSYS: "container"} {
		var blind *engine.BlindError
		if !errors.As(noMessages([]error{err}), &blind) || !strings.Contains(blind.Fix, want) {
			t.Errorf("%v: got %+v, want %q", err, blind, want)
		}
	}
	s.Messages.Kmsg = filepath.Join(s.Proc, "kmsg")
	tree{"kmsg": kernelRecords(1, 6, "x"), "uptime": "NaN 0\n"}.write(t, s.Proc)
	if o := checktest.Look(t, s.Kernel(), nil); o.Status != engine.Failed || !strings.Contains(o.Reason, "uptime") {
		t.Errorf("no uptime: got %s %q", o.Status, o.Reason)
	}
}

// TestKernelOfThisHost compares with dmesg.
func TestKernelOfThisHost(t *testing.T) {
	probe, err := os.Open(kernellog.Kmsg)
	checktest.Need(t, "the right to read /dev/kmsg", err == nil)
	probe.Close()
	got, _ := checktest.Observe[Kernel](t, Source{}.Kernel(), map[string]any{"since": "168h"})
	all := tool(t, "dmesg", "--raw")
	inDmesg := int64(0)
	for line := range strings.Lines(all) {
		if prefixed := len(line) > 2 && line[0] == '<' && line[2] == '>'; prefixed && line[1] <= '3' {
			inDmesg++
		}
	}
	whole := strings.Contains(all[:min(len(all), 100)], "Linux version") // nobody cleared it
	if got.Source == "kmsg" && whole && got.BootSecondsAgo < 160*3600 && (got.Errors > inDmesg || got.Errors < inDmesg-10) {
		t.Errorf("%d errors, dmesg has %d", got.Errors, inDmesg) // others may log while we look
	}
	if got.BootSecondsAgo <= 0 || got.CoversSeconds <= 0 {
		t.Errorf("got %+v", got)
	}
}

// TestKernelAsNobody: with kernel.dmesg_restrict and without the journal there is
// nothing, and a way to change that.
func TestKernelAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	o := checktest.Look(t, Source{}.Kernel(), nil)
	if o.Output != nil {
		restricted, err := (Source{}).number("sys/kernel/dmesg_restrict")
		if err == nil && restricted == 1 {
			t.Errorf("got %+v", o.Output)
		}
		return
	}
	if !strings.Contains(o.Reason, "/dev/kmsg") || !strings.Contains(o.Reason, "syslog") || !strings.Contains(o.Fix, "cap_syslog") {
		t.Errorf("got %s %q, fix %q", o.Status, o.Reason, o.Fix)
	}
}

// TestRealKernelOOM lets the kernel kill a process in a cgroup.
func TestRealKernelOOM(t *testing.T) {
	if !checktest.Real() {
		t.Skip("it has a process killed: set GUMSHOE_TEST_REAL=1")
	}
	g := checktest.NewCgroup(t, checktest.Limits{MemoryBytes: 20 << 20})
	hog := exec.Command("sh", "-c", "read go; exec tail /dev/zero") // tail keeps all of a line that has no end
	input, err := hog.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hog.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hog.Process.Kill(); _ = hog.Wait() })
	g.Join(t, hog.Process.Pid)
	if _, err := io.WriteString(input, "go\n"); err != nil {
		t.Fatal(err)
	}
	if err := hog.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	got, o := checktest.Observe[Kernel](t, Source{}.Kernel(), map[string]any{"since": "1m"})
	i := slices.IndexFunc(got.OOMVictims, func(v OOMVictim) bool { return v.PID == int64(hog.Process.Pid) })
	if i < 0 {
		t.Fatalf("got %+v, unread %v; want process %d", got.OOMVictims, o.Unread, hog.Process.Pid)
	}
	v := got.OOMVictims[i]
	if v.Name != "tail" || v.Scope != "cgroup" || v.LimitCgroup == "" || v.LimitCgroup != v.Cgroup || !strings.HasSuffix(g.Path, filepath.Base(v.Cgroup)) ||
		v.AnonRSSBytes < 10<<20 || v.AnonRSSBytes > 20<<20 || v.AgeSeconds > 20 || checktest.HasUnread(o, fmt.Sprintf("oom_victims[%d].uid", i)) {
		t.Errorf("got %+v, want tail in %s", v, g.Path)
	}
}

// TestRealKernelSegfault runs a program that reads address 0, twice.
func TestRealKernelSegfault(t *testing.T) {
	if !checktest.Real() {
		t.Skip("it makes a program crash: set GUMSHOE_TEST_REAL=1")
	}
	checktest.Need(t, "an x86-64 processor", runtime.GOARCH == "amd64")
	traced, err := (Source{}).number("sys/debug/exception-trace")
	checktest.Need(t, "debug.exception-trace to be 1", err == nil && traced == 1)
	name := fmt.Sprintf("gum) [1]:%d", os.Getpid()%100000)
	program := filepath.Join(t.TempDir(), name)
	checktest.WriteProgram(t, program, crashing())
	var pid int
	for range 2 {
		cmd := exec.Command(program)
		err := cmd.Run()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGSEGV {
			t.Fatalf("it ended with %v", err)
		}
		pid = cmd.ProcessState.Pid()
	}
	got, _ := checktest.Observe[Kernel](t, Source{}.Kernel(), map[string]any{"since": "1m"})
	i := slices.IndexFunc(got.Crashed, func(c CrashedProcess) bool { return c.Name == name })
	if i < 0 || got.Crashed[i].Count != 2 || got.Crashed[i].PID != int64(pid) || got.Segfaults < 2 {
		t.Errorf("got %+v, want two of %q, the last %d", got.Crashed, name, pid)
	}
}

// crashing is a program, an ELF file of one segment, that reads address 0.
func crashing() []byte {
	const base, headers = 0x400000, 64 + 56
	code := []byte{0x31, 0xc0, 0x8b, 0x00} // xor eax, eax; mov eax, [rax]
	file := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	le := binary.LittleEndian
	file = le.AppendUint16(file, 2)  // executable
	file = le.AppendUint16(file, 62) // x86-64
	file = le.AppendUint32(file, 1)
	for _, v := range []uint64{base + headers, 64, 0} { // entry, program headers, section headers
		file = le.AppendUint64(file, v)
	}
	file = le.AppendUint32(file, 0)
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} {
		file = le.AppendUint16(file, v)
	}
	file = le.AppendUint32(file, 1)                                                             // load
	file = le.AppendUint32(file, 5)                                                             // to read and execute
	for _, v := range []uint64{0, base, base, headers + uint64(len(code)), headers + 4, 4096} { // offset, addresses, sizes, alignment
		file = le.AppendUint64(file, v)
	}
	return append(file, code...)
}

// TestRealKernelUserRecord: what a program writes into the kernel's log is not the
// kernel's.
func TestRealKernelUserRecord(t *testing.T) {
	if !checktest.Real() {
		t.Skip("it writes to the kernel's log: set GUMSHOE_TEST_REAL=1")
	}
	kmsg, err := os.OpenFile(kernellog.Kmsg, os.O_WRONLY, 0)
	checktest.Need(t, "root, to write to /dev/kmsg", err == nil)
	device := fmt.Sprintf("gumshoe%d", os.Getpid())
	for _, priority := range []string{"<3>", "<0>", ""} {
		if _, err := kmsg.WriteString(priority + "I/O error, dev " + device + ", sector 8\n"); err != nil {
			t.Fatal(err)
		}
	}
	kmsg.Close()
	if text := tool(t, "dmesg", "--raw"); strings.Count(text, device) != 3 {
		t.Fatal("dmesg does not show what was written")
	}
	got, o := checktest.Observe[Kernel](t, Source{}.Kernel(), map[string]any{"since": "1m"})
	if slices.ContainsFunc(got.IOErrorDevices, func(d IOErrorDevice) bool { return d.Device == device }) {
		t.Errorf("got %+v, which no kernel said", got.IOErrorDevices)
	}
	for _, e := range o.Excerpts {
		if strings.Contains(e.Text, device) {
			t.Errorf("excerpt %q", e.Text)
		}
	}
}

// BenchmarkKernel reads a buffer of 10,000 messages, which is a large one.
func BenchmarkKernel(b *testing.B) {
	var records []any
	for i := range 10_000 {
		records = append(records, 3000, 6, []string{
			"docker0: port 1(veth653d362) entered disabled state", "I/O error, dev sda, sector 8", "IPv6: ADDRCONF(NETDEV_CHANGE): veth1: link becomes ready",
		}[i%3])
	}
	s := kernelHost(b, kernelRecords(records...))
	for b.Loop() {
		if _, err := s.lookKernel(b.Context(), &engine.Call{}, KernelInput{Since: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
}
