package main

// Backups made by the programs that make them, aged, cut, changed and put on disks
// of their own, told apart by backup-health.

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/mysql/mysqltest"
	"gumshoe/engine"
)

// made are real backups by the name of their file, each with a whole one of much
// less.
type made struct{ whole, small []byte }

// makeBackups has the programs of Debian make one of each kind.
func makeBackups(t *testing.T) map[string]made {
	t.Helper()
	dir := t.TempDir()
	all := make(map[string]made)

	socket := startPostgres(t)
	postgres := func(program string, arguments ...string) []byte {
		t.Helper()
		return output(t, program, append([]string{"-h", socket, "-U", "postgres"}, arguments...)...)
	}
	postgres("psql", "-q", "-c", "create table orders as select i, md5(i::text) from generate_series(1, 20000) i")
	all["orders.dump"] = made{postgres("pg_dump", "-Fc", "postgres"), postgres("pg_dump", "-Fc", "-s", "postgres")}

	server := mysqltest.Start(t)
	mariadb := func(program string, arguments ...string) []byte {
		t.Helper()
		return output(t, program, append([]string{
			"--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", strconv.Itoa(server.Port), "-u", mysqltest.App, "-p" + mysqltest.Password,
		}, arguments...)...)
	}
	mariadb("mariadb", mysqltest.Database, "-e", "create table carts as select seq, md5(seq) from seq_1_to_20000")
	all["carts.sql.gz"] = made{
		packed(t, mariadb("mariadb-dump", "--no-tablespaces", "--single-transaction", mysqltest.Database)),
		packed(t, mariadb("mariadb-dump", "--no-tablespaces", "--no-data", mysqltest.Database)),
	}

	all["etc.tar.gz"] = made{
		output(t, "tar", "-C", "/usr/share", "-czf", "-", "doc/tar", "doc/gzip", "doc/bash"), output(t, "tar", "-C", "/etc", "-czf", "-", "hostname"),
	}

	for name, rows := range map[string]int{"whole": 20000, "small": 10} {
		tool(t, "sqlite3", filepath.Join(dir, name), fmt.Sprintf(
			"create table t(a int, b text); with recursive n(i) as (select 1 union all select i+1 from n where i<%d) insert into t select i, hex(i*7919) from n", rows))
	}
	all["app.sqlite"] = made{read(t, filepath.Join(dir, "whole")), read(t, filepath.Join(dir, "small"))}
	return all
}

// startPostgres starts a server until the test ends, and gives the folder of its socket.
func startPostgres(t *testing.T) string {
	t.Helper()
	const programs = "/usr/lib/postgresql/15/bin/"
	_, err := os.Stat(programs + "initdb")
	checktest.Need(t, "postgresql-15", err == nil)
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	id := checktest.Credential(t, "postgres")
	if err := os.Chown(dir, int(id.Uid), int(id.Gid)); err != nil {
		t.Fatal(err)
	}
	initdb := exec.Command(programs+"initdb", "-A", "trust", "-U", "postgres", "-D", dir+"/data")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: id}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	checktest.Start(t, checktest.Program{
		Argv: []string{programs + "postgres", "-D", dir + "/data", "-k", dir, "-c", "listen_addresses="}, Dir: dir, User: "postgres",
		Ready: func() error { return exec.Command("psql", "-h", dir, "-U", "postgres", "-c", "select 1").Run() },
	})
	return dir
}

// output runs a program and gives what it writes to its standard output.
func output(t *testing.T, name string, arguments ...string) []byte {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.Command(name, arguments...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, complaints.String())
	}
	return out.Bytes()
}

func packed(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(t *testing.T, content []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// vault is where backups are kept: two disks that are not that of the data, and a
// store of objects.
type vault struct {
	made             map[string]made
	data, disk, nas  string
	stamp            string
	store            *httptest.Server
	mu               sync.Mutex
	written          time.Time // of the objects
	locked, answered bool
}

const backupDays = 5

// lay brings all back to how it should be.
func (v *vault) lay(t *testing.T) {
	t.Helper()
	for _, dir := range []string{v.disk, v.nas} {
		old, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range old {
			if filepath.Base(path) == "lost+found" {
				continue
			}
			if dir == v.nas {
				tool(t, "chattr", "-i", path)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range v.made {
			for day := range backupDays {
				v.put(t, v.file(dir, name, day), b.whole, 6*time.Hour+time.Duration(day)*24*time.Hour)
			}
		}
	}
	v.put(t, v.stamp, nil, 24*time.Hour)
	v.serve(time.Now().Add(-6*time.Hour), true, true)
}

// serve says how the store answers.
func (v *vault) serve(written time.Time, locked, answered bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.written, v.locked, v.answered = written, locked, answered
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.answered {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Last-Modified", v.written.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", strconv.Itoa(len(v.made[strings.TrimPrefix(r.URL.Path, "/")].whole)))
	if v.locked {
		w.Header().Set("X-Amz-Object-Lock-Mode", "COMPLIANCE")
		w.Header().Set("X-Amz-Object-Lock-Retain-Until-Date", time.Now().Add(30*24*time.Hour).UTC().Format(time.RFC3339))
	}
}

// file is the backup of some days ago; 0 is the newest.
func (v *vault) file(dir, name string, day int) string {
	return fmt.Sprintf("%s/%d-%s", dir, backupDays-day, name)
}

func (v *vault) put(t *testing.T, path string, content []byte, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	v.age(t, path, age)
}

func (v *vault) age(t *testing.T, path string, age time.Duration) {
	t.Helper()
	when := time.Now().Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// replace changes the newest backup of one kind in both places.
func (v *vault) replace(t *testing.T, name string, content []byte) {
	t.Helper()
	for _, dir := range []string{v.disk, v.nas} {
		v.put(t, v.file(dir, name, 0), content, 6*time.Hour)
	}
}

// config writes gumshoe.yaml with these places; "" leaves one out.
func (v *vault) config(t *testing.T, disk, nas, store string, immutable bool) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("backups:\n")
	names := make([]string, 0, len(v.made))
	for name := range v.made {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		short, _, _ := strings.Cut(name, ".")
		fmt.Fprintf(&b, "  %s:\n    data: %q\n    every: 1d\n    keep: 5\n    restore_test: %q\n    copies:\n", short, v.data, v.stamp)
		for _, dir := range []string{disk, nas} {
			if dir != "" {
				fmt.Fprintf(&b, "      - { path: %q }\n", dir+"/*-"+name)
			}
		}
		if store != "" {
			fmt.Fprintf(&b, "      - { url: %q, medium: s3, offsite: true, immutable: %t }\n", store+"/"+name, immutable)
		}
	}
	path := filepath.Join(t.TempDir(), "gumshoe.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// memoryDisk mounts a file system in memory until the test ends.
func memoryDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ext4On makes an ext4 in a file of a folder, and mounts it until the test ends.
func ext4On(t *testing.T, in string) string {
	t.Helper()
	image, dir := filepath.Join(in, "image"), t.TempDir()
	tool(t, "truncate", "-s", "48M", image)
	tool(t, "mkfs.ext4", "-q", "-F", image)
	tool(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() {
		waitFor(t, dir+" is unmounted", time.Minute, func() bool { return syscall.Unmount(dir, 0) == nil })
	})
	return dir
}

func TestRealBackups(t *testing.T) {
	needReal(t)
	for _, program := range []string{"sqlite3", "pg_dump", "mariadb-dump", "chattr", "mkfs.ext4"} {
		_, err := exec.LookPath(program)
		checktest.Need(t, "the program "+program, err == nil)
	}
	v := &vault{made: makeBackups(t), data: t.TempDir(), disk: memoryDisk(t, "64m"), stamp: filepath.Join(t.TempDir(), "restored")}
	v.nas = ext4On(t, memoryDisk(t, "64m"))
	v.store = httptest.NewServer(v)
	t.Cleanup(v.store.Close)
	whole := v.config(t, v.disk, v.nas, v.store.URL, true)

	look := func(t *testing.T, config string) (*engine.Report, int) {
		t.Helper()
		return diagnose(t, "--config", config, "backup-health")
	}
	t.Run("healthy", func(t *testing.T) {
		v.lay(t)
		if r, exit := look(t, whole); r.Status != engine.StatusHealthy || exit != 0 {
			t.Errorf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
		}
	})
	for _, tt := range []struct {
		name     string
		fault    func(t *testing.T)
		config   string // "" for the whole one
		want     []string
		subjects map[string]string // of a hypothesis one subject
	}{
		{
			name: "one of four was never made", want: []string{"none_at_all"}, subjects: map[string]string{"none_at_all": "etc"},
			fault: func(t *testing.T) {
				for _, dir := range []string{v.disk, v.nas} {
					for day := range backupDays {
						if err := os.Remove(v.file(dir, "etc.tar.gz", day)); err != nil {
							t.Fatal(err)
						}
					}
				}
			},
			config: v.config(t, v.disk, v.nas, "", false),
		},
		{
			name: "the jobs do not run", want: []string{"not_made"}, subjects: map[string]string{"not_made": "orders"},
			fault: func(t *testing.T) {
				for name := range v.made {
					for _, dir := range []string{v.disk, v.nas} {
						for day := range backupDays {
							v.age(t, v.file(dir, name, day), time.Duration(11+day)*24*time.Hour)
						}
					}
				}
				v.serve(time.Now().Add(-11*24*time.Hour), true, true)
			},
		},
		{
			name: "one job does not run", want: []string{"not_made"}, subjects: map[string]string{"not_made": "app"}, config: v.config(t, v.disk, v.nas, "", false),
			fault: func(t *testing.T) {
				for _, dir := range []string{v.disk, v.nas} {
					for day := range backupDays {
						v.age(t, v.file(dir, "app.sqlite", day), time.Duration(11+day)*24*time.Hour)
					}
				}
			},
		},
		{
			name: "the transfer does not run", want: []string{"copy_behind"}, subjects: map[string]string{"copy_behind": "orders: " + v.nas + "/*-orders.dump"},
			fault: func(t *testing.T) {
				for name := range v.made {
					for day := range 3 {
						if err := os.Remove(v.file(v.nas, name, day)); err != nil {
							t.Fatal(err)
						}
					}
				}
			},
		},
		{
			name: "a cut pg_dump", want: []string{"broken"}, subjects: map[string]string{"broken": "orders: " + v.file(v.nas, "orders.dump", 0) + " (it ends in the middle)"},
			fault: func(t *testing.T) {
				content := v.made["orders.dump"].whole
				v.put(t, v.file(v.nas, "orders.dump", 0), content[:len(content)-100], 6*time.Hour)
			},
		},
		{
			name: "a flipped bit in a pg_dump", want: []string{"broken"},
			fault: func(t *testing.T) {
				content := bytes.Clone(v.made["orders.dump"].whole)
				content[len(content)/2] ^= 4
				v.put(t, v.file(v.disk, "orders.dump", 0), content, 6*time.Hour)
			},
		},
		{
			name: "a flipped bit in a tar.gz", want: []string{"broken"},
			fault: func(t *testing.T) {
				content := bytes.Clone(v.made["etc.tar.gz"].whole)
				content[len(content)/2] ^= 4
				v.put(t, v.file(v.disk, "etc.tar.gz", 0), content, 6*time.Hour)
			},
		},
		{
			// The disk of the database filled up under mariadb-dump: gzip packed soundly what there was.
			name: "a soundly packed part of a dump", want: []string{"broken"},
			fault: func(t *testing.T) {
				content := unpacked(t, v.made["carts.sql.gz"].whole)
				v.replace(t, "carts.sql.gz", packed(t, content[:len(content)*3/4]))
			},
		},
		{
			name: "a cut SQLite file", want: []string{"broken"},
			fault: func(t *testing.T) {
				content := v.made["app.sqlite"].whole
				v.replace(t, "app.sqlite", content[:len(content)-4096])
			},
		},
		{
			name: "0 bytes", want: []string{"broken"},
			fault: func(t *testing.T) { v.put(t, v.file(v.disk, "etc.tar.gz", 0), nil, 6*time.Hour) },
		},
		{
			name: "another checksum", want: []string{"broken"},
			fault: func(t *testing.T) {
				newest := v.file(v.disk, "orders.dump", 0)
				v.put(t, newest+".sha256", output(t, "sha256sum", v.file(v.disk, "etc.tar.gz", 0)), 6*time.Hour)
			},
		},
		{
			name: "dumps without their rows", want: []string{"shrunk"}, subjects: map[string]string{"shrunk": "orders: " + v.file(v.disk, "orders.dump", 0)},
			fault: func(t *testing.T) {
				for name, b := range v.made {
					v.replace(t, name, b.small)
				}
			},
		},
		{
			name: "one copy alone", want: []string{"one_copy"}, subjects: map[string]string{"one_copy": "orders"},
			config: v.config(t, "", "", v.store.URL, true), fault: func(*testing.T) {},
		},
		{
			name: "nothing offsite", want: []string{"nothing_offsite"}, subjects: map[string]string{"nothing_offsite": "orders"},
			config: v.config(t, v.disk, v.nas, "", false),
			fault: func(t *testing.T) {
				for name := range v.made {
					tool(t, "chattr", "+i", v.file(v.nas, name, 0))
				}
			},
		},
		{
			name: "the store does not answer", want: []string{"unreachable"}, subjects: map[string]string{"unreachable": "orders: " + v.store.URL + "/orders.dump (HTTP status 503)"},
			fault: func(*testing.T) { v.serve(time.Now(), true, false) },
		},
		{
			name: "no lock", want: []string{"nothing_immutable"}, subjects: map[string]string{"nothing_immutable": "orders"},
			config: v.config(t, v.disk, v.nas, v.store.URL, false), fault: func(*testing.T) { v.serve(time.Now().Add(-6*time.Hour), false, true) },
		},
		{
			name: "an old restore test", want: []string{"not_restored"}, subjects: map[string]string{"not_restored": "orders"},
			fault: func(t *testing.T) { v.age(t, v.stamp, 200*24*time.Hour) },
		},
		{
			name: "a full disk", want: []string{"disk_full"}, subjects: map[string]string{"disk_full": "orders: " + v.disk + "/*-orders.dump"},
			fault: func(t *testing.T) {
				path := v.disk + "/other"
				t.Cleanup(func() { os.Remove(path) })
				_ = exec.Command("dd", "if=/dev/zero", "of="+path, "bs=64k").Run() // it ends when the disk is full
			},
		},
		{
			name: "a file from the future", want: []string{"clock_wrong"}, subjects: map[string]string{"clock_wrong": "orders: " + v.file(v.nas, "orders.dump", 0)},
			fault: func(t *testing.T) { v.age(t, v.file(v.nas, "orders.dump", 0), -4*time.Hour) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v.lay(t)
			tt.fault(t)
			config := tt.config
			if config == "" {
				config = whole
			}
			r, exit := look(t, config)
			wantBackups(t, r, exit, config != whole, tt.want...)
			for hypothesis, subject := range tt.subjects {
				wantSubject(t, r, hypothesis, subject)
			}
		})
	}

	// A loop device whose file lies on the disk of the data is that disk, and so is a
	// place where nothing is mounted.
	t.Run("all on one disk", func(t *testing.T) {
		v.lay(t)
		beside := t.TempDir()
		loop := ext4On(t, t.TempDir())
		for name, b := range v.made {
			v.put(t, v.file(beside, name, 0), b.whole, 6*time.Hour)
			v.put(t, v.file(loop, name, 0), b.whole, 6*time.Hour)
			tool(t, "chattr", "+i", v.file(loop, name, 0))
		}
		r, exit := look(t, v.config(t, beside, loop, "", false))
		wantConfirmed(t, r, exit, "one_medium", "nothing_offsite")
		wantSubject(t, r, "one_medium", "orders")
	})

	// What it may not read is neither sound nor broken.
	t.Run("without the right to read", func(t *testing.T) {
		v.lay(t)
		path, err := program()
		if err != nil {
			t.Fatal(err)
		}
		dir, err := os.MkdirTemp("", "nobody") //nolint:usetesting // another user has to reach it
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		config := read(t, whole)
		for name, content := range map[string][]byte{"gumshoe": read(t, path), "gumshoe.yaml": config} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(dir, "gumshoe"), "run", "--format", "json", "--config", filepath.Join(dir, "gumshoe.yaml"), "backup-health")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_STATE_HOME="+dir, "HOME="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: checktest.Credential(t, "nobody")}
		out, _ := cmd.Output() // its exit status is looked at below
		r := new(engine.Report)
		if err := json.Unmarshal(out, r); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if r.Status == engine.StatusHealthy || cmd.ProcessState.ExitCode() == 0 {
			t.Errorf("got %s with exit status %d\n%s", r.Status, cmd.ProcessState.ExitCode(), verdicts(r))
		}
		for _, h := range r.Hypotheses {
			if h.Verdict == engine.VerdictConfirmed {
				t.Errorf("%s is confirmed\n%s", h.ID, verdicts(r))
			}
		}
	})

	t.Run("it touches only what its plan names", func(t *testing.T) {
		v.lay(t)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "gumshoe.yaml"), read(t, whole), 0o600); err != nil {
			t.Fatal(err)
		}
		touchesOnlyThePlan(t, dir, "backup-health")
	})

	t.Run("nothing declared", func(t *testing.T) {
		empty := filepath.Join(t.TempDir(), "gumshoe.yaml")
		if err := os.WriteFile(empty, []byte("allow: { targets: [127.0.0.1] }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, exit := look(t, empty); r.Status != engine.StatusInconclusive || exit != 3 {
			t.Errorf("got %s with exit status %d, want inconclusive with 3\n%s", r.Status, exit, verdicts(r))
		}
	})
}

// wantBackups checks that these are confirmed, and beside them only what a
// configuration without a store lacks by itself.
func wantBackups(t *testing.T, r *engine.Report, exit int, partial bool, want ...string) {
	t.Helper()
	for _, h := range r.Hypotheses {
		confirmed := h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing
		expected := slices.Contains(want, h.ID)
		lacking := partial && (h.ID == "nothing_offsite" || h.ID == "nothing_immutable")
		if confirmed != expected && (!confirmed || !lacking) {
			t.Errorf("%s is %s, want confirmed: %t\n%s", h.ID, h.Verdict, expected, verdicts(r))
		}
	}
	if exit != 1 {
		t.Errorf("exit status %d, want 1", exit)
	}
}
