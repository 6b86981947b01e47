package main

// Real faults of real Redis servers, each on 127.0.0.1 with a folder of its own.
// Not made are a swapped-out server and one whose fragmented memory fills its
// host: they are shown in recorded cases.

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/redis/redistest"
	"gumshoe/engine"
)

// lookRedis runs the runbook against an address; again, a few times, while others
// have this machine's processors and nothing is told.
func lookRedis(t *testing.T, address string, more ...string) (*engine.Report, int) {
	t.Helper()
	const tries = 10
	for try := 1; ; try++ {
		r, exit := diagnose(t, append([]string{"redis-slow", "address=" + address}, more...)...)
		if told := exit == 1 && !confirmedOf(r, "host_short"); told || try == tries || observed(r, "cpu", "used_percent") < 90 {
			return r, exit
		}
	}
}

func confirmedOf(r *engine.Report, hypothesis string) bool {
	return slices.ContainsFunc(r.Hypotheses, func(h engine.HypothesisReport) bool {
		return h.ID == hypothesis && (h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing)
	})
}

// wantCauses is wantConfirmed, but for a machine that others keep busy: that it is
// short is true then.
func wantCauses(t *testing.T, r *engine.Report, exit int, want ...string) {
	t.Helper()
	if confirmedOf(r, "host_short") && observed(r, "cpu", "used_percent") > 95 && !slices.Contains(want, "host_short") {
		want = append(want, "host_short")
	}
	wantConfirmed(t, r, exit, want...)
}

// wantRedis wants that the runbook names these causes.
func wantRedis(t *testing.T, address string, more []string, want ...string) {
	t.Helper()
	r, exit := lookRedis(t, address, more...)
	wantCauses(t, r, exit, want...)
}

// every sends a command again and again with a pause in between, and reads the
// answers, until the test ends.
func every(t *testing.T, s *redistest.Server, pause time.Duration, argv ...string) {
	t.Helper()
	c := s.Client(t)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_, _ = c.Try(argv...) // refused commands are the fault
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
}

// redisField gives a number of a part of what the step redis observed, or 0.
func redisField(r *engine.Report, part, field string) float64 {
	for _, s := range r.Steps {
		if output, ok := s.Output.(map[string]any); ok && s.ID == "redis" {
			fields, _ := output[part].(map[string]any)
			x, _ := fields[field].(float64)
			return x
		}
	}
	return 0
}

func TestRealRedisHealthy(t *testing.T) {
	needReal(t)
	s := redistest.Start(t, "maxmemory 64mb", "maxmemory-policy allkeys-lru", "requirepass right")
	t.Setenv("GUMSHOE_TEST_REDIS_PASSWORD", "right")
	every(t, s, 10*time.Millisecond, "SET", "key", "value")
	every(t, s, 10*time.Millisecond, "GET", "key")
	const tries = 10
	for try := 1; ; try++ {
		r, exit := diagnose(t, "redis-slow", "address="+s.Address, "password=env:GUMSHOE_TEST_REDIS_PASSWORD")
		if r.Status == engine.StatusHealthy && exit == 0 {
			return
		}
		if try == tries && observed(r, "cpu", "used_percent") > 90 && onlyOpen(r, "host_short") {
			t.Logf("this machine is short of processors: %s", r.Headline)
			return
		}
		if busy := observed(r, "cpu", "used_percent") > 50 || observed(r, "cpu", "steal_percent") > 5; !busy || try == tries {
			t.Fatalf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
		}
	}
}

func TestRealRedisGone(t *testing.T) {
	needReal(t)
	s := redistest.Start(t)
	t.Run("stopped by a signal", func(t *testing.T) {
		s.Pause()
		wantRedis(t, s.Address, nil, "hung")
		s.Resume()
	})
	t.Run("ended", func(t *testing.T) {
		s.Stop()
		wantRedis(t, s.Address, nil, "not_running")
	})
	t.Run("no such name", func(t *testing.T) {
		wantRedis(t, "redis.invalid:6379", nil, "unreachable")
	})
}

func TestRealRedisLogin(t *testing.T) {
	needReal(t)
	s := redistest.Start(t, "requirepass right")
	wantRedis(t, s.Address, nil, "login_refused")
	t.Setenv("GUMSHOE_TEST_REDIS_PASSWORD", "wrong")
	wantRedis(t, s.Address, []string{"password=env:GUMSHOE_TEST_REDIS_PASSWORD"}, "login_refused")
}

func TestRealRedisOtherProtocol(t *testing.T) {
	needReal(t)
	t.Run("no TLS where there has to be", func(t *testing.T) {
		cert, key := checktest.SelfSignedFiles(t, t.TempDir(), "127.0.0.1")
		secure := redistest.Start(t, "port 0", "tls-port $port", "tls-cert-file "+cert, "tls-key-file "+key, "tls-auth-clients no", "tls-ca-cert-file "+cert)
		wantRedis(t, secure.Address, nil, "other_protocol")
		wantRedis(t, secure.Address, []string{"tls=on"}, "other_protocol") // nobody knows its authority
	})
	wantRedis(t, checktest.Peer(t, answerHTTP), nil, "other_protocol")
}

func TestRealRedisClientLimit(t *testing.T) {
	needReal(t)
	s := redistest.Start(t, "maxclients 5")
	for range 5 {
		s.Client(t).Do(t, "PING")
	}
	wantRedis(t, s.Address, nil, "client_limit")
}

func TestRealRedisMemory(t *testing.T) {
	needReal(t)
	const write = "for i = 1, 20 do redis.call('SET', KEYS[1] .. math.random(1000000), string.rep('x', 1000)) end"
	fill := func(t *testing.T, policy string) *redistest.Server {
		s := redistest.Start(t, "maxmemory 8mb", "maxmemory-policy "+policy)
		c := s.Client(t)
		for i := range 8000 {
			_, _ = c.Try("SET", "key:"+strconv.Itoa(i), strings.Repeat("x", 1000)) // the last are refused
		}
		every(t, s, 10*time.Millisecond, "EVAL", write, "1", "key:")
		return s
	}
	t.Run("refuses", func(t *testing.T) {
		s := fill(t, "noeviction")
		r, exit := lookRedis(t, s.Address)
		wantCauses(t, r, exit, "memory_full")
		wantSubject(t, r, "memory_full", "noeviction")
	})
	t.Run("evicts", func(t *testing.T) {
		s := fill(t, "allkeys-lru")
		every(t, s, 10*time.Millisecond, "EVAL", "for i = 1, 5 do redis.call('GET', KEYS[1] .. math.random(1000000)) end", "1", "key:")
		wantRedis(t, s.Address, nil, "evicting")
	})
}

func TestRealRedisSlowCommands(t *testing.T) {
	needReal(t)
	s := redistest.Start(t)
	c := s.Client(t)
	c.Do(t, "EVAL", "for i = 1, 300000 do redis.call('SET', 'user:' .. i, 'x') end", "0")
	t.Run("KEYS", func(t *testing.T) {
		s.Repeat(t, "KEYS", "nothing:*")
		r, exit := lookRedis(t, s.Address)
		wantCauses(t, r, exit, "slow_commands")
		wantSubject(t, r, "slow_commands", "keys")
	})
	t.Run("a script that does not end", func(t *testing.T) {
		busy := redistest.Start(t, "busy-reply-threshold 100")
		if err := busy.Client(t).Send("EVAL", "while true do end", "0"); err != nil {
			t.Fatal(err)
		}
		wantRedis(t, busy.Address, nil, "slow_commands")
	})
}

func TestRealRedisTooManyCommands(t *testing.T) {
	needReal(t)
	s := redistest.Start(t)
	s.Client(t).Do(t, "SET", "key", "value")
	// Each is some 1 ms long: so that what asks takes little of this machine.
	for range 4 {
		s.Repeat(t, "EVAL", "for i = 1, 1500 do redis.call('GET', KEYS[1]) end", "1", "key")
	}
	const tries = 10 // as long as others have the processors
	for try := 1; ; try++ {
		r, exit := diagnose(t, "redis-slow", "address="+s.Address)
		if main := redisField(r, "cpu", "main_thread_percent"); main > 85 || try == tries {
			wantCauses(t, r, exit, "too_many_commands")
			return
		}
	}
}

func TestRealRedisSaveFails(t *testing.T) {
	needReal(t)
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	s := redistest.Start(t, "save 3600 1", "dir "+gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	c := s.Client(t)
	c.Do(t, "SET", "a", "b")
	c.Do(t, "BGSAVE")
	c.WaitFor(t, "rdb_last_bgsave_status", func(status string) bool { return status == "err" })
	wantRedis(t, s.Address, nil, "save_failed")
}

// TestRealRedisSavingStalls: a tracer keeps each fsync of the append-only file
// waiting, as a disk does that has too much to do.
func TestRealRedisSavingStalls(t *testing.T) {
	needReal(t)
	_, err := exec.LookPath("strace")
	checktest.Need(t, "the program strace", err == nil)
	s := redistest.Start(t, "appendonly yes", "appendfsync always", "latency-monitor-threshold 50")
	tracer := exec.Command("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=300000", "-p", strconv.Itoa(s.PID()))
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = tracer.Process.Kill()
		_ = tracer.Wait()
		s.Resume()
	})
	c := s.Client(t)
	for deadline := time.Now().Add(30 * time.Second); ; { // until the tracer is there
		started := time.Now()
		c.Do(t, "SET", "a", "b")
		if time.Since(started) > 250*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("fsync does not wait")
		}
	}
	every(t, s, 500*time.Millisecond, "SET", "a", "b")
	wantRedis(t, s.Address, nil, "saving_stalls")
}

func TestRealRedisReplicaCut(t *testing.T) {
	needReal(t)
	master := redistest.Start(t, "repl-diskless-sync-delay 0")
	replica := redistest.Start(t, fmt.Sprintf("replicaof 127.0.0.1 %d", master.Port))
	c := replica.Client(t)
	c.WaitFor(t, "master_link_status", func(status string) bool { return status == "up" })
	t.Run("a replica that hangs", func(t *testing.T) {
		replica.Pause()
		defer replica.Resume()
		m := master.Client(t)
		m.WaitFor(t, "slave0", func(text string) bool {
			_, lag, _ := strings.Cut(text, "lag=")
			n, _ := strconv.Atoi(lag)
			return n > 10
		})
		r, exit := lookRedis(t, master.Address)
		wantCauses(t, r, exit, "replica_cut")
		wantSubject(t, r, "replica_cut", replica.Address)
	})
	t.Run("a master that is gone", func(t *testing.T) {
		master.Stop()
		c.WaitFor(t, "master_link_status", func(status string) bool { return status == "down" })
		r, exit := lookRedis(t, replica.Address)
		wantCauses(t, r, exit, "replica_cut")
		wantSubject(t, r, "replica_cut", master.Address)
	})
}

func TestRealRedisLoading(t *testing.T) {
	needReal(t)
	s := redistest.Start(t)
	c := s.Client(t)
	c.Do(t, "EVAL", "for i = 1, 30000 do redis.call('SET', 'key' .. i, 'some value of this key') end", "0")
	c.Do(t, "SAVE")
	s.Stop()
	path := filepath.Join(s.Dir, "redis.conf")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(text, "key-load-delay 2000\nloading-process-events-interval-bytes 1024\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	wantRedis(t, s.Address, nil, "loading")
}

func TestRealRedisClusterDown(t *testing.T) {
	needReal(t)
	wantRedis(t, redistest.Start(t, "cluster-enabled yes").Address, nil, "cluster_down")
}

// TestRealRedisSlowWay: something between takes 10 ms for each answer.
func TestRealRedisSlowWay(t *testing.T) {
	needReal(t)
	s := redistest.Start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", s.Address)
			if err != nil {
				client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(server, client)
				server.Close()
			}()
			go func() {
				defer client.Close()
				buffer := make([]byte, 256<<10)
				for {
					n, err := server.Read(buffer)
					if err != nil {
						return
					}
					<-time.After(10 * time.Millisecond)
					if _, err := client.Write(buffer[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	wantRedis(t, l.Addr().String(), nil, "slow_way")
}

func TestRealRedisHostShort(t *testing.T) {
	needReal(t)
	s := redistest.Start(t)
	every(t, s, 10*time.Millisecond, "GET", "key")
	// It comes last, as in a control group with a small share.
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, s.PID(), 19); err != nil {
		t.Fatal(err)
	}
	for range 8 * runtime.NumCPU() {
		helper(t, "burn")
	}
	const tries = 5 // until Redis has waited for its turn while it was looked at
	for try := 1; ; try++ {
		r, exit := diagnose(t, "redis-slow", "address="+s.Address)
		if exit == 1 || try == tries {
			wantCauses(t, r, exit, "host_short")
			return
		}
	}
}
