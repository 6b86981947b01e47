package postgres

import (
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/postgres/postgrestest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func console(address, user string) map[string]any {
	return map[string]any{"address": address, "user": user, "password": engine.NewSecret(postgrestest.Password), "timeout": "10s"}
}

func TestPooler(t *testing.T) {
	s := postgrestest.Start(t)
	b := s.Bouncer(t, "default_pool_size = 1", "max_client_conn = 6")
	checktest.Run(t, New(nil).Pooler(), console(b.Address, postgrestest.Watcher))

	holder := postgrestest.Connect(t, b.Address, postgrestest.App, postgrestest.Database)
	holder.Do(t, "SELECT 1")
	got, o := checktest.Observe[Pooler](t, New(nil).Pooler(), console(b.Address, postgrestest.Watcher))
	if got.Outcome != reach.OK || got.Version != "1.18.0" || got.ClientsLimit != 6 || got.ClientsActive != 1 || got.ServersActive != 1 || got.PoolUsedPercent != 100 ||
		got.ClientsWaiting != 0 || len(got.Pools) != 1 || got.Pools[0].Size != 1 || len(got.Paused) != 0 || len(o.Unread) != 0 {
		t.Errorf("got %+v %+v", got, o.Unread)
	}

	// The probe of PostgreSQL goes through it too, and leaves nothing in the session.
	through := as(s, postgrestest.Watcher, "address", b.Address)
	if got, o := observe(t, through); got.Outcome != reach.OK || got.Connections.Limit != 100 || checktest.HasUnread(o, "activity") {
		t.Errorf("through the pooler: %+v %+v", got, o.Unread)
	}
	c := postgrestest.Connect(t, b.Address, postgrestest.Watcher, postgrestest.Database)
	if got := c.Do(t, "SHOW transaction_read_only"); got != "off" {
		t.Errorf("transaction_read_only is %s in a session that was looked through", got)
	}
	if got := c.Do(t, "SHOW statement_timeout"); got != "0" {
		t.Errorf("statement_timeout is %s in a session that was looked through", got)
	}
	c.Close()

	waiter := postgrestest.Wait(t, b.Address)
	for deadline := time.Now().Add(30 * time.Second); ; {
		got, _ = checktest.Observe[Pooler](t, New(nil).Pooler(), console(b.Address, postgrestest.Watcher))
		if got.ClientsWaiting > 0 && got.MaxWaitSeconds > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody waits: %+v", got)
		}
	}
	if got.ClientsWaiting != 1 || got.Pools[0].User != postgrestest.App || got.Pools[0].ClientsWaiting != 1 || got.Pools[0].Mode != "session" {
		t.Errorf("got %+v", got)
	}
	waiter.Close()
	holder.Close()

	for _, tt := range []struct {
		name, user, password string
		want                 reach.Outcome
	}{
		{"not of stats_users", postgrestest.App, postgrestest.Password, reach.NoPermission},
		{"wrong password", postgrestest.Watcher, "wrong-but-secret", reach.AuthFailed},
		{"nobody", "nobody", postgrestest.Password, reach.AuthFailed},
	} {
		in := console(b.Address, tt.user)
		in["password"] = engine.NewSecret(tt.password)
		got, o := checktest.Observe[Pooler](t, New(nil).Pooler(), in)
		if got.Outcome != tt.want || got.Error == "" || !checktest.HasUnread(o, "pools") {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}

	if got, o := checktest.Observe[Pooler](t, New(nil).Pooler(), console(s.Address, postgrestest.Watcher)); got.Outcome != NotPgBouncer || !checktest.HasUnread(o, "pools") {
		t.Errorf("PostgreSQL itself: got %+v", got)
	}

	in := console(b.Address, postgrestest.Watcher)
	b.Pause()
	in["timeout"] = "1s"
	if got, _ := checktest.Observe[Pooler](t, New(nil).Pooler(), in); got.Outcome != reach.TimedOut || !got.Connected || got.Answered {
		t.Errorf("paused: got %+v", got)
	}
	b.Resume()
	b.Kill()
	in["timeout"] = "10s"
	if got, _ := checktest.Observe[Pooler](t, New(nil).Pooler(), in); got.Outcome != reach.RefusedByIt {
		t.Errorf("stopped: got %+v", got)
	}
}
