package main

// Time servers of the test's own, whose clocks are ahead of this machine's: so
// its clock is wrong by their account, and nobody has to set it.

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/chronytest"
	"gumshoe/engine"
)

func TestRealClockSkew(t *testing.T) {
	needReal(t)
	same := func(answer []byte) []byte { return answer }
	for _, row := range []struct {
		name   string
		ahead  time.Duration
		change func([]byte) []byte
		want   string
		not    []string // look-alikes that must not be told
	}{
		{"five seconds behind", 5 * time.Second, same, "clock_wrong", []string{"whole_hours", "server_unfit", "jumps"}},
		{"two hours ahead", -2 * time.Hour, same, "whole_hours", []string{"server_unfit", "jumps"}},
		{"a silent server", 0, func([]byte) []byte { return nil }, "server_unfit", []string{"clock_wrong", "whole_hours"}},
		{"a kiss of death", 0, func(a []byte) []byte { a[1] = 0; copy(a[12:], "DENY"); return a }, "server_unfit", []string{"clock_wrong"}},
		{"a leap second", 0, func(a []byte) []byte { a[0] |= 0x40; return a }, "leap_second", []string{"clock_wrong", "server_unfit"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, exit := diagnose(t, "clock-skew", "server=127.0.0.1", fmt.Sprint("port=", checktest.TimeServer(t, row.ahead, row.change)))
			told := func(id string) bool {
				for _, h := range r.Hypotheses {
					if h.ID == id {
						return h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing
					}
				}
				t.Fatalf("there is no hypothesis %s", id)
				return false
			}
			if !told(row.want) || exit != exitFound {
				t.Errorf("%s is not told, exit status %d\n%s", row.want, exit, verdicts(r))
			}
			for _, id := range row.not {
				if told(id) {
					t.Errorf("%s is told\n%s", id, verdicts(r))
				}
			}
		})
	}
}

// A real time server that fails cannot be followed, and accuses the clock of nothing.
func TestRealClockServer(t *testing.T) {
	needReal(t)
	told := func(r *engine.Report, id string) bool {
		return slices.ContainsFunc(r.Hypotheses, func(h engine.HypothesisReport) bool {
			return h.ID == id && (h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing)
		})
	}
	server := chronytest.Start(t, chronytest.Serves()...)
	for _, row := range []struct {
		name  string
		fault func() *chronytest.Server
		unfit bool
	}{
		{"healthy", func() *chronytest.Server { return server }, false},
		{"stopped by a signal", func() *chronytest.Server { server.Pause(); return server }, true},
		{"ended", func() *chronytest.Server { server.Kill(); return server }, true},
		{"never synchronised", func() *chronytest.Server { return chronytest.Start(t, "allow") }, true},
		{"not for us", func() *chronytest.Server { return chronytest.Start(t, "local stratum 8", "allow 192.0.2.1") }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, exit := diagnose(t, "clock-skew", "server=127.0.0.1", fmt.Sprint("port=", row.fault().Port))
			if got := told(r, "server_unfit"); got != row.unfit || row.unfit && exit != exitFound || told(r, "clock_wrong") || told(r, "servers_disagree") {
				t.Errorf("server_unfit is told: %t, want %t; exit status %d\n%s", got, row.unfit, exit, verdicts(r))
			}
			if row.unfit {
				wantSubject(t, r, "server_unfit", "127.0.0.1")
			}
		})
	}
}

// A server that agrees with this machine's clock accuses nobody.
func TestRealClockRight(t *testing.T) {
	needReal(t)
	r, exit := diagnose(t, "clock-skew", "server=127.0.0.1", fmt.Sprint("port=", checktest.TimeServer(t, 0, nil)))
	for _, h := range r.Hypotheses {
		if h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictLikely {
			t.Errorf("%s is %s, exit status %d\n%s", h.ID, h.Verdict, exit, verdicts(r))
		}
	}
}
