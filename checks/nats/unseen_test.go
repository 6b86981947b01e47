package nats

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
// seen, on both of its ports, and partial when somebody else might be let in, or when
// only its monitoring port fails. Either way nothing is known of what was not seen.
func TestUnseen(t *testing.T) {
	t.Parallel()
	nobody := "127.0.0.1:" + strconv.Itoa(checktest.FreePort(t))
	silent := checktest.Peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	guarded := checktest.Peer(t, func(c net.Conn) {
		_, _ = io.WriteString(c, `INFO {"version":"2.10.22","auth_required":true}`+"\r\n")
		_, _ = c.Read(make([]byte, 2000))
		_, _ = io.WriteString(c, "-ERR 'Authorization Violation'\r\n")
		c.Close()
	})
	broken := checktest.Peer(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 2000))
		_, _ = io.WriteString(c, "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		c.Close()
	})
	for _, tt := range []struct {
		name             string
		address, monitor string
		want, monitored  reach.Outcome
		status           engine.StepStatus
	}{
		{"nobody", nobody, nobody, reach.RefusedByIt, reach.RefusedByIt, engine.Observed},
		{"silent", silent, silent, reach.TimedOut, reach.TimedOut, engine.Observed},
		{"without monitor", nobody, "", reach.RefusedByIt, "", engine.Observed},
		{"wrong password", guarded, "", reach.AuthFailed, "", engine.Partial},
		{"wrong password, no monitor", guarded, nobody, reach.AuthFailed, reach.RefusedByIt, engine.Partial},
		{"a monitor that fails", nobody, broken, reach.RefusedByIt, Rejected, engine.Partial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inputs := map[string]any{}
			if tt.monitor != "" {
				inputs["monitor"] = "http://" + tt.monitor
			}
			if tt.want == reach.TimedOut {
				inputs["timeout"] = "1s"
			}
			got, o := observe(t, tt.address, inputs)
			if got.Outcome != tt.want || got.Monitor.Outcome != tt.monitored || o.Status != tt.status {
				t.Errorf("got %s, %s, %s, %+v; want %s, %s, %s", got.Outcome, got.Monitor.Outcome, o.Status, o.Unread, tt.want, tt.monitored, tt.status)
			}
			wantUnread(t, o, "ping", "login_seconds", "streams", "clients", "window_seconds")
		})
	}
}
