package mysql

import (
	"net"
	"strconv"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// TestUnseen: a look is complete when the server's own failure is why no more was
// seen, and partial when somebody else might be let in. Either way nothing is known
// of what was not seen.
func TestUnseen(t *testing.T) {
	t.Parallel()
	failing := func(code, text string) func(net.Conn) {
		return saying(string(rune(3+len(text))) + "\x00\x00\x00\xff" + code + text)
	}
	for _, tt := range []struct {
		name   string
		serve  func(net.Conn) // nil for nobody
		want   reach.Outcome
		status engine.StepStatus
	}{
		{"nobody", nil, reach.RefusedByIt, engine.Observed},
		{"silent", saying(""), reach.TimedOut, engine.Observed},
		{"full", failing("\x10\x04", "Too many connections"), reach.TooManyConnections, engine.Observed},
		{"wrong password", failing("\x15\x04", "Access denied"), reach.AuthFailed, engine.Partial},
		{"knows us as blocked", failing("\x69\x04", "Host 'x' is blocked"), HostBlocked, engine.Partial},
		{"closes", func(net.Conn) {}, reach.Closed, engine.Partial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := "127.0.0.1:" + strconv.Itoa(checktest.FreePort(t))
			if tt.serve != nil {
				address = peer(t, tt.serve)
			}
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, o := observe(t, map[string]any{"address": address, "timeout": timeout, "window": "100ms"})
			if got.Outcome != tt.want || o.Status != tt.status || !checktest.HasUnread(o, "connections") || !checktest.HasUnread(o, "locks") {
				t.Errorf("got %s, %s, %+v; want %s, %s", got.Outcome, o.Status, o.Unread, tt.want, tt.status)
			}
		})
	}
}
