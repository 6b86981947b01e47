package changes

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// listen answers at a socket of a host's root, until the test ends. What is
// answered is made up after the Docker Engine API 1.40 and Podman's: neither is
// needed for these tests.
func listen(t *testing.T, root, socket string, handler http.HandlerFunc) {
	t.Helper()
	path := filepath.Join(root, socket)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // until it is closed
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
}

// short gives a folder whose name leaves room for that of a socket.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "g") //nolint:usetesting // its names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestContainers(t *testing.T) {
	stamp := func(before time.Duration) string { return onset.Add(-before).Format(time.RFC3339Nano) }
	states := map[string]string{
		"aa": fmt.Sprintf(`{"State":{"Running":true,"StartedAt":%q,"FinishedAt":"0001-01-01T00:00:00Z"},"RestartCount":0}`, stamp(time.Hour)),
		"bb": fmt.Sprintf(`{"State":{"Running":true,"StartedAt":%q,"FinishedAt":%q},"RestartCount":3}`, stamp(10*time.Minute), stamp(11*time.Minute)),
		"cc": fmt.Sprintf(`{"State":{"Running":false,"StartedAt":%q,"FinishedAt":%q,"ExitCode":137,"OOMKilled":true},"RestartCount":0}`, stamp(300*time.Hour), stamp(-time.Minute)),
		"ee": fmt.Sprintf(`{"State":{"Running":true,"StartedAt":%q}}`, stamp(300*time.Hour)),
	}
	var methods []string
	root := short(t)
	listen(t, root, "run/docker.sock", func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		if r.URL.Path == "/containers/json" && r.URL.Query().Get("all") == "1" {
			list := []string{}
			for i, id := range []string{"aa", "bb", "cc", "dd", "ee"} {
				created := onset.Add(-400 * time.Hour)
				if i == 0 {
					created = onset.Add(-time.Hour - 2*time.Second)
				}
				list = append(list, fmt.Sprintf(`{"Id":%q,"Names":["/web-%s"],"Image":"nginx:1.25","Created":%d,"Labels":{"x":"y"}}`, id, id, created.Unix()))
			}
			fmt.Fprintf(w, "[%s]", strings.Join(list, ","))
			return
		}
		state, ok := states[strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/containers/"), "/json")]
		if !ok { // dd was removed meanwhile
			http.Error(w, `{"message":"No such container"}`, http.StatusNotFound)
			return
		}
		fmt.Fprint(w, state)
	})
	got, o := at(t, Source{Root: root}, onset, nil)
	if checktest.HasUnread(o, "counts.containers") {
		t.Fatalf("unread %v", unread(o))
	}
	socket := filepath.Join(root, "run/docker.sock")
	same(t, ofKind(got, "containers"), []Change{
		{Kind: "containers", Action: "started", What: "web-bb", To: "nginx:1.25", Detail: "restarted 3 times by the engine", Items: []string{}, Count: 1,
			Time: onset.Add(-10 * time.Minute), BeforeOnsetSeconds: 600, Source: socket},
		{Kind: "containers", Action: "created", What: "web-aa", To: "nginx:1.25", Items: []string{}, Count: 1,
			Time: onset.Add(-time.Hour - 2*time.Second), BeforeOnsetSeconds: 3602, Source: socket},
		{Kind: "containers", Action: "stopped", What: "web-cc", To: "nginx:1.25", Detail: "exit code 137, out of memory", Items: []string{}, Count: 1,
			Time: onset.Add(time.Minute), AfterOnsetSeconds: 60, Source: socket},
	})
	if got.Counts.Containers != 2 || got.LastChange != "container web-bb started" {
		t.Errorf("counted %d, last %q", got.Counts.Containers, got.LastChange)
	}
	for _, method := range methods {
		if method != http.MethodGet {
			t.Errorf("the engine was asked to %s", method)
		}
	}
}

func TestContainersUnread(t *testing.T) {
	answers := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	for _, tt := range []struct {
		name   string
		make   func(t *testing.T, root string)
		input  string
		reason string // "" when counts.containers is read
	}{
		{"no engine", func(*testing.T, string) {}, "", ""},
		{"no containers", func(t *testing.T, root string) { listen(t, root, "run/podman/podman.sock", answers("[]")) }, "", ""},
		{"a socket that is named and missing", func(*testing.T, string) {}, "/run/my.sock", "cannot read"},
		{"not a socket", func(t *testing.T, root string) { tree{"run/docker.sock": ""}.write(t, root) }, "", "is no socket"},
		{"nobody listens", func(t *testing.T, root string) {
			path := filepath.Join(root, "run/docker.sock")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err != nil {
				t.Fatal(err)
			}
			listener.SetUnlinkOnClose(false)
			listener.Close()
		}, "", "refused"},
		{"only containerd", func(t *testing.T, root string) { tree{"run/containerd/containerd.sock": ""}.write(t, root) }, "", "no HTTP"},
		{"another service", func(t *testing.T, root string) { listen(t, root, "run/docker.sock", answers("<html>")) }, "", "not that of a container engine"},
		{"an error", func(t *testing.T, root string) {
			listen(t, root, "run/docker.sock", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
		}, "", "says 500"},
		{"an endless answer", func(t *testing.T, root string) {
			listen(t, root, "run/docker.sock", func(w http.ResponseWriter, _ *http.Request) {
				for range 200 {
					if _, err := w.Write(make([]byte, 1<<16)); err != nil {
						return
					}
				}
			})
		}, "", "more than"},
		{"an id that is a path", func(t *testing.T, root string) {
			listen(t, root, "run/docker.sock", answers(`[{"Id":"../../images/prune","Created":1}]`))
		}, "", "not that of a container engine"},
		{"a redirect elsewhere", func(t *testing.T, root string) {
			listen(t, root, "run/docker.sock", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
			})
		}, "", "says 302"},
		{"silence", func(t *testing.T, root string) {
			listen(t, root, "run/docker.sock", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		}, "", context.DeadlineExceeded.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := short(t)
			tt.make(t, root)
			inputs := map[string]any{}
			if tt.input != "" {
				inputs["container_socket"] = tt.input
			}
			_, o := at(t, Source{Root: root}, onset, inputs)
			reason := ""
			for _, u := range o.Unread {
				if u.Path == "counts.containers" {
					reason = u.Reason
				}
			}
			if !strings.Contains(reason, tt.reason) || (tt.reason == "") != (reason == "") {
				t.Errorf("unread because %q, want %q", reason, tt.reason)
			}
		})
	}
}

// TestContainersAsNobody: a socket that we may not use is unread, and the fix is
// said.
func TestContainersAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	root := short(t)
	listen(t, root, "run/docker.sock", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") })
	if err := os.Chmod(filepath.Join(root, "run/docker.sock"), 0); err != nil {
		t.Fatal(err)
	}
	_, o := at(t, Source{Root: root}, onset, nil)
	for _, u := range o.Unread {
		if u.Path == "counts.containers" && strings.Contains(u.Reason, "may not connect") && strings.Contains(u.Fix, "group") {
			return
		}
	}
	t.Errorf("unread %+v", o.Unread)
}
