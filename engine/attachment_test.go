package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gumshoe/engine"
)

// memoryFile is a file that is kept in memory.
type memoryFile struct {
	name, text      string
	kept, discarded bool
	fail            error
}

func (f *memoryFile) Write(p []byte) (int, error) { f.text += string(p); return len(p), nil }
func (f *memoryFile) Keep() (string, error) {
	f.kept = f.fail == nil
	return "/kept/" + f.name, f.fail
}
func (f *memoryFile) Discard() error { f.discarded = !f.kept; return nil }

type attachInput struct{}

type attachOutput struct {
	// OK is set.
	OK bool `json:"ok" expr:"ok"`
}

// attach runs a check that does something with its call.
func attach(t *testing.T, keep func(string) (engine.File, error), do func(*engine.Call) error) engine.Observation {
	t.Helper()
	check := engine.Check[attachInput, attachOutput]{
		Name: "test.attach", Doc: "It attaches.", Cost: time.Second, Plan: func(attachInput) []engine.Touch { return nil },
		Summarize: func(attachOutput) string { return "" },
		Run: func(_ context.Context, call *engine.Call, _ attachInput) (attachOutput, error) {
			return attachOutput{true}, do(call)
		},
	}
	d, err := check.Definition()
	if err != nil {
		t.Fatal(err)
	}
	return engine.Local("here")(t.Context(), engine.Request{
		Step: "step", Check: d, Input: attachInput{}, Timeout: 30 * time.Second, Keep: keep, Masker: engine.NewMasker(engine.NewSecret("s3cret-word")),
	})
}

func TestAttach(t *testing.T) {
	var files []*memoryFile
	keep := func(name string) (engine.File, error) {
		files = append(files, &memoryFile{name: name})
		return files[len(files)-1], nil
	}
	o := attach(t, keep, func(call *engine.Call) error {
		w, err := call.Attach("a.txt", "the packets of s3cret-word")
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte("hello")); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if _, err := w.Write([]byte("late")); err == nil {
			t.Error("it could be written to after it was closed")
		}
		gone, err := call.Attach("b.txt", "gone")
		if err != nil {
			return err
		}
		if err := gone.Discard(); err != nil {
			return err
		}
		_, err = call.Attach("c.txt", "left open")
		return err
	})
	if o.Output == nil || len(files) != 3 {
		t.Fatalf("got %+v and %d files", o, len(files))
	}
	if len(o.Attachments) != 1 || o.Attachments[0].Path != "/kept/a.txt" || o.Attachments[0].Bytes != 5 || strings.Contains(o.Attachments[0].Title, "s3cret") {
		t.Errorf("got %+v, want a.txt with 5 bytes and no secret", o.Attachments)
	}
	if !files[0].kept || !files[1].discarded || !files[2].discarded {
		t.Errorf("got %+v %+v %+v; want the first kept, and the others discarded", files[0], files[1], files[2])
	}
}

func TestAttachWhereNothingIsKept(t *testing.T) {
	attach(t, nil, func(call *engine.Call) error {
		if _, err := call.Attach("a", "a"); !errors.Is(err, engine.ErrNotKept) {
			t.Errorf("got %v, want ErrNotKept", err)
		}
		return nil
	})
}

func TestAttachThatFails(t *testing.T) {
	full := errors.New("no space left on device")
	file := &memoryFile{name: "a", fail: full}
	o := attach(t, func(string) (engine.File, error) { return file, nil }, func(call *engine.Call) error {
		w, err := call.Attach("a", "a")
		if err != nil {
			return err
		}
		if err := w.Close(); !errors.Is(err, full) {
			t.Errorf("got %v, want %v", err, full)
		}
		return nil
	})
	if len(o.Attachments) != 0 || !file.discarded {
		t.Errorf("got %+v, %+v; want nothing attached, and the file discarded", o.Attachments, file)
	}
}

func TestAttachIsBounded(t *testing.T) {
	attach(t, func(string) (engine.File, error) { return &memoryFile{}, nil }, func(call *engine.Call) error {
		for range 4 {
			if _, err := call.Attach("a", "a"); err != nil {
				return err
			}
		}
		if _, err := call.Attach("a", "a"); err == nil {
			t.Error("a fifth file was taken")
		}
		return nil
	})
}

// TestAttachOfAStep: the files of a step are in its report, under the run's id.
func TestAttachOfAStep(t *testing.T) {
	var run, name string
	runner := &engine.Runner{Target: "here", NewID: func() string { return "RUN" }, Keep: func(r, n string) (engine.File, error) {
		run, name = r, n
		return &memoryFile{name: n}, nil
	}}
	runner.Observe = func(_ context.Context, request engine.Request) engine.Observation {
		f, err := request.Keep("p.pcapng")
		if err != nil {
			t.Error(err)
		}
		path, err := f.Keep()
		if err != nil {
			t.Error(err)
		}
		return engine.Observation{Status: engine.Failed, Reason: "so", Attachments: []engine.Attachment{{Title: "packets", Path: path, Bytes: 7}}}
	}
	book := (&fakes{}).book(t, "steps: { s: { check: fake.read } }\nhypotheses: { h: { title: So, weak: s.value > 1 } }\n")
	inputs, _ := book.Inputs.Resolve(nil)
	report := runner.Run(t.Context(), book, engine.Options{Inputs: inputs, All: true})
	if run != "RUN" || name != "s-p.pcapng" || report.Run != "RUN" {
		t.Errorf("got the run %q and the name %q, want RUN and one with the step's", run, name)
	}
	if len(report.Steps) != 1 || len(report.Steps[0].Attachments) != 1 || report.Steps[0].Attachments[0].Bytes != 7 {
		t.Errorf("got %+v, want the attachment in the step's report", report.Steps)
	}
}
