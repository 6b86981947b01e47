package postgres

import (
	"io"
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
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 500))
			_, _ = io.WriteString(c, text)
		}
	}
	fatal := func(code, text string) func(net.Conn) {
		fields := "SFATAL\x00VFATAL\x00C" + code + "\x00M" + text + "\x00\x00"
		return says("E\x00\x00\x00" + string(rune(4+len(fields))) + fields)
	}
	for _, tt := range []struct {
		name   string
		serve  func(net.Conn) // nil for nobody
		want   reach.Outcome
		status engine.StepStatus
	}{
		{"nobody", nil, reach.RefusedByIt, engine.Observed},
		{"silent", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, reach.TimedOut, engine.Observed},
		{"full", fatal("53300", "sorry, too many clients already"), reach.TooManyConnections, engine.Observed},
		{"starting", fatal("57P03", "the database system is starting up"), StartingUp, engine.Observed},
		{"wrong password", fatal("28P01", "password authentication failed"), reach.AuthFailed, engine.Partial},
		{"closes", says(""), reach.Closed, engine.Partial},
		{"no such database", fatal("3D000", "no such database"), UnknownDatabase, engine.Partial},
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
			got, o := observe(t, map[string]any{"address": address, "timeout": timeout, "window": "100ms", "tls": "off"})
			if got.Outcome != tt.want || o.Status != tt.status || !checktest.HasUnread(o, "connections") || !checktest.HasUnread(o, "locks") {
				t.Errorf("server: got %s, %s, %+v; want %s, %s", got.Outcome, o.Status, o.Unread, tt.want, tt.status)
			}
			pooler, o := checktest.Observe[Pooler](t, New(nil).Pooler(), map[string]any{"address": address, "timeout": timeout, "tls": "off"})
			want, status := tt.want, tt.status
			if want == UnknownDatabase { // what it does not have is its console: it is no PgBouncer
				want, status = NotPgBouncer, engine.Observed
			}
			if pooler.Outcome != want || o.Status != status || !checktest.HasUnread(o, "pools") {
				t.Errorf("pooler: got %s, %s, %+v; want %s, %s", pooler.Outcome, o.Status, o.Unread, want, status)
			}
		})
	}
}
