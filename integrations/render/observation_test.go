package render_test

import (
	"bytes"
	"strings"
	"testing"

	"gumshoe/engine"
	"gumshoe/integrations/render"
)

// Fields that are unread for the same reason are told together.
func TestUnreadTogether(t *testing.T) {
	const reason, fix = "this host does not run systemd", "look at programs with host.process"
	o := engine.Observation{Status: engine.Partial, Target: "web-1"}
	for path := range strings.FieldsSeq("state total failed units jobs flapping masked init") {
		o.Unread = append(o.Unread, engine.Unread{Path: path, Reason: reason, Fix: fix})
	}
	o.Unread = append(o.Unread,
		engine.Unread{Path: "p50_seconds", Reason: "too few samples"}, engine.Unread{Path: "p95_seconds", Reason: "too few samples"},
		engine.Unread{Path: "rcode", Reason: "no answer"})
	var out bytes.Buffer
	if err := render.Observation(&out, "host.services", nil, o, render.Options{Width: 200}); err != nil {
		t.Fatal(err)
	}
	want := "  ? state, total, failed, units, jobs and 3 more are unread: " + reason + "\n    → " + fix + "\n" +
		"  ? p50_seconds, p95_seconds are unread: too few samples\n  ? rcode is unread: no answer\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s\nwant in it\n%s", out.String(), want)
	}
}

func TestListBlanks(t *testing.T) {
	var out bytes.Buffer
	list := []render.Listed{
		{Name: "down", Title: "Why is ${inputs.service} down?", From: "stock"},
		{Name: "odd", Title: "${upper(inputs.x)} and $${ of ${", From: "stock"},
	}
	if err := render.List(&out, list, render.Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if want := "down  Why is SERVICE down?\nodd   … and $${ of ${\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
