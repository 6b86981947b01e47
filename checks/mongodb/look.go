package mongodb

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// look is one look at a server.
type look struct {
	*Server

	call   *engine.Call
	in     Input
	end    time.Time     // of everything
	window time.Duration // shorter than asked for when the step has little time

	s      *session
	hello  bson.Raw
	denied bool   // something was not for this user
	gone   string // why the server answers nothing any more
	blind  error  // the same, when it is our own host's doing
}

func (p Probes) look(ctx context.Context, call *engine.Call, in Input) (Server, error) {
	o := Server{Address: in.Address, Members: []Member{}, Operations: Operations{Longest: []Operation{}}}
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return o, err
	}
	reproduce(call, in)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return o, err
	}
	var config *tls.Config
	if in.TLS == "on" {
		if config, err = in.files().Config(); err != nil {
			return o, err
		}
	}
	l := look{Server: &o, call: call, in: in}
	var deadline time.Time
	deadline, l.end, l.window = reach.Divide(ctx, in.Timeout, in.Window)
	conn, outcome, err := p.allow.Reach(ctx, host, port, deadline)
	o.ResolveSeconds = conn.ResolveSeconds
	if err != nil {
		return o, err
	}
	if outcome != reach.Connected {
		o.Outcome = outcome
		l.nothing("there was no connection: "+outcome.Words(), "connect_seconds", "remote_address", "handshake_seconds")
		return o, nil
	}
	o.Connected, o.RemoteAddress, o.ConnectSeconds = true, conn.RemoteAddr().String(), conn.ConnectSeconds
	defer reach.Bind(ctx, conn, deadline)()
	err = l.talk(ctx, conn.Conn, config)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	return o, errors.Join(err, l.blind)
}

// talk does everything on a connection. Its error is one of our own host.
func (l *look) talk(ctx context.Context, conn net.Conn, config *tls.Config) error {
	if config != nil {
		secured := tls.Client(conn, config)
		started := time.Now()
		if err := secured.HandshakeContext(ctx); err != nil {
			var blind error
			l.Outcome, l.Error, blind = reach.HandshakeFailure(err)
			l.nothing("there was no TLS connection: "+l.Outcome.Words(), "handshake_seconds")
			return blind
		}
		l.HandshakeSeconds, conn = time.Since(started).Seconds(), secured
	}
	l.s = &session{conn: conn}
	started := time.Now()
	err := l.greet()
	if err == nil {
		l.Greeted = true
		l.identify()
		err = l.login()
	}
	l.LoginSeconds = time.Since(started).Seconds()
	if err == nil {
		started = time.Now()
		_, err = l.s.do("admin", bson.D{{Key: "ping", Value: 1}, limit()})
		l.PingSeconds = time.Since(started).Seconds()
	}
	if err != nil {
		blind := l.failed(err)
		l.nothing("the server did not answer as it should: " + l.Outcome.Words())
		return blind
	}
	l.Outcome = reach.OK
	_ = conn.SetDeadline(l.end) // it fails only on a closed connection, whose next read tells
	l.watch(ctx)
	return nil
}

// limit is how long a server may think about a command.
func limit() bson.E { return bson.E{Key: "maxTimeMS", Value: 2000} }

// greet says who we are and asks what the server is. Before MongoDB 4.4.2 the
// command had another name.
func (l *look) greet() error {
	var err error
	for _, name := range []string{"hello", "isMaster"} {
		command := bson.D{{Key: name, Value: 1}, {Key: "client", Value: bson.D{
			{Key: "application", Value: bson.D{{Key: "name", Value: "gumshoe"}}},
			{Key: "driver", Value: bson.D{{Key: "name", Value: "gumshoe"}, {Key: "version", Value: "1"}}},
			{Key: "os", Value: bson.D{{Key: "type", Value: "Linux"}}},
		}}}
		if l.in.User != "" {
			command = append(command, bson.E{Key: "saslSupportedMechs", Value: l.in.AuthSource + "." + l.in.User})
		}
		l.hello, err = l.s.do("admin", command)
		var unknown *commandError
		if !errors.As(err, &unknown) || unknown.code != codeNoSuchCommand {
			return err
		}
	}
	return err
}

// login logs in, when there is a user, in the best way that the server offers.
func (l *look) login() error {
	if l.in.User == "" {
		return nil
	}
	mechanism := scramSHA256
	if value, err := l.hello.LookupErr("saslSupportedMechs"); err == nil {
		offered, _ := value.ArrayOK()
		values, _ := offered.Values()
		has256, has1 := false, false
		for _, value := range values {
			name, _ := value.StringValueOK()
			has256, has1 = has256 || name == scramSHA256, has1 || name == scramSHA1
		}
		if has1 && !has256 {
			mechanism = scramSHA1
		}
	}
	return l.s.login(l.in.AuthSource, mechanism, l.in.User, l.in.Password.Reveal())
}

// watch reads everything, the counters twice with the window between.
func (l *look) watch(ctx context.Context) {
	build, ok := l.ask("admin", bson.D{{Key: "buildInfo", Value: 1}, limit()}, "", "version")
	if ok {
		l.Version = textAt(build, "version")
	}
	before, at := l.status()
	if before == nil && l.denied {
		l.Outcome = reach.NoPermission
	}
	wait := time.NewTimer(l.window)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return
	case <-wait.C:
	}
	if before != nil {
		after, then := l.status()
		l.WindowSeconds = then.Sub(at).Seconds()
		l.fill(before, after)
	}
	l.members()
	l.operations()
	l.oplog()
}

// status reads the counters; nil when there are none.
func (l *look) status() (bson.Raw, time.Time) {
	command := bson.D{{Key: "serverStatus", Value: 1}, {Key: "repl", Value: 0}, {Key: "locks", Value: 0}, {Key: "tcmalloc", Value: 0}, limit()}
	status, ok := l.ask("admin", command, clusterMonitor,
		"uptime_seconds", "window_seconds", "connections", "queue", "throughput", "cache")
	if !ok {
		return nil, time.Now()
	}
	return status, time.Now()
}

const clusterMonitor = `db.grantRolesToUser("USER", ["clusterMonitor"])`

// ask executes a command whose answer fills some fields; else they are unread.
func (l *look) ask(database string, command bson.D, grant string, fields ...string) (bson.Raw, bool) {
	if l.gone != "" {
		l.unread(l.gone, fields...)
		return nil, false
	}
	answer, err := l.s.do(database, command)
	if err == nil {
		return answer, true
	}
	reason, fix := l.why(err, grant)
	for _, field := range fields {
		l.call.Unread(field, reason, fix)
	}
	return nil, false
}

// unread marks fields.
func (l *look) unread(reason string, fields ...string) {
	for _, field := range fields {
		l.call.Unread(field, reason, "")
	}
}

// nothing marks all that a session would have told, beside what hello did, and
// fields that come before it.
func (l *look) nothing(reason string, before ...string) {
	fields := append([]string{
		"ping_seconds", "window_seconds", "version", "uptime_seconds", "lag_seconds", "unhealthy_members", "members",
		"connections", "queue", "operations", "throughput", "cache", "oplog_window_hours",
	}, before...)
	if !l.Greeted {
		fields = append(fields, "role", "replica_set", "has_primary", "primary")
	}
	if l.LoginSeconds == 0 {
		fields = append(fields, "login_seconds")
	}
	reach.Without(l.call, l.Outcome.OfTarget() || l.Outcome == NotReady, reason, fields...)
}
