package kernellog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// now is when the tests look: 1,000 seconds after the boot.
var now = Clock{Now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Uptime: 1000 * time.Second}

// ago gives a time in seconds before now.
func ago(seconds float64) time.Time {
	return now.Now.Add(-time.Duration(seconds * float64(time.Second)))
}

func writeKmsg(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kmsg")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadKmsg(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Log
	}{
		{"from the boot", "5,0,0,-;Linux version 6.1\n6,1,400000000,-;old\n3,2,900000000,-;new\n", Log{
			Records: []Record{{Time: ago(100), Level: 3, Text: "new"}}, Seen: 3,
		}},
		{"properties", "6,0,900000000,-;NET\n SUBSYSTEM=net\n DEVICE=n2\n4,1,901000000,-;x\n", Log{
			Records: []Record{{Time: ago(100), Level: 6, Text: "NET"}, {Time: ago(99), Level: 4, Text: "x"}}, Seen: 2,
		}},
		{"overwritten", "3,812,700000000,-;first left\n3,813,900000000,-;x\n", Log{
			Records: []Record{{Time: ago(300), Level: 3, Text: "first left"}, {Time: ago(100), Level: 3, Text: "x"}},
			From:    ago(300), Seen: 2,
		}},
		{"overwritten while reading", "3,0,700000000,-;a\n3,5,900000000,-;b\n3,6,950000000,-;c\n", Log{
			Records: []Record{{Time: ago(300), Level: 3, Text: "a"}, {Time: ago(100), Level: 3, Text: "b"}, {Time: ago(50), Level: 3, Text: "c"}},
			From:    ago(100), Lost: 4, Seen: 3,
		}},
		{"programs write too", "12,0,900000000,-;user\n30,1,910000000,-;daemon\n3,2,920000000,-;kernel\n", Log{
			Records: []Record{{Time: ago(80), Level: 3, Text: "kernel"}}, Seen: 1,
		}},
		{"caller", "3,0,900000000,-,caller=T12;x;y\n", Log{Records: []Record{{Time: ago(100), Level: 3, Text: "x;y"}}, Seen: 1}},
		{"pieces of 4.4", "4,0,900000000,c;one\n4,1,900000001,+; two\n4,2,900000002,+; three\n4,3,910000000,-;next\n", Log{
			Records: []Record{{Time: ago(100), Level: 4, Text: "one two three"}, {Time: ago(90), Level: 4, Text: "next"}}, Seen: 2,
		}},
		{"pieces of what is too old", "4,0,100000000,c;one\n4,1,100000001,+; two\n", Log{Seen: 1}},
		{"escaped", `3,0,900000000,-;a\x0ab \x5cx41 \xc3\xa4 \x4` + "\n", Log{
			Records: []Record{{Time: ago(100), Level: 3, Text: "a\nb \\x41 ä \\x4"}}, Seen: 1,
		}},
		{"garbage", "3,0,900000000,-;a\nnonsense\n3,x,2,-;b\n99999999999999999999,1,2,-;c\n3,3,950000000,-;d\n", Log{
			Records: []Record{{Time: ago(100), Level: 3, Text: "a"}, {Time: ago(50), Level: 3, Text: "d"}}, From: ago(50), Lost: 2, Seen: 2,
		}},
		{"no line end", "3,0,900000000,-;a", Log{Records: []Record{{Time: ago(100), Level: 3, Text: "a"}}, Seen: 1}},
		{"a fast clock", "3,7,500000000,-;a\n3,8,1010000000,-;b\n", Log{
			Records: []Record{{Time: ago(510), Level: 3, Text: "a"}, {Time: ago(0), Level: 3, Text: "b"}}, From: ago(510), Seen: 2,
		}},
		{"empty", "", Log{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadKmsg(t.Context(), writeKmsg(t, tt.text), ago(550), now)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Records) == 0 {
				got.Records = nil
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}

// TestReadKmsgLong: lines longer than the buffer, and records across its end.
func TestReadKmsgLong(t *testing.T) {
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "3,%d,%d,-;%s\n", i, 900000000+i, strings.Repeat("x", i%90))
	}
	fmt.Fprintf(&text, "3,3000,900003000,-;%s\n3,3001,900003001,-;last\n", strings.Repeat("y", 100<<10))
	got, err := ReadKmsg(t.Context(), writeKmsg(t, text.String()), ago(550), now)
	if err != nil || len(got.Records) < 3001 || got.Lost == 0 {
		t.Fatalf("got %d records, %d lost, %v; want the 3001 of a proper length, and a loss", len(got.Records), got.Lost, err)
	}
	if last := got.Records[len(got.Records)-1]; last.Text != "last" {
		t.Errorf("got %q, want the last one", last.Text)
	}
}

func TestReadKmsgErrors(t *testing.T) {
	if _, err := ReadKmsg(t.Context(), filepath.Join(t.TempDir(), "none"), ago(1), now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: got %v", err)
	}
	if _, err := ReadKmsg(t.Context(), t.TempDir(), ago(1), now); err == nil {
		t.Error("a folder: no error")
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadKmsg(t.Context(), fifo, ago(1), now); err != nil || got.Seen != 0 {
		t.Errorf("a pipe, as in containers: got %+v, %v; want nothing, at once", got, err)
	}
	for _, other := range []string{os.DevNull, fifo, writeKmsg(t, "3,0,0,-;x\n")} {
		descriptor, err := open(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := kernels(descriptor); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s in place of the kernel's log: got %v", other, err)
		}
		syscall.Close(descriptor)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadKmsg(ctx, writeKmsg(t, "3,0,0,-;x\n"), ago(1), now); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestBounded(t *testing.T) {
	g := gather{since: ago(1e6), clock: now}
	for i := range 3 * maxRecords {
		g.add(time.Duration(i)*time.Microsecond, 3, func() string { return "x" })
	}
	got := g.done()
	if len(got.Records) != maxRecords || !got.From.Equal(got.Records[0].Time) || got.Seen != 3*maxRecords {
		t.Errorf("got %d records from %v of %d", len(got.Records), got.From, got.Seen)
	}
	if newest := now.at((3*maxRecords - 1) * time.Microsecond); !got.Records[maxRecords-1].Time.Equal(newest) {
		t.Errorf("the last is of %v, want the newest, %v", got.Records[maxRecords-1].Time, newest)
	}
}

func TestParseRaw(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Log
	}{
		{"from the boot", "<5>[    0.000000] Linux version 6.1\n<3>[  900.000001] new\n<30>[  910.000000] daemon\n", Log{
			Records: []Record{{Time: ago(99.999999), Level: 3, Text: "new"}}, Seen: 2,
		}},
		{"overwritten", "cut] off\n<4>[  700.500000] first left\n<4>[  701.500000][    T1] [  x] [C0] of a thread\n", Log{
			Records: []Record{{Time: ago(299.5), Level: 4, Text: "first left"}, {Time: ago(298.5), Level: 4, Text: "[  x] [C0] of a thread"}},
			From:    ago(299.5), Seen: 2,
		}},
		{"not a caller", "<4>[  900.000000] [Tx] a] b\n", Log{
			Records: []Record{{Time: ago(100), Level: 4, Text: "[Tx] a] b"}}, From: ago(100), Seen: 1,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseRaw(tt.text, ago(550), now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
	if _, err := ParseRaw("<5>Linux version 6.1\n<6>x\n", ago(550), now); !errors.Is(err, ErrNoTimes) {
		t.Errorf("without times: got %v", err)
	}
}

// entry writes a line of the journal.
func entry(at time.Time, level, facility int, message any) string {
	text, err := json.Marshal(map[string]any{
		"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": fmt.Sprint(at.UnixMicro()), "_TRANSPORT": "kernel",
		"PRIORITY": fmt.Sprint(level), "SYSLOG_FACILITY": fmt.Sprint(facility), "MESSAGE": message,
	})
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

func TestParseJournal(t *testing.T) {
	newest := entry(ago(10), 3, 0, "new")
	bytes := []int{97, 27, 98}
	for _, tt := range []struct {
		name, text string
		want       Log
		enough     bool
	}{
		{"the whole window", newest + entry(ago(20), 6, 0, bytes) + entry(ago(600), 3, 0, "old") + "unread", Log{
			Records: []Record{{Time: ago(20), Level: 6, Text: "a\x1bb"}, {Time: ago(10), Level: 3, Text: "new"}}, From: ago(600), Seen: 3,
		}, true},
		{"from the boot", newest + entry(ago(500), 5, 0, "Linux version 6.1"), Log{
			Records: []Record{{Time: ago(500), Level: 5, Text: "Linux version 6.1"}, {Time: ago(10), Level: 3, Text: "new"}}, Seen: 2,
		}, false},
		{"rotated", newest + entry(ago(20), 3, 0, "x"), Log{
			Records: []Record{{Time: ago(20), Level: 3, Text: "x"}, {Time: ago(10), Level: 3, Text: "new"}}, From: ago(20), Seen: 2,
		}, false},
		{"programs write too", newest + entry(ago(15), 3, 1, "user") + entry(ago(500), 5, 0, "Linux version 6.1"), Log{
			Records: []Record{{Time: ago(500), Level: 5, Text: "Linux version 6.1"}, {Time: ago(10), Level: 3, Text: "new"}}, Seen: 2,
		}, false},
		{"one that is too long", newest + entry(ago(15), 3, 0, nil) + entry(ago(500), 5, 0, "Linux version 6.1"), Log{
			Records: []Record{{Time: ago(500), Level: 5, Text: "Linux version 6.1"}, {Time: ago(10), Level: 3, Text: "new"}},
			From:    ago(10), Lost: 1, Seen: 2,
		}, false},
		{"nothing", "", Log{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, enough := ParseJournal(strings.NewReader(tt.text), ago(550))
			for i := range got.Records {
				got.Records[i].Time = got.Records[i].Time.UTC()
			}
			if got.From = got.From.UTC(); enough != tt.enough {
				t.Errorf("enough: got %v, want %v", enough, tt.enough)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}

// program writes a shell script in place of journalctl.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journalctl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLag: what was logged long before the journal took it is of then.
func TestLag(t *testing.T) {
	for _, tt := range []struct {
		received, logged string
		want             int64
	}{
		{"900000000", "899999000", 0},
		{"900000000", "901000000", 0},
		{"900000000", "300000000", 600e6},
		{"9000000000000", "8999200000000", 0}, // 13 minutes in 104 days are drift
		{"", "1", 0}, {"1", "", 0}, {"x", "1", 0}, {"-5", "-900000000", 0}, {"9223372036854775807", "1", 0},
	} {
		if got := lag(tt.received, tt.logged); got != tt.want {
			t.Errorf("%s, %s: got %d, want %d", tt.received, tt.logged, got, tt.want)
		}
	}
}

func TestReadJournal(t *testing.T) {
	line := strings.TrimSuffix(entry(ago(10), 3, 0, "new"), "\n")
	got, err := ReadJournal(t.Context(), program(t, "[ \"$1\" = --dmesg ] && echo '"+line+"'"), ago(550))
	if err != nil || len(got.Records) != 1 || got.Records[0].Text != "new" {
		t.Errorf("got %+v, %v", got, err)
	}
	old := strings.TrimSuffix(entry(ago(900), 3, 0, "old"), "\n")
	got, err = ReadJournal(t.Context(), program(t, "echo '"+line+"'; while :; do echo '"+old+"'; done"), ago(550))
	if err != nil || len(got.Records) != 1 || got.From.IsZero() {
		t.Errorf("endless: got %d records, %v; want to stop at what is old", len(got.Records), err)
	}
	_, err = ReadJournal(t.Context(), program(t, "echo No journal files were opened due to insufficient permissions. >&2; exit 1"), ago(550))
	if err == nil || !strings.Contains(err.Error(), "insufficient permissions") {
		t.Errorf("without permission: got %v", err)
	}
	if _, err = ReadJournal(t.Context(), filepath.Join(t.TempDir(), "none"), ago(550)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = ReadJournal(ctx, program(t, "exec sleep 100"), ago(550)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: got %v", err)
	}
}

// TestReadRealKmsg reads what this machine's kernel says in both of its forms.
func TestReadRealKmsg(t *testing.T) {
	log, err := ReadKmsg(t.Context(), Kmsg, time.Time{}, now)
	if err != nil {
		t.Skipf("may not read it: %v", err)
	}
	if log.Seen == 0 || int64(len(log.Records)) != log.Seen {
		t.Fatalf("got %d of %d records", len(log.Records), log.Seen)
	}
	for _, r := range log.Records {
		if r.Facility != 0 || r.Level < 0 || r.Level > 7 {
			t.Errorf("%+v", r)
		}
	}
	other, err := ReadSyslog(time.Time{}, now)
	if err != nil {
		t.Skipf("may not use syslog(2): %v", err)
	}
	t.Logf("kmsg has %d records, syslog(2) %d lines", len(log.Records), len(other.Records))
	texts := make(map[string]bool)
	for _, r := range log.Records {
		for line := range strings.Lines(r.Text) {
			texts[strings.TrimSuffix(line, "\n")] = true
		}
	}
	missing := 0
	for _, r := range other.Records {
		if !texts[r.Text] {
			missing++
		}
	}
	if missing > len(other.Records)/20 { // what is logged between the two looks
		t.Errorf("%d of %d records of syslog(2) are not in kmsg", missing, len(other.Records))
	}
}

func FuzzKmsg(f *testing.F) {
	f.Add([]byte("6,339,5140900,-,caller=T1;NET: x\\x0a\n SUBSYSTEM=net\n4,340,5140901,+; more\n"))
	f.Add([]byte("6,0,0,-;\n6,9999999,3000000000000,c;x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k := kmsg{gather: gather{since: ago(1e9), clock: now}}
		k.lines(append(text, '\n'))
		check(t, k.done())
	})
}

func FuzzRaw(f *testing.F) {
	f.Add("<6>[    5.140900] NET: x\n<4>[    6.000000][    T1] y\n<5>z\n")
	f.Fuzz(func(t *testing.T, text string) {
		if log, err := ParseRaw(text, ago(1e9), now); err == nil {
			check(t, log)
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add(entry(ago(10), 3, 0, "x") + entry(ago(11), 3, 0, []int{1, 300, -1}) + "{}\nnull\n")
	f.Fuzz(func(t *testing.T, text string) {
		log, _ := ParseJournal(strings.NewReader(text), ago(1e9))
		check(t, log)
	})
}

func check(t *testing.T, log Log) {
	t.Helper()
	if int64(len(log.Records)) > log.Seen || log.Lost < 0 {
		t.Errorf("%d records of %d, %d lost", len(log.Records), log.Seen, log.Lost)
	}
	for _, r := range log.Records {
		if r.Level < 0 || r.Level > 7 || r.Facility != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// BenchmarkRead reads and classifies 100,000 records; it should take about
// 50 ms.
func BenchmarkRead(b *testing.B) {
	texts := []string{
		"audit: type=1400 audit(1700000000.123:456): apparmor=\"DENIED\" operation=\"open\" profile=\"snap\" name=\"/proc/1/status\" pid=12 comm=\"x\"",
		"[UFW BLOCK] IN=eth0 OUT= MAC=00:11:22:33:44:55 SRC=10.0.0.1 DST=10.0.0.2 LEN=40 TOS=0x00 PREC=0x00 TTL=246 ID=54321 PROTO=TCP SPT=5 DPT=22",
		"docker0: port 1(veth653d362) entered disabled state",
		"IPv6: ADDRCONF(NETDEV_CHANGE): veth1: link becomes ready",
		"EXT4-fs (dm-3): mounted filesystem with ordered data mode. Opts: (null)",
		"usb 1-1: new high-speed USB device number 3 using xhci_hcd",
		"I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0",
		"nginx[1234]: segfault at 0 ip 000055d0c0ffee sp 00007ffd12345678 error 4 in nginx[55d0c0000000+1000]",
	}
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "%d,%d,%d,-;%s\n", i%8, i, 900000000+i, texts[i%len(texts)])
	}
	path := writeKmsg(b, text.String())
	b.ResetTimer()
	for b.Loop() {
		log, err := ReadKmsg(b.Context(), path, ago(550), now)
		if err != nil || len(log.Records) != 100_000 {
			b.Fatal(len(log.Records), err)
		}
		found := 0
		for _, r := range log.Records {
			if _, ok := Classify(r.Text); ok {
				found++
			}
		}
		if found != 25_000 {
			b.Fatal(found)
		}
	}
}
