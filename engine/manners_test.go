package engine_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gumshoe/engine"
)

type politeIn struct {
	At     string        `json:"at"`
	Query  string        `json:"query"`
	Pass   engine.Secret `json:"pass"`
	Takes  time.Duration `json:"takes"`
	Broken bool          `json:"broken"`
}

type politeOut struct {
	Look int64  `json:"look" expr:"look"`
	Text string `json:"text" expr:"text"`
}

// politely gives a polite observer of a check that counts its looks, and how many
// went on at once.
func politely(t *testing.T, risk engine.Risk, pressure func() string) (look func(context.Context, politeIn, ...engine.Secret) engine.Observation, looks, most *atomic.Int64) {
	t.Helper()
	var running atomic.Int64
	looks, most = new(atomic.Int64), new(atomic.Int64)
	d, err := engine.Check[politeIn, politeOut]{
		Name: "fake.polite", Doc: "Counts.", Cost: time.Second, Risk: risk,
		Plan:      func(politeIn) []engine.Touch { return nil },
		Target:    func(in politeIn) string { return in.At },
		Summarize: func(politeOut) string { return "seen" },
		Run: func(_ context.Context, call *engine.Call, in politeIn) (politeOut, error) {
			n := looks.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(in.Takes)
			call.Excerpt("raw", "hunter22")
			if in.Broken {
				return politeOut{}, engine.Blind("broken", "mend it", nil)
			}
			return politeOut{Look: n, Text: "hunter22"}, nil
		},
	}.Definition()
	if err != nil {
		t.Fatal(err)
	}
	m := engine.NewManners(engine.Local("here"), pressure)
	return func(ctx context.Context, in politeIn, secrets ...engine.Secret) engine.Observation {
		return m.Observe(ctx, engine.Request{Check: d, Input: in, Timeout: 20 * time.Second, Masker: engine.NewMasker(secrets...)})
	}, looks, most
}

func TestMannersOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		look, looks, most := politely(t, engine.Read, nil)
		var wait sync.WaitGroup
		for _, query := range []string{"a", "b", "c"} {
			wait.Go(func() { look(t.Context(), politeIn{At: "db:1", Query: query, Takes: time.Second}) })
		}
		wait.Go(func() { look(t.Context(), politeIn{At: "db:2", Takes: 5 * time.Second}) })
		wait.Wait()
		if looks.Load() != 4 || most.Load() != 2 {
			t.Errorf("%d looks, at most %d at once: want 4, one at each of two targets", looks.Load(), most.Load())
		}
		wait.Go(func() { look(t.Context(), politeIn{At: "db:3", Takes: 15 * time.Second}) })
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if o := look(ctx, politeIn{At: "db:3"}); o.Status != engine.Failed {
			t.Errorf("a run that is ended while it waits: %s", o.Status)
		}
		wait.Wait()
	})
}

func TestMannersShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		look, looks, _ := politely(t, engine.Read, nil)
		same := politeIn{At: "db:1", Query: "a", Pass: engine.NewSecret("one"), Takes: time.Second}
		var wait sync.WaitGroup
		shared := new(atomic.Int64)
		for range 3 {
			wait.Go(func() {
				if o := look(t.Context(), same); o.Shared && o.Output.(politeOut).Look == 1 {
					shared.Add(1)
				}
			})
		}
		wait.Wait()
		if looks.Load() != 1 || shared.Load() != 2 {
			t.Errorf("%d looks, %d shared: want one look that two others share", looks.Load(), shared.Load())
		}
		time.Sleep(engine.FreshFor - time.Second)
		if o := look(t.Context(), same); !o.Shared {
			t.Error("what was just seen is looked at again")
		}
		other := same
		other.Pass = engine.NewSecret("two")
		if o := look(t.Context(), other); o.Shared {
			t.Error("what was seen with one password is given for another")
		}
		time.Sleep(2 * time.Second)
		if o := look(t.Context(), same); o.Shared {
			t.Error("what was seen long ago is taken for fresh")
		}
		broken := politeIn{At: "db:2", Broken: true}
		if look(t.Context(), broken); look(t.Context(), broken).Shared {
			t.Error("a look that failed is shared")
		}
	})
}

// TestMannersMask: what one run saw has the secrets of the run that is given it
// blotted out.
func TestMannersMask(t *testing.T) {
	look, _, _ := politely(t, engine.Read, nil)
	in := politeIn{At: "db:1"}
	look(t.Context(), in)
	o := look(t.Context(), in, engine.NewSecret("hunter22"))
	if !o.Shared || o.Output.(politeOut).Text != "REDACTED" || o.Excerpts[0].Text != "REDACTED" {
		t.Errorf("shared %t: %+v, %v", o.Shared, o.Output, o.Excerpts)
	}
	if o := look(t.Context(), in); !o.Shared || o.Output.(politeOut).Text != "hunter22" {
		t.Errorf("what is shared was changed: %+v", o.Output)
	}
}

func TestMannersRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		look, looks, _ := politely(t, engine.Read, nil)
		ask := func(query string) engine.Observation {
			return look(t.Context(), politeIn{At: "db:1", Query: query})
		}
		for i := range engine.LooksPerMinute {
			ask(string(rune('a' + i)))
		}
		if o := ask("x"); o.Status != engine.Skipped || o.Fix != "run it again in 61 seconds" {
			t.Errorf("the seventh look in a minute: %s (%s, %s)", o.Status, o.Reason, o.Fix)
		}
		time.Sleep(50 * time.Second)
		started := time.Now()
		if o := ask("x"); o.Status != engine.Observed || time.Since(started) != 10*time.Second {
			t.Errorf("50 seconds later: %s after %s, want an observation after 10s", o.Status, time.Since(started))
		}
		if o := ask("y"); o.Status != engine.Observed || looks.Load() != engine.LooksPerMinute+2 {
			t.Errorf("a minute later: %s, %d looks", o.Status, looks.Load())
		}
		time.Sleep(3 * time.Minute) // all is forgotten
		if o := ask("x"); o.Status != engine.Observed {
			t.Errorf("later: %s", o.Status)
		}
	})
}

func TestMannersPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quietAt := time.Now().Add(5 * time.Second)
		pressure := func() string {
			if time.Now().Before(quietAt) {
				return "processors"
			}
			return ""
		}
		look, _, _ := politely(t, engine.Load, pressure)
		if o := look(t.Context(), politeIn{}); o.Status != engine.Observed || time.Now().Before(quietAt) {
			t.Errorf("%s after %s: it did not wait", o.Status, o.Started)
		}
		quietAt = time.Now().Add(time.Hour)
		if o := look(t.Context(), politeIn{At: "db:1"}); o.Status != engine.Skipped || o.Fix == "" {
			t.Errorf("under pressure all the time: %s (%s)", o.Status, o.Reason)
		}
		read, _, _ := politely(t, engine.Read, pressure)
		if o := read(t.Context(), politeIn{}); o.Status != engine.Observed {
			t.Errorf("what adds no load: %s (%s)", o.Status, o.Reason)
		}
	})
}

// TestMannersStorm: many runs at once look at each target once.
func TestMannersStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		look, looks, _ := politely(t, engine.Read, nil)
		var wait sync.WaitGroup
		targets := []string{"a:1", "b:1", "c:1"}
		for _, at := range slices.Repeat(targets, 20) {
			wait.Go(func() { look(t.Context(), politeIn{At: at, Takes: time.Second}) })
		}
		wait.Wait()
		if looks.Load() != int64(len(targets)) {
			t.Errorf("%d looks at %d targets", looks.Load(), len(targets))
		}
	})
}
