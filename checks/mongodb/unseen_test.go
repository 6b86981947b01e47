package mongodb

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
	stopping, guarded := newFake(t), newFake(t)
	stopping.says("hello", refusal(11600, "interrupted at shutdown"))
	guarded.password = "secret"
	for _, tt := range []struct {
		name    string
		address string
		tls     string
		want    reach.Outcome
		status  engine.StepStatus
	}{
		{"nobody", "127.0.0.1:" + strconv.Itoa(checktest.FreePort(t)), "off", reach.RefusedByIt, engine.Observed},
		{"silent", checktest.Peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "off", reach.TimedOut, engine.Observed},
		{"silent, with TLS", checktest.Peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "on", reach.TimedOut, engine.Observed},
		{"stopping", stopping.address, "off", NotReady, engine.Observed},
		{"wrong password", guarded.address, "off", reach.AuthFailed, engine.Partial},
		{"closes", checktest.Peer(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 2000)); c.Close() }), "off", reach.Closed, engine.Partial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, o := observe(t, to(tt.address, "user", "gumshoe", "password", engine.NewSecret("wrong"), "tls", tt.tls, "timeout", timeout))
			if got.Outcome != tt.want || o.Status != tt.status || !checktest.HasUnread(o, "connections") || !checktest.HasUnread(o, "lag_seconds") {
				t.Errorf("got %s, %s, %+v; want %s, %s", got.Outcome, o.Status, o.Unread, tt.want, tt.status)
			}
		})
	}
}
