package redis

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/checks/redis/redistest"
)

func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

func forever(start, text string) func(net.Conn) {
	return func(c net.Conn) {
		for _, err := io.WriteString(c, start); err == nil; {
			_, err = io.WriteString(c, text)
		}
	}
}

// answers is a server that answers each command by what it begins with.
func answers(by map[string]string) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		for in := bufio.NewReader(c); ; {
			words, err := command(in)
			if err != nil {
				return
			}
			answer := "-ERR unknown command\r\n"
			longest := -1
			for start, text := range by {
				if strings.HasPrefix(strings.Join(words, " "), start) && len(start) > longest {
					answer, longest = text, len(start)
				}
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// command reads a command, as clients send it.
func command(in *bufio.Reader) (words []string, _ error) {
	var n, size int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	for range n {
		if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words = append(words, string(word[:size]))
	}
	return words, nil
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// TestStrangers: whatever a peer sends, the look ends in time and says what it was.
func TestStrangers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		handle func(net.Conn)
		want   reach.Outcome
		said   string
	}{
		{"accepts and says nothing", says(""), reach.TimedOut, ""},
		{"closes at once", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1000))
			c.Close()
		}, reach.Closed, ""},
		{"HTTP", says("HTTP/1.1 400 Bad Request\r\n\r\n"), reach.ProtocolError, "HTTP/1.1 400"},
		{"SSH", says("SSH-2.0-OpenSSH_9.2\r\n"), reach.ProtocolError, "SSH-2.0"},
		{"a terminal's commands", says("\x1b[2Jhello\r\n"), reach.ProtocolError, "hello"},
		{"TLS", says("\x15\x03\x01\x00\x02\x02\x16"), reach.ProtocolError, "TLS"},
		{"an endless line", forever("+", strings.Repeat("x", 1000)), reach.ProtocolError, "KiB"},
		{"an endless list", forever("*9000000000000000000\r\n", "+x\r\n"), reach.ProtocolError, "parts"},
		{"a text of 9 exabytes", says("$9000000000000000000\r\nabc"), reach.ProtocolError, "MiB"},
		{"lists in lists", says(strings.Repeat("*1\r\n", 100)), reach.ProtocolError, "parts"},
		{"no number", says("$abc\r\n"), reach.ProtocolError, "begins with"},
		{"a number for HELLO", says(":1\r\n"), reach.ProtocolError, "parse"},
		{"a number for PING", answers(map[string]string{"PING": ":1\r\n"}), reach.ProtocolError, "PING"},
		{"protected", says("-DENIED Redis is running in protected mode because protected mode is enabled\r\n"), ProtectedMode, "DENIED"},
		{"another error", answers(map[string]string{"": "-ERR something else\r\n"}), Rejected, "something else"},
		{"an old server with a password", answers(map[string]string{"": "-ERR operation not permitted\r\n"}), reach.AuthFailed, "not permitted"},
		{"no INFO", answers(map[string]string{"PING": "+PONG\r\n", "INFO": ":1\r\n", "CLIENT": "+OK\r\n", "SLOWLOG": "*0\r\n"}), reach.ProtocolError, "INFO"},
		{"a proxy that knows PING alone", answers(map[string]string{"PING": "+PONG\r\n"}), reach.NoPermission, "unknown command"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			o, seen := observe(t, checktest.Peer(t, tt.handle), map[string]any{"timeout": timeout})
			wantOutcome(t, o, tt.want, tt.said)
			if wantUnread(t, seen, "memory", "slow_log"); !o.Connected {
				t.Error("it was connected to")
			}
		})
	}
}

// TestOldServer: what an old server does not tell is unread, and the rest is there.
func TestOldServer(t *testing.T) {
	// As Redis 5.0.14 says it, without what nothing reads.
	const said = "# Server\r\nredis_version:5.0.14\r\nredis_mode:standalone\r\nuptime_in_seconds:100\r\nconnected_clients:2\r\nblocked_clients:0\r\n" +
		"used_memory:1500000\r\nmem_not_counted_for_evict:500000\r\nused_memory_peak:1500000\r\nused_memory_rss:2250000\r\nmaxmemory:2000000\r\nmaxmemory_policy:noeviction\r\n" +
		"total_system_memory:1000000000\r\nevicted_keys:0\r\nexpired_keys:0\r\nrejected_connections:0\r\nrole:master\r\nconnected_slaves:0\r\n" +
		"master_repl_offset:0\r\nrdb_last_save_time:1700000000\r\ncluster_enabled:0\r\nused_cpu_sys:1.0\r\nused_cpu_user:1.0\r\n" +
		"db0:keys=3,expires=1,avg_ttl=0\r\ndb15:keys=4,expires=0,avg_ttl=0\r\n"
	o, seen := observe(t, checktest.Peer(t, answers(map[string]string{
		"PING": "+PONG\r\n", "INFO": bulk(said), "CLIENT": "+OK\r\n", "LATENCY": "*0\r\n", "TIME": "*2\r\n$10\r\n1700000100\r\n$1\r\n0\r\n",
		"SLOWLOG GET 1":                      "*1\r\n*4\r\n:7\r\n:1700000000\r\n:20000\r\n*1\r\n$4\r\nKEYS\r\n",
		"SLOWLOG GET 128":                    "*2\r\n*4\r\n:8\r\n:1700000090\r\n:30000\r\n*2\r\n$4\r\nKEYS\r\n$6\r\nuser:*\r\n*4\r\n:7\r\n:1600000000\r\n:20000\r\n*1\r\n$4\r\nKEYS\r\n",
		"CONFIG GET slowlog-log-slower-than": "*2\r\n$23\r\nslowlog-log-slower-than\r\n$5\r\n10000\r\n", "CONFIG GET maxclients": "*2\r\n$10\r\nmaxclients\r\n$2\r\n10\r\n",
	})), nil)
	wantOutcome(t, o, reach.OK, "")
	if o.Version != "5.0.14" || o.Product != "redis" || o.Memory.UsedPercent != 50 || o.Memory.Fragmentation != 1.5 || o.Clients.UsedPercent != 20 || o.Keys != 7 ||
		o.Persistence.SinceSaveSeconds != 100 {
		t.Errorf("got %+v", o)
	}
	want := SlowLog{ThresholdSeconds: 0.01, New: 1, Count: 1, SlowestSeconds: 0.03, TotalSeconds: 0.03, Commands: []SlowCommand{
		{Command: "keys", Key: "user:*", Count: 1, SlowestSeconds: 0.03, TotalSeconds: 0.03},
	}}
	if !reflect.DeepEqual(o.SlowLog, want) {
		t.Errorf("got %+v, want %+v", o.SlowLog, want)
	}
	wantUnread(t, seen, "memory.oom_rejections", "cpu.main_thread_percent", "commands", "throughput.error_replies_per_second", "persistence.forks",
		"persistence.aof_enabled", "clients.max_output_buffer_bytes", "persistence.save_points", "latency_events")
	for _, path := range []string{"memory.used_bytes", "memory.evicted_keys_per_second", "clients.limit", "cpu.process_percent", "slow_log"} {
		if checktest.HasUnread(seen, path) {
			t.Errorf("%s is unread", path)
		}
	}
}

func TestProducts(t *testing.T) {
	for said, want := range map[string][2]string{
		"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1": {"valkey", "8.0.1"},
		"redis_version:6.3.4\r\nmvcc_depth:0":                               {"keydb", "6.3.4"},
		"redis_version:7.4.0":                                               {"redis", "7.4.0"},
	} {
		o, _ := observe(t, checktest.Peer(t, answers(map[string]string{"PING": "+PONG\r\n", "INFO": bulk(said), "CLIENT": "+OK\r\n"})), nil)
		if got := [2]string{o.Product, o.Version}; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestReset(t *testing.T) {
	n := 0
	handle := func(c net.Conn) {
		defer c.Close()
		for in := bufio.NewReader(c); ; {
			words, err := command(in)
			if err != nil {
				return
			}
			answer := "+PONG\r\n"
			if strings.EqualFold(words[0], "HELLO") {
				answer = "-ERR unknown command 'HELLO'\r\n"
			}
			if words[0] == "INFO" {
				n++ // CONFIG RESETSTAT between the two
				answer = bulk(fmt.Sprintf("redis_version:7\r\nevicted_keys:%d\r\ntotal_error_replies:9\r\nerrorstat_OOM:count=%d\r\ncmdstat_get:calls=%d,usec=10\r\n", 10-n, 10-n, 10-n))
			}
			_, _ = io.WriteString(c, answer)
		}
	}
	_, seen := observe(t, checktest.Peer(t, handle), nil)
	wantUnread(t, seen, "memory.evicted_keys_per_second", "memory.oom_rejections", "commands", "cpu.commands_percent")
}

func TestTLS(t *testing.T) {
	cert, key := checktest.SelfSignedFiles(t, t.TempDir(), "127.0.0.1")
	settings := []string{"port 0", "tls-port $port", "tls-cert-file " + cert, "tls-key-file " + key, "tls-ca-cert-file " + cert}
	secure := redistest.Start(t, append(settings, "tls-auth-clients no")...)
	known := redistest.Start(t, settings...)
	both := t.TempDir() + "/both.pem"
	var text []byte
	for _, path := range []string{cert, key} {
		part, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	if err := os.WriteFile(both, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		at     *redistest.Server
		inputs map[string]any
		want   []reach.Outcome
	}{
		{"trusted", secure, map[string]any{"tls": "on", "ca_file": cert}, []reach.Outcome{reach.OK}},
		{"not trusted", secure, map[string]any{"tls": "on"}, []reach.Outcome{reach.TLSFailed}},
		{"for another name", secure, map[string]any{"tls": "on", "ca_file": cert, "server_name": "db"}, []reach.Outcome{reach.TLSFailed}},
		{"none where it has to be", secure, nil, []reach.Outcome{reach.Closed, reach.Reset, reach.ProtocolError}},
		{"no certificate of the client", known, map[string]any{"tls": "on", "ca_file": cert}, []reach.Outcome{reach.TLSFailed, reach.Closed, reach.Reset}},
		{"with one", known, map[string]any{"tls": "on", "ca_file": cert, "cert_file": both}, []reach.Outcome{reach.OK}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, seen := observe(t, tt.at.Address, tt.inputs)
			if !slices.Contains(tt.want, o.Outcome) {
				t.Errorf("got %q, %q, want %v", o.Outcome, o.Error, tt.want)
			}
			if good := tt.want[0] == reach.OK; good == checktest.HasUnread(seen, "memory") || good && o.HandshakeSeconds <= 0 {
				t.Errorf("got %+v", o)
			}
		})
	}
	bad := checktest.Look(t, New(nil).Server(), map[string]any{"address": secure.Address, "tls": "on", "ca_file": "/nowhere.pem"})
	if bad.Output != nil || bad.Fix == "" {
		t.Errorf("a file that is not there: got %+v", bad)
	}
}

func TestShape(t *testing.T) {
	for text, want := range map[string]string{
		"GET user:4711":                          "get user:*",
		"SET session:abc:data secret-value":      "set session:abc:data",
		"HGETALL cart:john@example.com":          "hgetall cart:*",
		"KEYS *":                                 "keys *",
		"KEYS user:*":                            "keys user:*",
		"AUTH app hunter22":                      "auth ",
		"CONFIG SET requirepass hunter22":        "config set ",
		"EVAL return(1) 1 queue:7 hunter22":      "eval queue:*",
		"EVALSHA 0123 0 hunter22":                "evalsha ",
		"SMEMBERS averyveryverylongnameofakey":   "smembers *",
		"SMEMBERS hunter22":                      "smembers *",
		"OBJECT ENCODING user:1":                 "object encoding user:*",
		"FLUSHALL":                               "flushall ",
		"a:b GET":                                "a:b get",
		"GET a:b:c:d:e:f:g:h":                    "get a:b:c:d:e:f",
		"MIGRATE host 6379 key 0 10 AUTH hunter": "migrate ",
	} {
		var argv []reply
		for word := range strings.SplitSeq(text, " ") {
			argv = append(argv, reply{text: word})
		}
		command, key := shape(argv)
		if got := command + " " + key; strings.ToLower(got) != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// said is a connection on which something was said already.
type said struct {
	net.Conn

	text *strings.Reader
}

func (s said) Read(p []byte) (int, error)  { return s.text.Read(p) }
func (s said) Write(p []byte) (int, error) { return len(p), nil }
func (s said) Close() error                { return nil }

// FuzzSession: whatever comes, reading it ends, and takes no more memory than it may.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"+PONG\r\n", "-ERR x\r\n", ":1\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*-1\r\n", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "*99999999\r\n", "$99999999999999999999\r\n", "HTTP/1.1",
		"-ERR max number of clients reached\r\n", "*0\r\n+OK\r\n$5\r\nhello\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newSession(said{text: strings.NewReader(text)})
		defer s.close()
		for range 3 {
			replies, err := s.do(t.Context(), []string{"PING"}, []string{"INFO"})
			for _, r := range replies {
				if size(r) > len(text)+1 {
					t.Errorf("%d parts and bytes came of %d", size(r), len(text))
				}
				if len(r.list) > 0 && len(r.list[0].text) > 0 {
					_, _ = shape(r.list)
				}
				_ = parseInfo(r.text)
			}
			if err != nil {
				return
			}
		}
	})
}

func size(r reply) int {
	n := 1 + len(r.text)
	for _, element := range r.list {
		n += size(element)
	}
	return n
}

func BenchmarkParseInfo(b *testing.B) {
	s := redistest.Start(b)
	text := s.Client(b).Do(b, "INFO", "all")
	for b.Loop() {
		parseInfo(text)
	}
}
