package backups

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

const day = 24 * time.Hour

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(content)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, content []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true))
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(content, nil)
}

func archive(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range 5 {
		body := bytes.Repeat([]byte{byte('a' + i)}, 3000)
		err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("etc/%d.conf", i), Mode: 0o600, Size: int64(len(body))})
		if _, err2 := w.Write(body); errors.Join(err, err2) != nil {
			t.Fatal(err, err2)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// write puts a file where a backup is, some time ago.
func write(t testing.TB, path string, content []byte, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-age)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

// observe looks at one backup.
func observe(t testing.TB, d Declared, inputs map[string]any) (State, engine.Observation) {
	t.Helper()
	if d.Every == 0 {
		d.Every = day
	}
	if d.Format == "" {
		d.Format = Auto
	}
	d.Name = "orders"
	return checktest.Observe[State](t, New([]Declared{d}, nil).State(), inputs)
}

// in declares a backup of one folder.
func in(dir string) Declared {
	return Declared{Data: dir, Copies: []DeclaredCopy{{Paths: []string{dir + "/*"}, Medium: "disk"}}}
}

const (
	pgHead   = "--\n-- PostgreSQL database dump\n--\n\nSET x = 1;\n"
	pgTail   = "\n--\n-- PostgreSQL database dump complete\n--\n\n"
	mysqlAll = "-- MariaDB dump 10.19  Distrib 10.11\n--\nINSERT INTO `t` VALUES (1);\n-- Dump completed on 2026-11-23\n"
)

func TestStateConforms(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/orders.sql", []byte(pgHead+pgTail), time.Hour)
	b := New([]Declared{{
		Name: "orders", Every: day, Format: Auto, Data: dir, RestoreTest: dir + "/tested", RestoreEvery: 90 * day,
		Copies: []DeclaredCopy{{Paths: []string{dir + "/*.sql"}, Medium: "disk"}},
	}}, nil)
	checktest.Run(t, b.State(), nil)
}

// TestFormats: whole files of each format, and what becomes of them when their end is
// cut off or a byte of them flips.
func TestFormats(t *testing.T) {
	sql := []byte(pgHead + strings.Repeat("INSERT INTO t VALUES (1);\n", 500) + pgTail)
	noise := make([]byte, 30000)
	for i := range noise {
		noise[i] = byte(i * i >> 5)
	}
	for _, tt := range []struct {
		name, declared string
		content        []byte
		format, how    string
		cut            reach.Outcome // without its last bytes
		flipped        reach.Outcome // with a byte flipped in its middle
	}{
		{"sql", "", sql, "sql", "whole", Truncated, reach.OK},
		{"sql of MariaDB", "sql", []byte(mysqlAll), "sql", "whole", Truncated, reach.OK},
		{"sql of unknown make", "sql", []byte("CREATE TABLE x(y int);\n" + strings.Repeat("-- x\n", 100)), "sql", "whole", reach.OK, reach.OK},
		{"gzip", "", gzipped(t, noise), "gzip", "whole", Truncated, Corrupt},
		{"gzip of sql", "sql", gzipped(t, sql), "gzip", "whole", Truncated, Corrupt},
		{"gzip of tar", "tar", gzipped(t, archive(t)), "gzip", "whole", Truncated, Corrupt},
		{"zstd", "zstd", zstandard(t, noise), "zstd", "whole", Truncated, Corrupt},
		{"zstd of sql", "sql", zstandard(t, sql), "zstd", "whole", Truncated, Corrupt},
		{"tar", "tar", archive(t), "tar", "structure", Truncated, reach.OK},
		{"pg_dump", "pg_dump", testdata(t, "custom.dump"), "pg_dump", "whole", Truncated, Corrupt},
		{"pg_dump not packed", "", testdata(t, "custom-plain.dump"), "pg_dump", "whole", Truncated, reach.OK},
		{"pg_dump through a pipe", "", testdata(t, "piped.dump"), "pg_dump", "whole", Truncated, Corrupt},
		{"pg_dump of the schema", "", testdata(t, "schema.dump"), "pg_dump", "whole", Truncated, reach.OK},
		{"pg_dump in gzip", "pg_dump", gzipped(t, testdata(t, "custom.dump")), "gzip", "whole", Truncated, Corrupt},
		{"xz", "xz", testdata(t, "numbers.xz"), "xz", "structure", Truncated, reach.OK},
		{"sqlite", "sqlite", testdata(t, "app.sqlite"), "sqlite", "structure", Truncated, reach.OK},
		{"anything", "", noise[1:], "other", "unverified", reach.OK, reach.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			d := in(dir)
			d.Format = tt.declared
			look := func(content []byte) Copy {
				write(t, dir+"/orders", content, time.Hour)
				got, _ := observe(t, d, nil)
				return got.Copies[0]
			}
			if got := look(tt.content); got.Outcome != reach.OK || got.Format != tt.format || got.Verified != tt.how || !got.Good {
				t.Errorf("got %s (%s), format %s, %s; want ok, %s, %s", got.Outcome, got.Error, got.Format, got.Verified, tt.format, tt.how)
			}
			if got := look(tt.content[:len(tt.content)-20]); got.Outcome != tt.cut || got.Good != (tt.cut == reach.OK) {
				t.Errorf("cut: got %s (%s), want %s", got.Outcome, got.Error, tt.cut)
			}
			flipped := bytes.Clone(tt.content)
			flipped[len(flipped)*2/3] ^= 0x10
			got := look(flipped)
			if got.Outcome != tt.flipped && (tt.flipped == reach.OK || got.Outcome != Truncated) {
				t.Errorf("flipped: got %s (%s), want %s", got.Outcome, got.Error, tt.flipped)
			}
		})
	}
}

// TestCutAnywhere: a dump is never called whole when any part of its end is missing.
func TestCutAnywhere(t *testing.T) {
	for name, content := range map[string][]byte{
		"custom.dump": testdata(t, "custom.dump"), "custom-plain.dump": testdata(t, "custom-plain.dump"), "numbers.xz": testdata(t, "numbers.xz"),
	} {
		dir := t.TempDir()
		for cut := 1; cut < len(content); cut += 1 + len(content)/97 {
			write(t, dir+"/x", content[:len(content)-cut], time.Hour)
			if got, _ := observe(t, in(dir), nil); got.Copies[0].Good && got.Copies[0].Format != "other" {
				t.Errorf("%s without its last %d bytes: %+v", name, cut, got.Copies[0])
			}
		}
	}
}

func TestStrangeFiles(t *testing.T) {
	sum := func(content []byte) []byte {
		s := sha256.Sum256(content)
		return []byte(hex.EncodeToString(s[:]) + "  orders.sql\n")
	}
	sql := []byte(pgHead + pgTail)
	for _, tt := range []struct {
		name     string
		d        Declared
		files    map[string][]byte
		inputs   map[string]any
		outcome  reach.Outcome
		checksum string
	}{
		{name: "nothing", outcome: Missing},
		{name: "empty", files: map[string][]byte{"orders.sql": {}}, outcome: Empty},
		{name: "zeros", files: map[string][]byte{"orders.sql": make([]byte, 5000)}, outcome: Corrupt},
		{name: "too small", d: Declared{MinSizeBytes: 1 << 20}, files: map[string][]byte{"orders.sql": sql}, outcome: TooSmall},
		{name: "not what it is declared to be", d: Declared{Format: "gzip"}, files: map[string][]byte{"orders.sql": sql}, outcome: Corrupt},
		{name: "an error page", d: Declared{Format: "pg_dump"}, files: map[string][]byte{"orders.dump": []byte("pg_dump: error: connection refused")}, outcome: Corrupt},
		{name: "packed nonsense", d: Declared{Format: "sqlite"}, files: map[string][]byte{"orders.gz": gzipped(t, sql)}, outcome: Corrupt},
		{name: "checksum", files: map[string][]byte{"orders.sql": sql, "orders.sql.sha256": sum(sql)}, outcome: reach.OK, checksum: "matches"},
		{name: "another checksum", files: map[string][]byte{"orders.sql": sql, "orders.sql.sha256": sum(nil)}, outcome: ChecksumMismatch, checksum: "differs"},
		{name: "no checksum in it", files: map[string][]byte{"orders.sql": sql, "orders.sql.md5": []byte("later")}, outcome: reach.OK, checksum: "unverified"},
		{name: "header only", files: map[string][]byte{"orders.sql": sql[:len(sql)-30]}, inputs: map[string]any{"verify": "header"}, outcome: reach.OK},
		{name: "not looked into", files: map[string][]byte{"orders.sql": make([]byte, 10)}, inputs: map[string]any{"verify": "none"}, outcome: reach.OK},
		{name: "only files that stand beside", files: map[string][]byte{"orders.sql.tmp": sql, "backup.log": sql}, outcome: Missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tt.files {
				write(t, filepath.Join(dir, name), content, time.Hour)
			}
			d := in(dir)
			d.Format, d.MinSizeBytes = tt.d.Format, tt.d.MinSizeBytes
			got, o := observe(t, d, tt.inputs)
			c := got.Copies[0]
			if c.Outcome != tt.outcome || tt.checksum != "" && c.Checksum != tt.checksum {
				t.Errorf("got %s (%s), checksum %s; want %s", c.Outcome, c.Error, c.Checksum, tt.outcome)
			}
			if c.Good != (tt.outcome == reach.OK) || got.Backups[0].Errors == 0 == (tt.outcome != reach.OK) {
				t.Errorf("good %t, errors %d", c.Good, got.Backups[0].Errors)
			}
			if tt.outcome == Missing && !checktest.HasUnread(o, "copies[0].age_seconds") {
				t.Errorf("unread %v", o.Unread)
			}
		})
	}
}

// TestBounds: what is too large is verified partly, an SQL dump by its two ends.
func TestBounds(t *testing.T) {
	sql := pgHead + strings.Repeat("INSERT INTO t VALUES (1);\n", 10000)
	for name, tt := range map[string]struct {
		content []byte
		outcome reach.Outcome
		how     string
	}{
		"gzip":         {gzipped(t, []byte(sql)), reach.OK, "partly"},
		"sql":          {[]byte(sql + pgTail), reach.OK, "structure"},
		"sql, cut":     {[]byte(sql), Truncated, "partly"},
		"tar":          {archive(t), reach.OK, "structure"},
		"tar, cut":     {archive(t)[:9000], Truncated, "partly"},
		"anything":     {bytes.Repeat([]byte("x"), 1<<20), reach.OK, "partly"},
		"gzip of much": {gzipped(t, make([]byte, 10<<20)), reach.OK, "partly"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir+"/x", tt.content, time.Hour)
			got, _ := observe(t, in(dir), map[string]any{"max_bytes": 4096})
			c := got.Copies[0]
			if c.Outcome != tt.outcome || c.Verified != tt.how || c.VerifiedBytes > 8192 {
				t.Errorf("got %s (%s), %s, %d bytes; want %s, %s", c.Outcome, c.Error, c.Verified, c.VerifiedBytes, tt.outcome, tt.how)
			}
		})
	}
}

// TestSeries: ages, sizes and gaps of the files of one copy.
func TestSeries(t *testing.T) {
	dir := t.TempDir()
	content := []byte(pgHead + strings.Repeat("-- x\n", 1000) + pgTail)
	for _, d := range []int{1, 2, 3, 6, 7} {
		write(t, fmt.Sprintf("%s/orders-%d.sql", dir, d), content, time.Duration(d)*day)
	}
	write(t, dir+"/orders-0.sql", []byte(pgHead+pgTail), time.Hour)
	d := in(dir)
	d.Keep = 14
	got, o := observe(t, d, nil)
	c := got.Copies[0]
	if c.Files != 6 || c.KeptTooFew != 8 || c.Newest != dir+"/orders-0.sql" || c.PreviousMedianBytes != int64(len(content)) || c.SizePercent > 5 {
		t.Errorf("got %+v", c)
	}
	if gap := c.LongestGapSeconds / day.Seconds(); gap < 2.9 || gap > 3.1 {
		t.Errorf("the longest gap is %g days, want 3", gap)
	}
	if c.Overdue || !c.Good || o.Status != engine.Partial && o.Status != engine.Observed {
		t.Errorf("got %+v, %s", c, o.Status)
	}
	d.Every = 30 * time.Minute
	if got, _ := observe(t, d, nil); !got.Copies[0].Overdue || got.Copies[0].Good || got.Backups[0].Errors != 1 {
		t.Errorf("an hour old, every 30 minutes: got %+v", got)
	}
	write(t, dir+"/orders-z.sql", content, -time.Hour)
	if got, _ := observe(t, in(dir), nil); got.Copies[0].AgeSeconds > -3500 {
		t.Errorf("got %+v; want an age below 0", got.Copies[0])
	}
}

// TestBeingWritten: a file that is not whole yet does not hide the one before it.
func TestBeingWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/b.sql", []byte(pgHead), 0)
	got, _ := observe(t, in(dir), nil)
	if c := got.Copies[0]; c.Outcome != BeingWritten || c.Good {
		t.Errorf("alone: got %+v; want being_written", c)
	}
	write(t, dir+"/a.sql", []byte(pgHead+pgTail), 23*time.Hour)
	got, _ = observe(t, in(dir), nil)
	if c := got.Copies[0]; c.Outcome != reach.OK || c.Newest != dir+"/a.sql" {
		t.Errorf("after another: got %+v; want the one before", c)
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"2026-11-22", "2026-11-23"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir+"/2026-11-22/data/x", make([]byte, 1000), 30*time.Hour)
	write(t, dir+"/2026-11-23/data/x", make([]byte, 3000), 2*time.Hour)
	got, _ := observe(t, in(dir), nil)
	c := got.Copies[0]
	if c.Outcome != reach.OK || c.Format != "directory" || c.SizeBytes != 3000 && c.SizeBytes != 1000 || c.Verified != "structure" {
		t.Errorf("got %+v", c)
	}
}

// TestUnreadable: what we may not read is unknown, and so is the rule.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything; TestRealBackups of cmd/gumshoe looks as another user")
	}
	dir := t.TempDir()
	write(t, dir+"/x", []byte("x"), time.Hour)
	if err := os.Chmod(dir+"/x", 0); err != nil {
		t.Fatal(err)
	}
	got, o := observe(t, in(dir), nil)
	if got.Copies[0].Good || !checktest.HasUnread(o, "copies[0].outcome") || !checktest.HasUnread(o, "backups[0].errors") {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

// objectStore answers as S3 does.
func objectStore(t *testing.T, status int, headers map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("asked with %s", r.Method)
		}
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/orders.dump?X-Amz-Signature=hush"
}

func TestURL(t *testing.T) {
	fresh := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	old := time.Now().Add(-9 * day).UTC().Format(http.TimeFormat)
	whole := map[string]string{"Last-Modified": fresh, "Content-Length": "5000"}
	locked := map[string]string{
		"Last-Modified": fresh, "Content-Length": "5000", "X-Amz-Object-Lock-Mode": "COMPLIANCE",
		"X-Amz-Object-Lock-Retain-Until-Date": time.Now().Add(30 * day).UTC().Format(time.RFC3339),
	}
	unlocked := map[string]string{
		"Last-Modified": fresh, "Content-Length": "5000", "X-Amz-Object-Lock-Mode": "GOVERNANCE",
		"X-Amz-Object-Lock-Retain-Until-Date": time.Now().Add(-day).UTC().Format(time.RFC3339),
	}
	refused := httptest.NewServer(http.NotFoundHandler())
	refused.Close()
	for _, tt := range []struct {
		name      string
		url       string
		outcome   reach.Outcome
		good      bool
		immutable bool
		hidden    bool
	}{
		{"there", objectStore(t, 200, whole), reach.OK, true, false, true},
		{"locked", objectStore(t, 200, locked), reach.OK, true, true, false},
		{"no longer locked", objectStore(t, 200, unlocked), reach.OK, true, false, false},
		{"old", objectStore(t, 200, map[string]string{"Last-Modified": old, "Content-Length": "5000"}), reach.OK, false, false, true},
		{"gone", objectStore(t, 404, nil), Missing, false, false, true},
		{"forbidden", objectStore(t, 403, nil), reach.NoPermission, false, false, true},
		{"sick", objectStore(t, 503, nil), BadStatus, false, false, true},
		{"empty", objectStore(t, 200, map[string]string{"Last-Modified": fresh, "Content-Length": "0"}), Empty, false, false, true},
		{"refused", refused.URL + "/x?hush", reach.RefusedByIt, false, false, true},
		{"no such host", "http://backups.invalid/x?hush", reach.NameNotFound, false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Declared{Copies: []DeclaredCopy{{URL: tt.url, Medium: "s3", Offsite: true, Immutable: true}}}
			got, o := observe(t, d, nil)
			c := got.Copies[0]
			if c.Outcome == reach.NameFailed {
				c.Outcome = reach.NameNotFound // as this machine has a name service or not
			}
			if c.Outcome != tt.outcome || c.Good != tt.good || c.Immutable != tt.immutable || checktest.HasUnread(o, "copies[0].immutable") != tt.hidden {
				t.Errorf("got %+v, unread %v; want %s", c, o.Unread, tt.outcome)
			}
			if strings.Contains(fmt.Sprint(o), "hush") {
				t.Errorf("the signature is told: %v", o)
			}
		})
	}
}

func TestURLRefusedByPolicy(t *testing.T) {
	allow := reach.NewAllowList(checktest.Destinations(t, "db.example.com"))
	dir := t.TempDir()
	write(t, dir+"/x", []byte(pgHead+pgTail), time.Hour)
	b := New([]Declared{{Name: "x", Every: day, Format: Auto, Data: dir, Copies: []DeclaredCopy{
		{Paths: []string{dir + "/x"}, Medium: "disk"}, {URL: "http://127.0.0.1:1/x", Medium: "s3", Offsite: true},
	}}}, allow)
	got, o := checktest.Observe[State](t, b.State(), nil)
	if !got.Copies[0].Good || got.Copies[1].Outcome != "" || !checktest.HasUnread(o, "copies[1].outcome") || !checktest.HasUnread(o, "backups[0].offsite_copies") {
		t.Errorf("got %+v, unread %v; want the copy that may not be asked for unread", got, o.Unread)
	}
	if i := slices.IndexFunc(o.Unread, func(u engine.Unread) bool { return u.Path == "copies[1].outcome" }); i < 0 || !strings.Contains(o.Unread[i].Fix, "127.0.0.1:1") {
		t.Errorf("unread %v; want how to allow it", o.Unread)
	}
}

// TestRule: the 3-2-1-1-0 rule over three copies, and what breaks it.
func TestRule(t *testing.T) {
	fresh := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	headers := map[string]string{
		"Last-Modified": fresh, "Content-Length": "5000", "X-Amz-Object-Lock-Mode": "COMPLIANCE",
		"X-Amz-Object-Lock-Retain-Until-Date": time.Now().Add(30 * day).UTC().Format(time.RFC3339),
	}
	dir, stamp := t.TempDir(), filepath.Join(t.TempDir(), "tested")
	write(t, dir+"/orders.sql", []byte(pgHead+pgTail), time.Hour)
	write(t, stamp, nil, 10*day)
	whole := Declared{
		Data: dir, RestoreTest: stamp, RestoreEvery: 90 * day,
		Copies: []DeclaredCopy{
			{Paths: []string{dir + "/*.sql"}, Medium: "disk"},
			{URL: objectStore(t, 200, headers), Medium: "s3", Offsite: true, Immutable: true},
		},
	}
	got, o := observe(t, whole, nil)
	b := got.Backups[0]
	if !b.RuleHolds || !got.RuleHolds || b.Copies != 3 || b.Media != 2 || b.OffsiteCopies != 1 || b.ImmutableCopies != 1 || b.Errors != 0 || b.RestoreTest != "recently" {
		t.Errorf("got %+v, unread %v", b, o.Unread)
	}
	if !got.Copies[0].SameDisk || got.Copies[1].SameDisk {
		t.Errorf("same disk: got %t and %t; want the first", got.Copies[0].SameDisk, got.Copies[1].SameDisk)
	}
	for name, change := range map[string]func(*Declared){
		"one copy":      func(d *Declared) { d.Copies = d.Copies[1:] },
		"nothing away":  func(d *Declared) { d.Copies[1].Offsite = false },
		"one is broken": func(d *Declared) { d.MinSizeBytes = 1000 },
		"all beside": func(d *Declared) {
			d.Copies[1] = DeclaredCopy{Paths: []string{dir + "/o*.sql"}, Medium: "nas", Offsite: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := whole
			d.Copies = append([]DeclaredCopy(nil), whole.Copies...)
			change(&d)
			got, o := observe(t, d, nil)
			if got.RuleHolds || checktest.HasUnread(o, "rule_holds") || checktest.HasUnread(o, "backups[0].rule_holds") {
				t.Errorf("got %+v, unread %v; want that it is known not to hold", got.Backups[0], o.Unread)
			}
		})
	}
	t.Run("no lock is told", func(t *testing.T) {
		d := whole
		d.Copies = []DeclaredCopy{whole.Copies[0], {URL: objectStore(t, 200, map[string]string{"Last-Modified": fresh, "Content-Length": "5000"}), Medium: "s3", Offsite: true, Immutable: true}}
		got, o := observe(t, d, nil)
		if got.RuleHolds || !checktest.HasUnread(o, "rule_holds") || !checktest.HasUnread(o, "backups[0].immutable_copies") {
			t.Errorf("got %+v, unread %v; want that it is not known", got.Backups[0], o.Unread)
		}
	})
}

func TestNothingDeclared(t *testing.T) {
	o := checktest.Look(t, New(nil, nil).State(), nil)
	if o.Output != nil || o.Refused || !strings.Contains(o.Fix, "backups:") {
		t.Errorf("got %+v; want that we cannot look, and what to declare", o)
	}
	o = checktest.Look(t, New([]Declared{{Name: "orders"}}, nil).State(), map[string]any{"backup": "carts"})
	if o.Output != nil || !strings.Contains(o.Reason, "orders") {
		t.Errorf("got %+v; want the names that there are", o)
	}
}

func FuzzDump(f *testing.F) {
	for _, name := range []string{"custom.dump", "custom-plain.dump", "schema.dump"} {
		f.Add(testdata(f, name))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = readDump(bufio.NewReader(bytes.NewReader(data)))
	})
}

func FuzzFile(f *testing.F) {
	f.Add(testdata(f, "numbers.xz"))
	f.Add(testdata(f, "app.sqlite"))
	f.Add(archive(f))
	f.Add(gzipped(f, []byte(pgHead+pgTail)))
	f.Add(zstandard(f, []byte(mysqlAll)))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		write(t, dir+"/x", data, time.Hour)
		if got, _ := observe(t, in(dir), map[string]any{"max_bytes": 65536}); len(got.Copies) != 1 {
			t.Error("no copy")
		}
	})
}

func FuzzChecksum(f *testing.F) {
	f.Add("d41d8cd98f00b204e9800998ecf8427e  x\n")
	f.Add("d41d8cd98f00b204e9800998ecf8427e")
	f.Fuzz(func(t *testing.T, text string) {
		if sum, found := sumOf([]byte(text), 16, "/a/x"); found && len(sum) != 16 {
			t.Errorf("%q: %x", text, sum)
		}
	})
}

func BenchmarkGzip(b *testing.B) {
	dir := b.TempDir()
	write(b, dir+"/x.gz", gzipped(b, []byte(pgHead+strings.Repeat("INSERT INTO t VALUES (1, 'abcdef');\n", 300000)+pgTail)), time.Hour)
	info, err := os.Stat(dir + "/x.gz")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	for b.Loop() {
		if got, _ := observe(b, in(dir), nil); !got.Copies[0].Good {
			b.Fatal(got)
		}
	}
}
