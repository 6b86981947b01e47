package changes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// repository is a real one.
type repository struct {
	t    *testing.T
	path string
	now  time.Time
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	date := r.now.Format(time.RFC3339)
	r.now = r.now.Add(time.Minute)
	cmd := exec.CommandContext(r.t.Context(), "git", append([]string{"-C", r.path}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=Alice", "GIT_COMMITTER_EMAIL=alice@example.com", "GIT_COMMITTER_DATE=" + date,
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) commit(file string) {
	r.t.Helper()
	tree{file: file}.write(r.t, r.path)
	r.git("add", file)
	r.git("commit", "-q", "-m", "add "+file)
}

// newRepository makes a repository with a history that ends with a checkout,
// half an hour before the onset.
func newRepository(t *testing.T) *repository {
	t.Helper()
	_, err := exec.LookPath("git")
	checktest.Need(t, "the program git", err == nil)
	r := &repository{t: t, path: t.TempDir(), now: onset.Add(-20 * 24 * time.Hour)}
	r.git("init", "-q", "-b", "main")
	r.commit("one")
	r.git("branch", "hotfix")
	r.now = onset.Add(-2 * time.Hour)
	r.commit("two")
	r.git("checkout", "-q", "hotfix")
	r.commit("three")
	r.now = onset.Add(-30 * time.Minute)
	r.git("rebase", "-q", "main")
	return r
}

func TestGit(t *testing.T) {
	r := newRepository(t)
	got, o := at(t, Source{}, onset, map[string]any{"repositories": []string{r.path}})
	if checktest.HasUnread(o, "counts.git") {
		t.Fatalf("unread %v", unread(o))
	}
	same(t, got.Repositories, []Repository{{Path: r.path, Branch: "hotfix", Commit: r.git("rev-parse", "HEAD")}})
	var actions []string
	for _, c := range ofKind(got, "git") {
		actions = append(actions, c.Action)
		if c.By != "Alice" || c.What != r.path || c.Source != r.path+"/.git/logs/HEAD" {
			t.Errorf("got %+v", c)
		}
	}
	if strings.Join(actions, " ") != "rebase commit checkout commit" || got.Counts.Git != 4 {
		t.Errorf("got %v, %d counted", actions, got.Counts.Git)
	}
	if len(got.Rates) == 0 || got.Rates[len(got.Rates)-1].Kind != "git" || got.Rates[len(got.Rates)-1].Expected == 0 {
		t.Errorf("rates %+v", got.Rates)
	}
	// What git itself says, the newest first; the rebase's entries are one change.
	says := strings.Split(r.git("reflog", "--format=%H %ct %gs"), "\n")
	rebase := ofKind(got, "git")[0]
	if !strings.HasPrefix(says[0], rebase.To) || rebase.Count != strings.Count(strings.Join(says, "\n"), "rebase ") || rebase.Time.Before(onset.Add(-31*time.Minute)) {
		t.Errorf("got %+v, git says\n%s", rebase, strings.Join(says, "\n"))
	}
	checkout := ofKind(got, "git")[2]
	line := says[rebase.Count+1]
	if !strings.HasPrefix(line, checkout.To) || !strings.HasSuffix(line, checkout.Detail) || checkout.Detail != "checkout: moving from main to hotfix" {
		t.Errorf("got %+v, git says %s", checkout, line)
	}
}

// TestGitPlaces: linked work trees, packed branches, bare repositories, a commit
// without a branch, none yet.
func TestGitPlaces(t *testing.T) {
	r := newRepository(t)
	linked := filepath.Join(t.TempDir(), "linked")
	r.git("worktree", "add", "-q", linked, "main")
	bare := filepath.Join(t.TempDir(), "bare.git")
	r.git("clone", "-q", "--bare", r.path, bare)
	empty := t.TempDir()
	r.git("init", "-q", "-b", "main", empty)
	main := r.git("rev-parse", "main")
	hotfix := r.git("rev-parse", "hotfix")
	r.git("pack-refs", "--all")
	for _, tt := range []struct {
		name, path string
		want       Repository
		unread     bool
	}{
		{"packed", r.path, Repository{Branch: "hotfix", Commit: hotfix}, false},
		{"linked", linked, Repository{Branch: "main", Commit: main}, false},
		{"bare", bare, Repository{Branch: "hotfix", Commit: hotfix}, true}, // it keeps no reflog
		{"empty", empty, Repository{Branch: "main"}, true},
	} {
		got, o := at(t, Source{}, onset, map[string]any{"repositories": []string{tt.path}})
		tt.want.Path = tt.path
		same(t, got.Repositories, []Repository{tt.want})
		if checktest.HasUnread(o, "counts.git") != tt.unread {
			t.Errorf("%s: unread %v", tt.name, unread(o))
		}
	}
	r.git("checkout", "-q", "--detach", "main")
	got, _ := at(t, Source{}, onset, map[string]any{"repositories": []string{r.path}})
	same(t, got.Repositories, []Repository{{Path: r.path, Commit: main}})
}

func TestGitUnread(t *testing.T) {
	root := t.TempDir()
	tree{"var/log/dpkg.log": "", "proc/stat": btime(240 * time.Hour), "srv/plain/x": "", "srv/odd/.git": "not a link\n", "srv/broken/.git": "gitdir: ../nowhere\n"}.write(t, root)
	for _, path := range []string{"/srv/plain", "/srv/odd", "/srv/broken", "/srv/none"} {
		_, o := at(t, Source{Root: root}, onset, map[string]any{"repositories": []string{path}})
		for _, field := range []string{"counts.git", "in_last_hour", "repositories[0].commit"} {
			if !checktest.HasUnread(o, field) {
				t.Errorf("%s: %s is not unread: %v", path, field, unread(o))
			}
		}
	}
}

// TestGitReflog: entries of one command are one change; a reflog that cannot be
// read hides changes, and not the commit.
func TestGitReflog(t *testing.T) {
	const a, b = "0123456789012345678901234567890123456789", "abcdefabcdefabcdefabcdefabcdefabcdefabcd"
	root := t.TempDir()
	entry := func(from, to string, at time.Time, message string) string {
		return fmt.Sprintf("%s %s Bob <b@example.com> %d +0100\t%s\n", from, to, at.Unix(), message)
	}
	start := onset.Add(-time.Hour)
	tree{
		"srv/app/.git/HEAD": "ref: refs/heads/main\n", "srv/app/.git/refs/heads/main": b + "\n",
		"srv/app/.git/logs/HEAD": entry(a, b, start, "rebase (start): checkout x") + "junk\n" + entry(b, a, start.Add(5*time.Second), "rebase (pick): y") +
			entry(a, b, start.Add(9*time.Second), "rebase (finish): returning to refs/heads/main") + entry(b, b, start.Add(time.Minute), "reset: moving to HEAD"),
		"srv/dark/.git/HEAD": b + "\n", "srv/dark/.git/logs/HEAD/folder": "",
	}.write(t, root)
	got, o := at(t, Source{Root: root}, onset, map[string]any{"repositories": []string{"/srv/app"}})
	changes := ofKind(got, "git")
	if len(changes) != 2 || changes[1].Count != 3 || changes[1].Action != "rebase" || changes[1].From != a[:12] || changes[1].To != b[:12] ||
		!changes[1].Time.Equal(start) || changes[0].Action != "reset" || checktest.HasUnread(o, "counts.git") {
		t.Errorf("got %+v; unread %v", changes, unread(o))
	}
	got, o = at(t, Source{Root: root}, onset, map[string]any{"repositories": []string{"/srv/dark"}})
	if !checktest.HasUnread(o, "counts.git") || checktest.HasUnread(o, "repositories[0].commit") || got.Repositories[0].Commit != b {
		t.Errorf("got %+v; unread %v", got.Repositories, unread(o))
	}
}

// TestGitSecrets: no password of a remote leaves the reflog.
func TestGitSecrets(t *testing.T) {
	const name = "0123456789012345678901234567890123456789"
	entries := parseReflog([]byte(strings.Repeat("0", 40)+" "+name+" Bob <b@example.com> 1769864400 +0100\tclone: from https://bob:hunter2@example.com/app.git\n"), false)
	if len(entries) != 1 {
		t.Fatal(entries)
	}
	e := entries[0].event("/srv/app", "x")
	if e.Detail != "clone: from https://example.com/app.git" || e.From != "" || e.To != name[:shownDigits] || e.Action != "clone" {
		t.Errorf("got %+v", e)
	}
}

func TestWithoutUserinfo(t *testing.T) {
	for line, want := range map[string]string{
		"":                               "",
		"://":                            "://",
		"plain @ text":                   "plain @ text",
		"https://me:pw@host/x":           "https://host/x",
		"https://me:p@w@host":            "https://host",
		"a http://t@h/ b ssh://git@h:22": "a http://h/ b ssh://h:22",
		"https://host/p@th?u=a@b":        "https://host/p@th?u=a@b",
	} {
		if got := withoutUserinfo(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
