package mongodb

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func to(address string, more ...any) map[string]any {
	in := map[string]any{"address": address, "window": "100ms", "timeout": "10s"}
	for i := 0; i+1 < len(more); i += 2 {
		in[more[i].(string)] = more[i+1]
	}
	return in
}

func observe(t *testing.T, in map[string]any) (Server, engine.Observation) {
	t.Helper()
	return checktest.Observe[Server](t, New(nil).Server(), in)
}

func TestConforms(t *testing.T) {
	f := newFake(t)
	f.password = "secret"
	checktest.Run(t, New(nil).Server(), to(f.address, "user", "gumshoe", "password", engine.NewSecret("secret")))
}

func TestServer(t *testing.T) {
	f := newFake(t)
	f.password = "secret"
	got, o := observe(t, to(f.address, "user", "gumshoe", "password", engine.NewSecret("secret")))
	if got.Outcome != reach.OK || got.Role != "primary" || got.ReplicaSet != "rs0" || !got.HasPrimary || got.Primary != "db-1:27017" || got.Version != "7.0.12" {
		t.Errorf("got %+v", got)
	}
	for _, u := range o.Unread {
		if !u.NotAsked {
			t.Errorf("%s is unread: %s", u.Path, u.Reason)
		}
	}
	if len(got.Members) != 3 || got.Members[1].LagSeconds != 45 || got.LagSeconds != 45 || got.UnhealthyMembers != 1 || !got.Members[0].Self {
		t.Errorf("got %+v", got.Members)
	}
	if c := got.Connections; c.UsedPercent != 90 || c.Active != 12 || math.Abs(c.NewPerSecond*got.WindowSeconds-100) > 0.01 {
		t.Errorf("got %+v", c)
	}
	if got.Queue != (Queue{Readers: 4, Writers: 1, Total: 5, ReadTicketsAvailable: 126}) {
		t.Errorf("got %+v", got.Queue)
	}
	if c := got.Cache; c.UsedPercent != 50 || c.DirtyPercent != 25 || c.LimitBytes != 1<<30 || c.EvictedByOperationsPerSecond <= 0 {
		t.Errorf("got %+v", c)
	}
	th := got.Throughput
	if th.ReadMeanSeconds != 0.002 || th.Asserts != 7 || math.Abs(th.OpsPerSecond*got.WindowSeconds-250) > 0.01 || th.DocumentsScannedPerSecond < 100*th.DocumentsReturnedPerSecond {
		t.Errorf("got %+v", th)
	}
	if !checktest.HasUnread(o, "throughput.write_mean_seconds") {
		t.Error("the mean of no writes is told")
	}
	ops := got.Operations
	if ops.Active != 2 || ops.WaitingForLock != 1 || ops.LongestSeconds != 93.5 || ops.Longest[0].ID != "8123" || ops.Longest[0].Plan != "COLLSCAN" {
		t.Errorf("got %+v", ops)
	}
	if got.OplogWindowHours != 36 || got.UptimeSeconds != 86400 {
		t.Errorf("got %+v", got)
	}
	if f.opened != 1 {
		t.Errorf("%d connections were made", f.opened)
	}
}

func TestNotLetIn(t *testing.T) {
	f := newFake(t)
	f.password = "secret"
	got, _ := observe(t, to(f.address, "user", "gumshoe", "password", engine.NewSecret("wrong")))
	if got.Outcome != reach.AuthFailed || got.ErrorCode != 18 || !got.Greeted || got.Role != "primary" {
		t.Errorf("got %+v", got)
	}
	got, o := observe(t, to(f.address))
	if got.Outcome != reach.NoPermission || got.PingSeconds <= 0 || !checktest.HasUnread(o, "connections") || !checktest.HasUnread(o, "operations") {
		t.Errorf("got %+v, %+v", got, o.Unread)
	}
}

// What may not be seen alone is unread alone, with the role that is missing.
func TestFewRights(t *testing.T) {
	f := newFake(t)
	f.password = "secret"
	f.says("aggregate", refusal(codeUnauthorized, "not authorized on admin to execute command"))
	f.says("find", refusal(codeUnauthorized, "not authorized on local to execute command"))
	got, o := observe(t, to(f.address, "user", "gumshoe", "password", engine.NewSecret("secret")))
	if got.Outcome != reach.OK || got.Connections.Used != 90 {
		t.Errorf("got %+v", got)
	}
	for path, fix := range map[string]string{"operations": `db.grantRolesToUser("gumshoe", ["clusterMonitor"])`, "oplog_window_hours": `db: "local"`} {
		found := false
		for _, u := range o.Unread {
			found = found || u.Path == path && strings.Contains(u.Fix, fix)
		}
		if !found {
			t.Errorf("%s is not unread with the fix %q: %+v", path, fix, o.Unread)
		}
	}
}

func TestRoles(t *testing.T) {
	ok := bson.E{Key: "ok", Value: 1.0}
	for _, tt := range []struct {
		name       string
		hello      bson.D
		want       string
		hasPrimary bool
	}{
		{"standalone", bson.D{{Key: "isWritablePrimary", Value: true}, ok}, "standalone", false},
		{"router", bson.D{{Key: "isWritablePrimary", Value: true}, {Key: "msg", Value: "isdbgrid"}, ok}, "mongos", false},
		{"recovering", bson.D{{Key: "secondary", Value: false}, {Key: "setName", Value: "rs0"}, ok}, "other", true},
		{"arbiter", bson.D{{Key: "arbiterOnly", Value: true}, {Key: "setName", Value: "rs0"}, ok}, "arbiter", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.says("hello", tt.hello)
			got, o := observe(t, to(f.address))
			if got.Role != tt.want || got.HasPrimary != tt.hasPrimary || checktest.HasUnread(o, "has_primary") != (got.ReplicaSet == "") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func fixedTime() time.Time { return time.Unix(1_700_000_000, 0) }

func TestNoPrimary(t *testing.T) {
	f := newFake(t)
	f.says("hello", bson.D{{Key: "secondary", Value: true}, {Key: "setName", Value: "rs0"}, {Key: "ok", Value: 1.0}})
	f.says("replSetGetStatus", bson.D{{Key: "members", Value: bson.A{
		member("db-1:27017", "(not reachable/healthy)", 0, fixedTime(), false), member("db-2:27017", "SECONDARY", 1, fixedTime(), true), member("db-3:27017", "PRIMARY", 0, fixedTime(), false),
	}}, {Key: "ok", Value: 1.0}})
	got, o := observe(t, to(f.address))
	if got.Outcome != reach.OK || got.HasPrimary || got.Role != "secondary" || got.UnhealthyMembers != 2 || !strings.Contains(o.Summary, "no primary") {
		t.Errorf("got %+v, %s", got, o.Summary)
	}
}

// An older server knows neither hello nor some of the counters.
func TestOldServer(t *testing.T) {
	f := newFake(t)
	f.says("hello", refusal(codeNoSuchCommand, "no such command: 'hello'"))
	f.says("isMaster", bson.D{{Key: "ismaster", Value: true}, {Key: "ok", Value: 1.0}})
	f.says("serverStatus", bson.D{{Key: "uptime", Value: 5.0}, {Key: "ok", Value: 1.0}})
	got, o := observe(t, to(f.address))
	if got.Outcome != reach.OK || got.Role != "standalone" || got.UptimeSeconds != 5 {
		t.Errorf("got %+v", got)
	}
	for _, field := range []string{"cache.used_percent", "queue.total", "throughput.ops_per_second", "connections.used_percent", "oplog_window_hours"} {
		if !checktest.HasUnread(o, field) {
			t.Errorf("%s is told", field)
		}
	}
}

func TestNotReady(t *testing.T) {
	f := newFake(t)
	f.says("ping", refusal(11600, "interrupted at shutdown"))
	if got, _ := observe(t, to(f.address)); got.Outcome != NotReady || got.ErrorCode != 11600 {
		t.Errorf("got %+v", got)
	}
}

// A server that stops to answer is told as that, wherever it does.
func TestSilent(t *testing.T) {
	for _, command := range []string{"hello", "saslStart", "saslContinue", "ping", "serverStatus", "replSetGetStatus", "aggregate", "find"} {
		t.Run(command, func(t *testing.T) {
			f := newFake(t)
			f.password = "secret"
			f.silent[command] = true
			got, _ := observe(t, to(f.address, "user", "gumshoe", "password", engine.NewSecret("secret"), "timeout", "1s"))
			if got.Outcome != reach.TimedOut || !got.Connected || got.Greeted == (command == "hello") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPeers(t *testing.T) {
	huge := make([]byte, headerBytes)
	binary.LittleEndian.PutUint32(huge, 47_000_000)
	binary.LittleEndian.PutUint32(huge[8:], 1)
	binary.LittleEndian.PutUint32(huge[12:], opMessage)
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  reach.Outcome
	}{
		{"speaks HTTP", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, reach.ProtocolError},
		{"greets in fewer bytes than a header", func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n"); _, _ = io.Copy(io.Discard, c) }, reach.ProtocolError},
		{"says how long it goes on", func(c net.Conn) { _, _ = c.Write(huge); _, _ = io.Copy(io.Discard, c) }, reach.ProtocolError},
		{"says half a header", func(c net.Conn) { _, _ = c.Write(huge[:7]); _, _ = io.Copy(io.Discard, c) }, reach.TimedOut},
		{"says nothing", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, reach.TimedOut},
		{"closes when asked", func(c net.Conn) { _, _ = c.Read(make([]byte, 2000)) }, reach.Closed},
		{"resets", func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); _ = c.(*net.TCPConn).SetLinger(0) }, reach.Reset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				conn, err := l.Accept()
				if err == nil {
					tt.serve(conn)
					conn.Close()
				}
			}()
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, _ := observe(t, to(l.Addr().String(), "timeout", timeout))
			if got.Outcome != tt.want || !got.Connected || got.Greeted {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	got, o := observe(t, to("127.0.0.1:1"))
	if got.Outcome != reach.RefusedByIt || got.Connected || !checktest.HasUnread(o, "role") {
		t.Errorf("got %+v", got)
	}
	list := reach.NewAllowList(checktest.Destinations(t, "db.example.com:27017"))
	if o := checktest.Look(t, New(list).Server(), to("127.0.0.1:1")); o.Output != nil || o.Fix == "" {
		t.Errorf("got %+v, want a refusal", o)
	}
}

// TestDriver: MongoDB's own driver takes our server for one, and logs in to it.
func TestDriver(t *testing.T) {
	f := newFake(t)
	f.password = "secret"
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + f.address + "/?directConnection=true").
		SetServerAPIOptions(options.ServerAPI(options.ServerAPIVersion1)). // else it begins in the protocol before OP_MSG
		SetAuth(options.Credential{Username: "gumshoe", Password: "secret", AuthMechanism: scramSHA256}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(t.Context()) }()
	var status bson.Raw
	if err := client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status); err != nil {
		t.Fatal(err)
	}
	if got := number(status, "connections", "current"); got != 90 {
		t.Errorf("got %v connections", got)
	}
}

// TestSCRAM has the exchange of RFC 7677.
func TestSCRAM(t *testing.T) {
	s := newSCRAM(scramSHA256, "user", "pencil")
	s.nonce = "rOprNGfwEbeRWgbNEkqO"
	s.first = "n=user,r=" + s.nonce
	got, err := s.prove("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
	if want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if !s.verified("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") || s.verified("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") {
		t.Error("the server's signature")
	}
	for _, bad := range []string{"", "r=other,s=W22Z,i=4096", "r=" + s.nonce + ",s=W22Z,i=99999999", "r=" + s.nonce + ",s=!,i=1"} {
		if _, err := s.prove(bad); err == nil {
			t.Errorf("%q is believed", bad)
		}
	}
}

// FuzzBody: whatever a server sends is read or refused.
func FuzzBody(f *testing.F) {
	text, _ := bson.Marshal(statusOf(1))
	f.Add(append([]byte{0, 0, 0, 0, 0}, text...))
	f.Add([]byte{1, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(_ *testing.T, body []byte) {
		document, err := parseBody(body)
		if err != nil {
			return
		}
		number(document, "connections", "current")
		textAt(document, "errmsg")
		list(document, "members")
		timeAt(document, "optimeDate")
		payload(document)
		identifier(document)
	})
}
