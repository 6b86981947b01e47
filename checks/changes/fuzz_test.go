package changes

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"gumshoe/checks/checktest"
)

// fit fails for a text that does not belong into a report.
func fit(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if len(text) > 200 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", text)
		}
	}
}

// FuzzPackageLogs: whatever a log holds, what comes of it is sound.
func FuzzPackageLogs(f *testing.F) {
	for _, seed := range []string{
		"2026-01-31 14:36:25 upgrade libc6:amd64 2.36-9 2.36-10\n",
		"2026-01-31 14:36:25 remove jq:amd64 1.6 <none>\n2026-01-31 14:36:25 install jq:amd64 <none> 1.6\n",
		"Start-Date: 2026-01-31  14:36:20\nCommandline: apt\nInstall: a:b (1, automatic), c (\nRemove: (, ), x\nEnd-Date: 2026-01-31  14:36:20\n",
		"2026-01-31T14:36:25Z SUBDEBUG Upgrade: a-1:2-3.x\n2026-01-31T14:36:25Z SUBDEBUG Upgraded: -.-\n",
		"2026-01-31T14:36:25+0000 [7] INFO --- DNF5 launched with arguments: \"\n2026-01-31T14:36:25+0000 [7] INFO RPM callback install start \"\n",
		"Feb 29 10:00:00 Updated: 1:\nJan  1 00:00:00 Erased: x\n",
		"2026-01-31 14:00:00|command|@|\n2026-01-31 14:00:05|install|||\n",
		"[2026-01-31 09:00] [ALPM] upgraded ( -> )\n[2026-01-31 09:00] [PACMAN] Running \n[2026-01-31 09:00] [ALPM] transaction failed\n",
		"\x00\xff\n\x1b[2J", strings.Repeat("x", 5000),
	} {
		for i := range packageLogs() {
			f.Add(uint(i), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, which uint, all []byte) {
		logs := packageLogs()
		book := &ledger{zone: time.UTC, modified: onset, source: "log"}
		for line := range lines(all) {
			logs[which%uint(len(logs))].parse(book, line)
		}
		l := &look{now: onset.Add(24 * time.Hour), onset: onset, from: onset.Add(-24 * time.Hour), o: &Recent{}}
		l.addRuns(book)
		for _, p := range l.packages {
			fit(t, p.Name, p.From, p.To)
			if p.Name == "" || p.Action == "" {
				t.Errorf("%+v", p)
			}
		}
		for _, e := range l.events {
			fit(t, append(e.Items, e.What, e.From, e.To, e.By, e.Detail)...)
			if e.Count < 1 || e.Action == "" || e.What == "" || len(e.Items) > maxItems {
				t.Errorf("%+v", e)
			}
		}
	})
}

func FuzzWtmp(f *testing.F) {
	for _, y := range layouts() {
		f.Add(wtmpOf(y), false)
		f.Add(wtmpOf(y)[100:], true)
	}
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, all []byte, beheaded bool) {
		records := parseWtmp(all, beheaded)
		if len(records) > len(all)/layouts()[0].size {
			t.Errorf("%d records in %d bytes", len(records), len(all))
		}
		for _, r := range records {
			if r.time.Year() < 1970 || r.time.Year() > 2106 || len(r.user) > 32 || len(r.host) > 256 {
				t.Errorf("%+v", r)
			}
		}
		bootsOf(records)
	})
}

func FuzzReflog(f *testing.F) {
	const name = "0123456789012345678901234567890123456789"
	f.Add([]byte(name+" "+name+" A B <a@b> 1769864400 +0100\tcommit (amend): x\n"), false)
	f.Add([]byte("half a line\n"+name+" "+name+"  <> 1 \t\n"), true)
	f.Fuzz(func(t *testing.T, all []byte, beheaded bool) {
		for _, e := range parseReflog(all, beheaded) {
			fit(t, e.who, e.message, e.old, e.new)
			if e.action() == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("http://a:b@c ü\x00")
	f.Add(strings.Repeat("é", 300))
	f.Fuzz(func(t *testing.T, from string) { fit(t, text(from)) })
}

// TestHostileLogs: logs that are no logs end soon, and are said.
func TestHostileLogs(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 200 {
		w.Write(zeros)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, 1<<20)
	for i := range junk {
		junk[i] = byte(i * 2654435761 >> 13)
	}
	long := onset.Add(-time.Hour).Format(time.DateTime) + " install x:amd64 <none> " + strings.Repeat("1", 3<<20) + "\n"
	for _, tt := range []struct {
		name   string
		files  tree
		unread bool
	}{
		{"a bomb", tree{"var/log/dpkg.log.1.gz": bomb.String(), "var/log/wtmp.1.gz": bomb.String()}, true},
		{"binary junk", tree{"var/log/dpkg.log": string(junk), "var/log/pacman.log": string(junk), "var/log/wtmp": string(junk)}, false},
		{"one long line", tree{"var/log/dpkg.log": long, "var/log/apt/history.log": long, "var/log/pacman.log": long}, false},
		{"packed junk", tree{"var/log/dpkg.log.1.gz": string(junk)}, true},
		{"half a packed log", tree{"var/log/dpkg.log.1.gz": zipped(t, strings.Repeat(long, 2))[:300]}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tt.files.write(t, root)
			got, o := at(t, Source{Root: root}, onset, nil)
			if checktest.HasUnread(o, "counts.packages") != tt.unread || len(got.Packages) > 0 {
				t.Errorf("packages %+v, unread %v", got.Packages, unread(o))
			}
		})
	}
}

// TestRecentBounded: lists have an end, and keep what is nearest to the onset.
func TestRecentBounded(t *testing.T) {
	root := t.TempDir()
	var log, wtmp strings.Builder
	for i := range 300 {
		for _, after := range []int{-1, 1} {
			when := onset.Add(time.Duration(after*(i+1)*2) * time.Minute)
			log.WriteString(when.Format(time.DateTime) + " install p:amd64 <none> 1\n")
			wtmp.Write(utmp(layouts()[0], userProcess, "alice", "pts/0", "", when))
		}
	}
	tree{"var/log/dpkg.log": log.String(), "var/log/wtmp": wtmp.String(), "proc/stat": btime(time.Hour)}.write(t, root)
	got, o := at(t, Source{Root: root}, onset, nil)
	for _, list := range []struct {
		field             string
		n, most           int
		first, last, late float64
	}{
		{"changes", len(got.Changes), maxChanges, 120, got.Changes[maxChanges-maxChangesAfter-1].BeforeOnsetSeconds, got.Changes[len(got.Changes)-1].AfterOnsetSeconds},
		{"packages", len(got.Packages), maxPackages, 120, got.Packages[maxPackages-maxPackagesAfter-1].BeforeOnsetSeconds, got.Packages[len(got.Packages)-1].AfterOnsetSeconds},
		{"logins", len(got.Logins), maxLogins, 120, got.Logins[maxLogins-maxLoginsAfter-1].BeforeOnsetSeconds, got.Logins[len(got.Logins)-1].AfterOnsetSeconds},
	} {
		if list.n != list.most || list.last == 0 || list.late == 0 || !checktest.HasUnread(o, list.field) {
			t.Errorf("%+v; unread %v", list, unread(o))
		}
	}
	if got.Changes[0].BeforeOnsetSeconds != 120 || got.Counts.Packages != 300 || got.ChangesAfterOnset < 300 ||
		checktest.HasUnread(o, "counts.packages") { // how many there are is known
		t.Errorf("the first %+v; %+v, %d after", got.Changes[0], got.Counts, got.ChangesAfterOnset)
	}
}

// TestOnset: without one, or with one that is still to come, it is now.
func TestOnset(t *testing.T) {
	root := t.TempDir()
	tree{"etc/app.conf": ""}.write(t, root)
	if err := os.Chmod(filepath.Join(root, "etc/app.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, onset := range []time.Time{{}, time.Now().Add(time.Hour)} {
		if got, _ := at(t, Source{Root: root}, onset, nil); got.Counts.ConfigurationFiles != 1 || got.LastChangeBeforeOnsetSeconds > 1800 {
			t.Errorf("onset %s: got %+v, %v before", onset, got.Counts, got.LastChangeBeforeOnsetSeconds)
		}
	}
	if got, _ := at(t, Source{Root: root}, time.Now().Add(-time.Hour), nil); got.Counts.ConfigurationFiles != 0 || got.ChangesAfterOnset != 1 {
		t.Errorf("onset an hour ago: got %+v, %d after", got.Counts, got.ChangesAfterOnset)
	}
}
