package rabbitmq

import (
	"strconv"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// TestUnseen: a look is complete when the broker's own failure is why no more was
// seen, on both of its ports, and partial when somebody else might be let in, or when
// only its management API fails. Either way nothing is known of what was not seen.
func TestUnseen(t *testing.T) {
	t.Parallel()
	nobody := "127.0.0.1:" + strconv.Itoa(checktest.FreePort(t))
	silent, closes := peer(t, "", false), peer(t, "", true)
	stranger := peer(t, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", true)
	for _, tt := range []struct {
		name                string
		address, management string
		want, managed       reach.Outcome
		status              engine.StepStatus
	}{
		{"nobody", nobody, nobody, reach.RefusedByIt, reach.RefusedByIt, engine.Observed},
		{"silent", silent, silent, reach.TimedOut, reach.TimedOut, engine.Observed},
		{"without the management API", nobody, "", reach.RefusedByIt, "", engine.Observed},
		{"closes, without the management API", closes, "", reach.Closed, "", engine.Partial},
		{"closes", closes, nobody, reach.Closed, reach.RefusedByIt, engine.Partial},
		{"no management for us", nobody, stranger, reach.RefusedByIt, reach.AuthFailed, engine.Partial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inputs := map[string]any{"address": tt.address, "timeout": "10s"}
			if tt.management != "" {
				inputs["management"] = "http://" + tt.management
			}
			if tt.want == reach.TimedOut {
				inputs["timeout"] = "1s"
			}
			got, o := checktest.Observe[Server](t, New(nil).Server(), inputs)
			if got.Outcome != tt.want || got.ManagementOutcome != tt.managed || o.Status != tt.status {
				t.Errorf("got %s, %s, %s, %+v; want %s, %s, %s", got.Outcome, got.ManagementOutcome, o.Status, o.Unread, tt.want, tt.managed, tt.status)
			}
			for _, field := range []string{"login_seconds", "version", "queues", "memory_alarm"} {
				if !checktest.HasUnread(o, field) {
					t.Errorf("%s passes for observed", field)
				}
			}
		})
	}
}
