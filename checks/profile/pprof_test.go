package profile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

func observe(t *testing.T, inputs map[string]any) (Pprof, engine.Observation) {
	t.Helper()
	return checktest.Observe[Pprof](t, New(nil).Pprof(), inputs)
}

func TestPprofConforms(t *testing.T) {
	_, url := start(t, "idles")
	checktest.Run(t, New(nil).Pprof(), map[string]any{"url": url, "window": "1s", "profiles": []string{kindGoroutine, kindHeap}})
}

func TestPprofBurns(t *testing.T) {
	_, url := start(t, "burns")
	o, seen := observe(t, map[string]any{"url": url, "window": "2s"})
	if o.Outcome != reach.OK || o.RemoteAddress == "" || o.CPU.Samples == 0 || len(o.CPU.Top) == 0 || len(o.CPU.Own) == 0 {
		t.Fatalf("got %+v", o)
	}
	const burns = "gumshoe/checks/profile.burnProcessor"
	if hot := o.CPU.Top[0]; hot.Function != burns || hot.FlatPercent < 80 || !strings.HasSuffix(hot.File, "app_test.go") || o.CPU.Own[0].Function != burns {
		t.Errorf("got %+v", o.CPU)
	}
	if o.CPU.Cores < 0.05 || o.CPU.Cores > 2 || math.Abs(o.CPU.Seconds-2) > 1 || o.CPU.GCPercent > 20 {
		t.Errorf("got %+v", o.CPU)
	}
	if o.Goroutines.Count < 3 || o.Goroutines.Growth > 5 {
		t.Errorf("got %+v", o.Goroutines)
	}
	for field, want := range map[string]bool{"mutex": true, "block": true, "cpu": false, "heap": false} {
		if checktest.HasUnread(seen, field) != want {
			t.Errorf("%s: unread %t, want %t", field, !want, want)
		}
	}
}

func TestPprofLeaks(t *testing.T) {
	_, url := start(t, "leaks")
	o, _ := observe(t, map[string]any{"url": url, "window": "2s", "profiles": []string{kindGoroutine, kindHeap}})
	if o.Outcome != reach.OK || o.Goroutines.Growth < 50 || o.Goroutines.GrowthPerSecond < 25 {
		t.Fatalf("got %+v", o.Goroutines)
	}
	if g := o.Goroutines.Top[0]; g.Function != "gumshoe/checks/profile.waitForever" || g.State != "chan_receive" || g.SharePercent < 50 || g.Growth < 50 {
		t.Errorf("got %+v", g)
	}
	if len(o.Heap.Top) == 0 || o.Heap.Top[0].Function != "gumshoe/checks/profile.keepMemory" || o.Heap.Top[0].GrowthBytes < 5<<20 {
		t.Errorf("got %+v", o.Heap)
	}
	if o.Heap.GrowthBytesPerSecond < 2<<20 || o.Heap.AllocatedBytesPerSecond < o.Heap.GrowthBytesPerSecond/2 || o.Heap.InUseObjects == 0 {
		t.Errorf("got %+v", o.Heap)
	}
}

func TestPprofContends(t *testing.T) {
	_, url := start(t, "contends")
	o, _ := observe(t, map[string]any{"url": url, "window": "2s", "profiles": []string{kindMutex, kindBlock}})
	for name, w := range map[string]Waits{"mutex": o.Mutex, "block": o.Block} {
		if len(w.Top) == 0 || w.WaitSecondsPerSecond < 0.5 || w.WaitSecondsPerSecond > 6 || w.ContentionsPerSecond < 10 {
			t.Errorf("%s: got %+v", name, w)
			continue
		}
		if w.Top[0].Function != "gumshoe/checks/profile.holdLock" || w.Top[0].SharePercent < 50 {
			t.Errorf("%s: got %+v", name, w.Top)
		}
	}
}

func TestPprofFails(t *testing.T) {
	in := func(url string, more ...any) map[string]any {
		inputs := map[string]any{"url": url, "window": "1s", "timeout": "10s"}
		for i := 0; i < len(more); i += 2 {
			inputs[more[i].(string)] = more[i+1]
		}
		return inputs
	}
	t.Run("another watches", func(t *testing.T) {
		_, url := start(t, "idles")
		begun := make(chan struct{})
		go func() { // what it is asked for keeps it busy until the test ends
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/debug/pprof/profile?seconds=30", http.NoBody)
			close(begun)
			if err == nil {
				var response *http.Response
				if response, err = http.DefaultClient.Do(request); err == nil {
					response.Body.Close()
				}
			}
		}()
		<-begun
		var o Pprof
		var seen engine.Observation
		for range 20 { // until the other request has arrived
			if o, seen = observe(t, in(url)); o.Outcome == Busy {
				break
			}
		}
		if o.Outcome != Busy || !checktest.HasUnread(seen, "cpu") || checktest.HasUnread(seen, "goroutines") || o.Goroutines.Count == 0 {
			t.Errorf("got %+v, %+v", o, seen.Unread)
		}
	})
	t.Run("not served", func(t *testing.T) {
		_, url := start(t, "idles")
		o, seen := observe(t, in(url+"/elsewhere"))
		if o.Outcome != NotFound || !checktest.HasUnread(seen, "heap") || seen.Status != engine.Partial {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("passwords", func(t *testing.T) {
		_, url := start(t, "guarded")
		if o, _ := observe(t, in(url, "user", "a", "password", "guess")); o.Outcome != reach.AuthFailed {
			t.Errorf("got %+v", o)
		}
		o, seen := observe(t, in(strings.Replace(url, "://", "://a:right@", 1), "profiles", []string{kindGoroutine}))
		if o.Outcome != reach.OK || o.Goroutines.Count == 0 || strings.Contains(fmt.Sprint(o, seen.Reproduce), "right") {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("paused and killed", func(t *testing.T) {
		server, url := start(t, "idles")
		server.Pause()
		if o, seen := observe(t, in(url, "timeout", "2s")); o.Outcome != reach.TimedOut || !checktest.HasUnread(seen, "cpu") {
			t.Errorf("got %+v", o)
		}
		server.Kill()
		if o, seen := observe(t, in(url)); o.Outcome != reach.RefusedByIt || !checktest.HasUnread(seen, "goroutines") || !checktest.HasUnread(seen, "connect_seconds") {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("a name that is none", func(t *testing.T) {
		d, err := New(nil).Pprof().Definition()
		if err != nil {
			t.Fatal(err)
		}
		decoded, _ := d.In.Decode(in("http://127.0.0.1:1", "profiles", []string{"cpuu"}))
		o := engine.Local("test")(t.Context(), engine.Request{Step: "step", Check: d, Input: decoded, Timeout: checktest.Timeout})
		if o.Output != nil || !strings.Contains(o.Reason, "cpuu") {
			t.Errorf("got %+v", o)
		}
	})
}

// TestPprofStrange: what answers serves no profiles.
func TestPprofStrange(t *testing.T) {
	answers := func(status int, body []byte) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if status == http.StatusFound {
				w.Header().Set("Location", "https://login.example.com/")
			}
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, tt := range []struct {
		name, url string
		want      reach.Outcome
		error     string
	}{
		{"page", answers(200, []byte("<html>hello</html>")), reach.ProtocolError, "cannot be read"},
		{"nothing", answers(200, nil), reach.ProtocolError, "empty"},
		{"packed garbage", answers(200, []byte("\x1f\x8b garbage")), reach.ProtocolError, "cannot be read"},
		{"bomb", answers(200, packed(t, make([]byte, 100<<20))), reach.ProtocolError, "more than 32 MiB"},
		{"another profile", answers(200, sampleProfile(t, "apples")), reach.ProtocolError, "no values of goroutine"},
		{"login page", answers(302, nil), Redirected, "login.example.com"},
		{"forbidden", answers(403, nil), reach.NoPermission, ""},
		{"broken", answers(500, []byte("oops\nstack")), Rejected, "status 500: oops"},
		{"closes", "http://" + checktest.Peer(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)); c.Close() }), reach.Closed, ""},
		{"greets", "http://" + checktest.Peer(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n") }), reach.ProtocolError, "HTTP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, seen := observe(t, map[string]any{"url": tt.url, "window": "1s", "timeout": "20s", "profiles": []string{kindGoroutine}})
			if o.Outcome != tt.want || !strings.Contains(o.Error, tt.error) || !checktest.HasUnread(seen, "goroutines") {
				t.Errorf("got %s: %s", o.Outcome, o.Error)
			}
		})
	}
}

func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sampleProfile is a profile of one sample with a value of a type.
func sampleProfile(t testing.TB, kind string) []byte {
	t.Helper()
	function := &profile.Function{ID: 1, Name: "main.f"}
	location := &profile.Location{ID: 1, Line: []profile.Line{{Function: function}}}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: kind, Unit: "count"}}, Function: []*profile.Function{function}, Location: []*profile.Location{location},
		Sample: []*profile.Sample{{Location: []*profile.Location{location}, Value: []int64{1}}},
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAgreesWithPprof holds the shares against those of go tool pprof.
func TestAgreesWithPprof(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heap.pb.gz")
	var b bytes.Buffer
	if err := pprof.Lookup("allocs").WriteTo(&b, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	goTool, err := exec.LookPath("go")
	checktest.Need(t, "go", err == nil)
	out, err := exec.CommandContext(t.Context(), goTool, "tool", "pprof", "-top", "-flat", "-sample_index=alloc_space", "-unit=bytes", "-nodefraction=0", "-nodecount=5", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	p, err := unpack(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	value, err := column(p, "alloc_space")
	if err != nil {
		t.Fatal(err)
	}
	_, by := sums(p, value, func(s *profile.Sample) string {
		var leaf place
		walk(s, func(at place) bool { leaf = at; return false })
		return leaf.function
	})
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	checked := 0
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasSuffix(fields[0], "B") || fields[0] == "B" {
			continue
		}
		name := strings.TrimSuffix(strings.Join(fields[5:], " "), " (inline)")
		if want := fmt.Sprint(by[name], "B"); !slices.Contains([]string{want, fmt.Sprintf("%dB", by[name])}, fields[0]) {
			t.Errorf("%s: pprof has %s, we %d", name, fields[0], by[name])
		}
		checked++
	}
	if checked == 0 {
		t.Errorf("nothing to compare with in %s", out)
	}
}

func TestOfProgram(t *testing.T) {
	for function, want := range map[string]bool{
		"main.main": true, "gumshoe/engine.(*Runner).Run": true, "github.com/a/b.F": true, "example.com/x.(*T[net/http.Request]).M": true,
		"runtime.mallocgc": false, "net/http.(*conn).serve": false, "sync.(*Mutex).Unlock": false, "internal/poll.runtime_pollWait": false,
		"slices.SortFunc[go.shape.[]example.com/x.T,go.shape.int]": false, "vendor/golang.org/x/net/http2.F": false, "unknown": false, "type:.eq.main.T": false,
	} {
		if got := ofProgram(function); got != want {
			t.Errorf("%s: got %t", function, got)
		}
	}
}

// TestCPUInterrupted: of a function that is interrupted just when it is sampled, the
// time is its own.
func TestCPUInterrupted(t *testing.T) {
	at := func(name string) *profile.Location {
		return &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}}
	}
	sample := func(count int64, names ...string) *profile.Sample {
		s := &profile.Sample{Value: []int64{count, count * 1e7}}
		for _, name := range names {
			s.Location = append(s.Location, at(name))
		}
		return s
	}
	l := &look{}
	if err := l.cpu(&profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples"}, {Type: "cpu"}}, DurationNanos: 1e9,
		Sample: []*profile.Sample{
			sample(60, "runtime.asyncPreempt", "main.work", "main.main"), sample(30, "main.work", "main.main"),
			sample(10, "runtime.gosched_m", "runtime.asyncPreempt2", "runtime.asyncPreempt", "main.main"),
		},
	}); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range l.CPU.Top {
		got[f.Function] = f.FlatPercent
	}
	if want := (map[string]float64{"main.work": 90, "runtime.gosched_m": 10, "runtime.asyncPreempt2": 0, "runtime.asyncPreempt": 0, "main.main": 0}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestJudge(t *testing.T) {
	a := webapi.Answer{Outcome: reach.OK, Status: 500, Body: []byte("Could not enable CPU profiling: cpu profiling already in use\n")}
	if outcome, _ := judge(a); outcome != Busy {
		t.Errorf("got %s", outcome)
	}
	a.Status, a.Body = 400, []byte("profile duration exceeds server's WriteTimeout\n") // as Go before 1.25 says
	if outcome, text := judge(a); outcome != Rejected || !strings.Contains(text, "WriteTimeout") {
		t.Errorf("got %s: %s", outcome, text)
	}
}

// FuzzUnpack: whatever is sent, it ends, and what passes can be measured.
func FuzzUnpack(f *testing.F) {
	f.Add(sampleProfile(f, "cpu"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(_ *testing.T, body []byte) {
		p, err := unpack(body)
		if err != nil {
			return
		}
		l := &look{call: &engine.Call{}, before: map[string]*profile.Profile{kindMutex: p}}
		_ = l.cpu(p) // that it ends is what is asked for
		_ = l.goroutines(p, p, 1)
		_ = l.heap(p, p, 1)
		_ = l.waits(&l.Mutex, kindMutex, p, 1)
	})
}

func BenchmarkHeap(b *testing.B) {
	var text bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&text, 0); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		p, err := unpack(text.Bytes())
		if err != nil {
			b.Fatal(err)
		}
		l := &look{}
		if err := l.heap(p, p, 1); err != nil {
			b.Fatal(err)
		}
	}
}
