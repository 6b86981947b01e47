package kafka

import (
	"strconv"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/kafka/kafkatest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// TestUnseen: a look is complete when the failure of all brokers is why no more was
// seen, or when there is no such topic or group, and partial when a client with SASL
// or TLS might be let in. Either way nothing is known of what was not seen.
func TestUnseen(t *testing.T) {
	t.Parallel()
	nobody := "127.0.0.1:" + strconv.Itoa(checktest.FreePort(t))
	closes := peer(t, "", true)
	for _, tt := range []struct {
		name    string
		brokers []string
		want    reach.Outcome
		status  engine.StepStatus
	}{
		{"nobody", []string{nobody}, reach.RefusedByIt, engine.Observed},
		{"silent", []string{peer(t, "", false)}, reach.TimedOut, engine.Observed},
		{"closes", []string{closes}, reach.Closed, engine.Partial},
		{"one of two closes", []string{nobody, closes}, reach.Closed, engine.Partial},
		{"no such topic and group", kafkatest.Start(t).Addresses[:1], reach.OK, engine.Observed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, o := observe(t, tt.brokers, map[string]any{"topic": "nothing", "group": "nobody", "timeout": timeout})
			if got.Outcome != tt.want || o.Status != tt.status {
				t.Errorf("got %s, %s, %+v; want %s, %s", got.Outcome, o.Status, o.Unread, tt.want, tt.status)
			}
			for _, field := range []string{"topic.partitions", "group.lag"} {
				if !checktest.HasUnread(o, field) {
					t.Errorf("%s passes for observed", field)
				}
			}
			if checktest.HasUnread(o, "brokers") != (tt.want != reach.OK) || checktest.HasUnread(o, "group.outcome") != (tt.want != reach.OK) {
				t.Errorf("unread: %+v", o.Unread)
			}
		})
	}
}
