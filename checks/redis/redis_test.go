package redis

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/checks/redis/redistest"
	"gumshoe/engine"
)

// observe looks at an address, quickly unless told otherwise.
func observe(t testing.TB, address string, more map[string]any) (Server, engine.Observation) {
	t.Helper()
	inputs := map[string]any{"address": address, "window": "200ms", "timeout": "10s"}
	maps.Copy(inputs, more)
	return checktest.Observe[Server](t, New(nil).Server(), inputs)
}

func wantOutcome(t *testing.T, o Server, want reach.Outcome, said string) {
	t.Helper()
	if o.Outcome != want || !strings.Contains(o.Error, said) {
		t.Errorf("got %q, %q, want %q with %q", o.Outcome, o.Error, want, said)
	}
}

func wantUnread(t *testing.T, o engine.Observation, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if !checktest.HasUnread(o, path) {
			t.Errorf("%s is not unread", path)
		}
	}
}

func TestServerConforms(t *testing.T) {
	s := redistest.Start(t)
	checktest.Run(t, New(nil).Server(), map[string]any{"address": s.Address, "window": "200ms"})
}

// TestServer compares what is observed with what the server's own client says.
func TestServer(t *testing.T) {
	s := redistest.Start(t, "maxmemory 100mb", "maxmemory-policy allkeys-lru", "maxclients 500", "latency-monitor-threshold 1")
	c := s.Client(t)
	for i := range 50 {
		c.Do(t, "SET", fmt.Sprint("key:", i), strings.Repeat("x", 1000))
	}
	c.Do(t, "SET", "gone", "x", "EX", "1000")
	o, seen := observe(t, s.Address, map[string]any{"window": "1s"})
	cli, err := exec.Command("redis-cli", "-p", fmt.Sprint(s.Port), "info", "all").Output()
	checktest.Need(t, "the program redis-cli", err == nil)
	said := parseInfo(string(cli))
	for _, tt := range []struct {
		field string
		got   any
		want  string
	}{
		{"redis_version", o.Version, said["redis_version"]},
		{"redis_mode", o.Mode, said["redis_mode"]},
		{"role", o.Role, said["role"]},
		{"maxmemory", o.Memory.LimitBytes, said["maxmemory"]},
		{"maxmemory_policy", o.Memory.Policy, said["maxmemory_policy"]},
		{"total_system_memory", o.Memory.HostTotalBytes, said["total_system_memory"]},
		{"maxclients", o.Clients.Limit, said["maxclients"]},
		{"connected_clients", o.Clients.Connected, said["connected_clients"]},
		{"rejected_connections", o.Clients.RejectedTotal, said["rejected_connections"]},
		{"rdb_changes_since_last_save", o.Persistence.ChangesSinceSave, said["rdb_changes_since_last_save"]},
		{"sync_full", o.Replication.FullSyncsTotal, said["sync_full"]},
		{"keys", o.Keys, pairs(said["db0"])["keys"]},
	} {
		if fmt.Sprint(tt.got) != tt.want || tt.want == "" {
			t.Errorf("%s is %v, redis-cli says %q", tt.field, tt.got, tt.want)
		}
	}
	if used, _ := said.float("used_memory"); o.Memory.UsedBytes == 0 || used/float64(o.Memory.UsedBytes) > 1.5 || used/float64(o.Memory.UsedBytes) < 0.6 {
		t.Errorf("used_bytes is %d, redis-cli says %v", o.Memory.UsedBytes, used)
	}
	if want := 100 * float64(o.Memory.UsedBytes) / (100 << 20); o.Memory.UsedPercent < 0.9*want || o.Memory.UsedPercent > want {
		t.Errorf("used_percent is %v, want about %v", o.Memory.UsedPercent, want)
	}
	if o.Outcome != reach.OK || o.Error != "" || o.Product != "redis" || !o.Connected || o.RemoteAddress != s.Address {
		t.Errorf("got %+v", o)
	}
	if o.Ping.Samples < 2 || o.Ping.MinSeconds <= 0 || o.Ping.MeanSeconds < o.Ping.MinSeconds || o.Ping.MaxSeconds < o.Ping.MeanSeconds {
		t.Errorf("the pings are %+v", o.Ping)
	}
	if o.WindowSeconds < 0.99 || o.UptimeSeconds > 60 || o.Throughput.OpsPerSecond != 0 || o.BusiestCommand != "" || len(o.Commands) > 0 {
		t.Errorf("an idle server: window %v, uptime %v, %v ops/s, commands %+v", o.WindowSeconds, o.UptimeSeconds, o.Throughput.OpsPerSecond, o.Commands)
	}
	if len(o.Keyspace) != 1 || o.Keyspace[0] != (Database{DB: 0, Keys: 51, Expires: 1}) {
		t.Errorf("the keyspace is %+v", o.Keyspace)
	}
	if len(seen.Unread) > 0 {
		t.Errorf("unread: %+v", seen.Unread)
	}
	// The look was one connection.
	if n, _ := said.int("total_connections_received"); n != 4 { // those of Start, this test, the look, and redis-cli
		t.Errorf("%d connections were made", n)
	}
}

// TestName: whoever looks at the server's clients sees who we are.
func TestName(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client(t)
	found := make(chan bool, 1)
	go func() {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			if list, err := c.Try("CLIENT", "LIST"); err != nil || strings.Contains(list, "name=gumshoe") {
				found <- err == nil
				return
			}
		}
		found <- false
	}()
	observe(t, s.Address, map[string]any{"window": "1s"})
	if !<-found {
		t.Error("nobody is called gumshoe")
	}
}

func TestUnreachable(t *testing.T) {
	s := redistest.Start(t)
	s.Stop()
	o, seen := observe(t, s.Address, nil)
	wantOutcome(t, o, reach.RefusedByIt, "")
	wantUnread(t, seen, "connect_seconds", "remote_address", "login_seconds", "ping", "memory", "clients", "slow_log", "latency_events", "window_seconds")
	if o.Connected {
		t.Error("connected to nothing")
	}
}

func TestHung(t *testing.T) {
	s := redistest.Start(t)
	s.Pause()
	o, seen := observe(t, s.Address, map[string]any{"timeout": "1s"})
	wantOutcome(t, o, reach.TimedOut, "")
	wantUnread(t, seen, "ping", "memory", "login_seconds")
	if !o.Connected || checktest.HasUnread(seen, "connect_seconds") {
		t.Error("the kernel accepts connections for a program that hangs")
	}
	s.Resume()
	if o, _ := observe(t, s.Address, nil); o.Outcome != reach.OK {
		t.Errorf("resumed: got %q", o.Outcome)
	}
}

// TestEndsInTheWindow: what was seen before it is kept.
func TestEndsInTheWindow(t *testing.T) {
	s := redistest.Start(t, "maxmemory 100mb")
	c := s.Client(t)
	go func() {
		c.WaitFor(t, "connected_clients", func(n string) bool { return n == "2" })
		c.WaitFor(t, "cmdstat_ping", func(text string) bool { n, _ := pairs(text).int("calls"); return n > 2 })
		s.Pause()
	}()
	o, seen := observe(t, s.Address, map[string]any{"window": "2s", "timeout": "2s"})
	wantOutcome(t, o, reach.TimedOut, "after the first reading")
	wantUnread(t, seen, "ping", "throughput", "cpu", "commands", "slow_log")
	if checktest.HasUnread(seen, "memory") || o.Memory.LimitBytes != 100<<20 || o.Clients.Connected != 2 {
		t.Errorf("the first reading is lost: %+v", o)
	}
}

func TestLogin(t *testing.T) {
	s := redistest.Start(t, "requirepass right", "user app on >secret-of-app ~* +@all", "user poor on >poorly ~* -@all +ping +client|setname",
		"user gumshoe on >enough -@all +ping +info +select +client|setname +slowlog|get +latency|latest +config|get +cluster|info",
		"user mute on >mutely -@all +info", "user off off >offline")
	open := redistest.Start(t, "rename-command SLOWLOG \"\"")
	hidden := redistest.Start(t, `rename-command INFO ""`)
	for _, tt := range []struct {
		name   string
		at     string
		inputs map[string]any
		want   reach.Outcome
		said   string
		unread []string // no more, no less; nil: whatever
	}{
		{"right", s.Address, map[string]any{"password": "right"}, reach.OK, "", []string{"latency_events"}},
		{"none", s.Address, nil, reach.AuthFailed, "NOAUTH", nil},
		{"wrong", s.Address, map[string]any{"password": "wrong"}, reach.AuthFailed, "WRONGPASS", nil},
		{"unknown user", s.Address, map[string]any{"username": "who", "password": "right"}, reach.AuthFailed, "WRONGPASS", nil},
		{"disabled user", s.Address, map[string]any{"username": "off", "password": "offline"}, reach.AuthFailed, "WRONGPASS", nil},
		{"a user", s.Address, map[string]any{"username": "app", "password": "secret-of-app"}, reach.OK, "", []string{"latency_events"}},
		{"no password is needed", open.Address, map[string]any{"password": "right"}, reach.AuthFailed, "without any password", nil},
		{"as documented", s.Address, map[string]any{"username": "gumshoe", "password": "enough"}, reach.OK, "", []string{"latency_events"}},
		{"without INFO", s.Address, map[string]any{"username": "poor", "password": "poorly"}, reach.NoPermission, "info", nil},
		{"without PING", s.Address, map[string]any{"username": "mute", "password": "mutely"}, reach.OK, "ping", []string{"clients.limit", "latency_events", "latency_monitored", "persistence.save_points", "slow_log"}},
		{"no slow log", open.Address, nil, reach.OK, "", []string{"latency_events", "slow_log"}},
		{"INFO renamed", hidden.Address, nil, reach.NoPermission, "unknown command", nil},
		{"no such database", open.Address, map[string]any{"db": 99}, NoSuchDatabase, "out of range", nil},
		{"another database", open.Address, map[string]any{"db": 9}, reach.OK, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, seen := observe(t, tt.at, tt.inputs)
			wantOutcome(t, o, tt.want, tt.said)
			var unread []string
			for _, u := range seen.Unread {
				unread = append(unread, u.Path)
				if u.Fix == "" && (tt.want == reach.NoPermission && u.Path == "memory") {
					t.Errorf("%s without a fix: %s", u.Path, u.Reason)
				}
			}
			slices.Sort(unread)
			unread = slices.DeleteFunc(unread, func(path string) bool {
				return path == "slow_log.threshold_seconds" || path == "clients.used_percent" && tt.name == "without PING"
			})
			if tt.unread != nil && !slices.Equal(unread, tt.unread) && !(tt.name == "without PING" && slices.Equal(unread, tt.unread[1:])) {
				t.Errorf("unread %v, want %v", unread, tt.unread)
			}
			if tt.want == reach.NoPermission {
				wantUnread(t, seen, "memory", "clients", "slow_log")
				if o.Ping.Samples == 0 || checktest.HasUnread(seen, "ping") {
					t.Error("the pings are lost")
				}
			}
			if text, _ := json.Marshal(seen); tt.inputs["password"] != nil && strings.Contains(string(text), fmt.Sprintf("%q", tt.inputs["password"])) {
				t.Errorf("the password is in the observation: %s", text)
			}
		})
	}
}

func TestTooManyClients(t *testing.T) {
	s := redistest.Start(t, "maxclients 3")
	c := s.Client(t)
	s.Client(t).Do(t, "PING")
	o, _ := observe(t, s.Address, nil)
	if wantOutcome(t, o, reach.OK, ""); o.Clients.UsedPercent != 100 || o.Clients.Limit != 3 {
		t.Errorf("got %+v", o.Clients)
	}
	// The one that has just ended may still be counted.
	c.WaitFor(t, "connected_clients", func(n string) bool { return n == "2" })
	s.Client(t).Do(t, "PING")
	o, seen := observe(t, s.Address, nil)
	wantOutcome(t, o, reach.TooManyConnections, "max number of clients")
	wantUnread(t, seen, "memory", "ping")
	if n := c.Info(t, "rejected_connections"); n != "1" {
		t.Errorf("%s were rejected", n)
	}
	o, _ = observe(t, s.Address, map[string]any{"password": "x"})
	wantOutcome(t, o, reach.TooManyConnections, "max number of clients")
}

func TestMemoryLimit(t *testing.T) {
	for _, policy := range []string{"noeviction", "allkeys-lru"} {
		t.Run(policy, func(t *testing.T) {
			s := redistest.Start(t, "maxmemory 4mb", "maxmemory-policy "+policy)
			c := s.Client(t)
			for i := range 6000 {
				_, _ = c.Try("SET", fmt.Sprint("key:", i), strings.Repeat("x", 1000))
			}
			s.Repeat(t, "EVAL", "redis.call('SET', KEYS[1] .. math.random(), string.rep('x', 1000))", "1", "key:")
			o, _ := observe(t, s.Address, map[string]any{"window": "1s"})
			wantOutcome(t, o, reach.OK, "")
			if o.Memory.Policy != policy || o.Memory.UsedPercent < 80 {
				t.Errorf("got %+v", o.Memory)
			}
			if evicts := policy != "noeviction"; (o.Memory.EvictedKeysPerSecond > 0) != evicts || (o.Memory.EvictedKeysTotal > 0) != evicts ||
				(o.Memory.OOMRejections > 0) == evicts || (o.Memory.OOMRejectionsTotal > 0) == evicts {
				t.Errorf("got %+v", o.Memory)
			}
		})
	}
}

func TestSlowCommands(t *testing.T) {
	s := redistest.Start(t, "slowlog-log-slower-than 5000", "latency-monitor-threshold 5")
	c := s.Client(t)
	c.Do(t, "CLIENT", "SETNAME", "reports")
	c.Do(t, "EVAL", "for i = 1, 20000 do redis.call('SADD', KEYS[1], 'member' .. i) end", "1", "sessions:4711:open")
	c.Do(t, "EVAL", "for i = 1, 50000 do redis.call('SET', 'user:' .. i, 'x') end", "0")
	s.Repeat(t, "EVAL", "for i = 1, 20 do redis.call('SMEMBERS', KEYS[1]) end return 'secret'", "1", "sessions:4711:open")
	o, _ := observe(t, s.Address, map[string]any{"window": "1s"})
	wantOutcome(t, o, reach.OK, "")
	if o.BusiestCommand != "eval" || o.Commands[0].BusyPercent < 50 || o.Commands[0].MeanSeconds < 0.005 || o.CPU.CommandsPercent < 50 {
		t.Errorf("got %q, %+v, %+v", o.BusiestCommand, o.Commands, o.CPU)
	}
	if o.SlowLog.New == 0 || o.SlowLog.Count < o.SlowLog.New || o.SlowLog.ThresholdSeconds != 0.005 || len(o.SlowLog.Commands) == 0 {
		t.Fatalf("got %+v", o.SlowLog)
	}
	if slow := o.SlowLog.Commands[0]; slow.Command != "eval" || slow.Key != "sessions:*:open" || slow.SlowestSeconds <= 0 || !strings.HasPrefix(slow.Client, "127.0.0.1:") {
		t.Errorf("got %+v", slow)
	}
	if !slices.ContainsFunc(o.SlowLog.Commands, func(c SlowCommand) bool { return strings.HasSuffix(c.Client, "(reports)") }) {
		t.Errorf("no client is named: %+v", o.SlowLog.Commands)
	}
	if len(o.LatencyEvents) == 0 || o.LatencyEvents[0].MaxSeconds < 0.005 || o.LatencyEvents[0].AgeSeconds > 60 {
		t.Errorf("the latency monitor saw %+v", o.LatencyEvents)
	}
	if o.Ping.MaxSeconds < 0.003 {
		t.Errorf("the slowest ping took %v s", o.Ping.MaxSeconds)
	}
	// What is older than since is not counted.
	if o, _ := observe(t, s.Address, map[string]any{"since": "1s"}); o.SlowLog.Count > 128 {
		t.Errorf("%d entries", o.SlowLog.Count)
	}
}

// TestSlowCommandsOff: an empty list says nothing when nobody keeps it.
func TestSlowCommandsOff(t *testing.T) {
	s := redistest.Start(t, "slowlog-log-slower-than -1")
	_, seen := observe(t, s.Address, nil)
	wantUnread(t, seen, "slow_log", "latency_events")
}

func TestBusyScript(t *testing.T) {
	s := redistest.Start(t, "busy-reply-threshold 50")
	c := s.Client(t)
	if err := c.Send("EVAL", "while true do end", "0"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		o, seen := observe(t, s.Address, nil)
		if o.Outcome == Busy {
			wantOutcome(t, o, Busy, "BUSY")
			wantUnread(t, seen, "memory")
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q", o.Outcome)
		}
	}
}

func TestBlockedClients(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client(t)
	for range 3 {
		if err := s.Client(t).Send("BLPOP", "jobs", "0"); err != nil {
			t.Fatal(err)
		}
	}
	c.WaitFor(t, "blocked_clients", func(n string) bool { return n == "3" })
	if o, _ := observe(t, s.Address, nil); o.Clients.Blocked != 3 || o.Clients.Connected != 5 {
		t.Errorf("got %+v", o.Clients)
	}
}

func TestReplication(t *testing.T) {
	master := redistest.Start(t, "repl-diskless-sync-delay 0")
	replica := redistest.Start(t, fmt.Sprintf("replicaof 127.0.0.1 %d", master.Port))
	c := replica.Client(t)
	c.WaitFor(t, "master_link_status", func(status string) bool { return status == "up" })
	master.Client(t).WaitFor(t, "slave0", func(text string) bool { return pairs(text)["state"] == "online" })
	o, _ := observe(t, master.Address, nil)
	if o.Role != "master" || o.Replication.ConnectedReplicas != 1 || len(o.Replication.Replicas) != 1 || o.Replication.FullSyncsTotal != 1 {
		t.Fatalf("the master has %+v", o.Replication)
	}
	if r := o.Replication.Replicas[0]; r.Address != replica.Address || r.State != "online" || r.LagSeconds > 10 {
		t.Errorf("the replica is %+v", r)
	}
	o, _ = observe(t, replica.Address, nil)
	if o.Role != "replica" || o.Replication.LinkDown || o.Replication.MasterAddress != master.Address {
		t.Errorf("the replica has %+v", o.Replication)
	}
	// A replica that does not read falls behind.
	replica.Pause()
	writer := master.Client(t)
	for range 100 {
		writer.Do(t, "SET", "key", strings.Repeat("x", 1000))
	}
	if o, _ = observe(t, master.Address, nil); o.Replication.Replicas[0].LagBytes < 90_000 {
		t.Errorf("the paused replica has %+v", o.Replication.Replicas)
	}
	replica.Resume()
	master.Stop()
	c.WaitFor(t, "master_link_status", func(status string) bool { return status == "down" })
	o, _ = observe(t, replica.Address, nil)
	if wantOutcome(t, o, reach.OK, ""); !o.Replication.LinkDown || o.Role != "replica" {
		t.Errorf("without a master the replica has %+v", o.Replication)
	}
	c.Do(t, "CONFIG", "SET", "replica-serve-stale-data", "no")
	o, seen := observe(t, replica.Address, nil)
	if wantOutcome(t, o, MasterDown, "MASTERDOWN"); !o.Replication.LinkDown || checktest.HasUnread(seen, "replication") {
		t.Errorf("the replica has %+v", o.Replication)
	}
}

func TestSaveFails(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	s := redistest.Start(t, "save 3600 1", "dir "+gone)
	c := s.Client(t)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	c.Do(t, "SET", "a", "b")
	c.Do(t, "BGSAVE")
	c.WaitFor(t, "rdb_last_bgsave_status", func(status string) bool { return status == "err" })
	o, seen := observe(t, s.Address, nil)
	wantOutcome(t, o, Misconf, "MISCONF")
	if p := o.Persistence; !p.WritesBlocked || !p.SaveFailed || p.ChangesSinceSave != 1 || p.ForkSeconds <= 0 || p.SavePoints != "3600 1" {
		t.Errorf("got %+v", p)
	}
	if checktest.HasUnread(seen, "memory") {
		t.Error("INFO is lost")
	}
}

func TestAppendOnly(t *testing.T) {
	s := redistest.Start(t, "appendonly yes")
	s.Client(t).Do(t, "SET", "a", "b")
	if o, _ := observe(t, s.Address, nil); !o.Persistence.AOFEnabled || o.Persistence.AOFWriteFailed {
		t.Errorf("got %+v", o.Persistence)
	}
}

func TestLoading(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client(t)
	c.Do(t, "EVAL", "for i = 1, 30000 do redis.call('SET', 'key' .. i, 'some value of this key') end", "0")
	c.Do(t, "SAVE")
	s.Stop()
	path := filepath.Join(s.Dir, "redis.conf")
	text, err := os.ReadFile(path)
	if err == nil { // 2 ms each, and it answers meanwhile
		err = os.WriteFile(path, append(text, "key-load-delay 2000\nloading-process-events-interval-bytes 1024\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	o, seen := observe(t, s.Address, nil)
	wantOutcome(t, o, Loading, "LOADING")
	if p := o.Persistence; !p.Loading || p.LoadingPercent >= 100 || p.LoadingLeftSeconds <= 0 || checktest.HasUnread(seen, "persistence.loading_percent") {
		t.Errorf("got %+v", p)
	}
}

func TestCluster(t *testing.T) {
	s := redistest.Start(t, "cluster-enabled yes")
	o, _ := observe(t, s.Address, nil)
	if c := o.Cluster; o.Mode != "cluster" || !c.Enabled || !c.Failed || c.SlotsAssigned != 0 || c.Nodes != 1 {
		t.Errorf("a node of a cluster without slots: %+v", c)
	}
	c := s.Client(t)
	c.Do(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	deadline := time.Now().Add(20 * time.Second)
	for {
		o, _ = observe(t, s.Address, nil)
		if !o.Cluster.Failed && o.Cluster.SlotsAssigned == 16384 && o.Cluster.SlotsOK == 16384 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("with all slots: %+v", o.Cluster)
		}
	}
}

func TestRefused(t *testing.T) {
	s := redistest.Start(t)
	check := New(reach.NewAllowList(checktest.Destinations(t, "127.0.0.2"))).Server()
	o := checktest.Look(t, check, map[string]any{"address": s.Address})
	if !o.Refused || o.Output != nil {
		t.Errorf("got %+v, want a refusal", o)
	}
	if n := s.Client(t).Info(t, "total_connections_received"); n != "2" { // Ready's and this one
		t.Errorf("%s connections were made", n)
	}
}

func TestReproduce(t *testing.T) {
	_, seen := observe(t, "127.0.0.1:1", map[string]any{"username": "app", "password": "very-secret", "tls": "on", "server_name": "db"})
	if got := strings.Join(seen.Reproduce[0], " "); got != "redis-cli -h 127.0.0.1 -p 1 --user app --askpass --tls --sni db info all" {
		t.Errorf("got %s", got)
	}
}
