package host

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
)

func TestProcessesConforms(t *testing.T) {
	checktest.Run(t, Source{}.Processes(), map[string]any{"window": "100ms"})
}

// line writes a /proc/PID/stat.
func line(pid int, name, state string, parent, flags, user, system, threads, started, rss int) string {
	return fmt.Sprintf("%d (%s) %s %d 1 1 0 -1 %d 0 0 0 0 %d %d 0 0 20 0 %d 0 %d 18446744073709551615 %d 1 1\n",
		pid, name, state, parent, flags, user, system, threads, started, rss)
}

func TestProcesses(t *testing.T) {
	before := tree{
		"meminfo": meminfo, "sys/kernel/pid_max": "1000\n", "sys/kernel/threads-max": "200\n", "uptime": "60.50 100.00\n",
		"1/stat":  line(1, "init", "S", 0, 0, 50, 50, 1, 1, 100),
		"2/stat":  line(2, "kswapd0", "S", 0, kernelThread, 0, 0, 1, 1, 9000),
		"10/stat": line(10, "busy (x) loop", "R", 1, 0, 1000, 0, 4, 5, 2500),
		"11/stat": line(11, "old", "S", 1, 0, 9000, 0, 1, 6, 10),
		"12/stat": line(12, "leaky", "S", 1, 0, 0, 0, 1, 50, 4),
		"20/stat": line(20, "stuck", "D", 1, 0, 7, 7, 1, 7, 10), "20/wchan": "rpc_wait_bit_killable",
		"21/stat": line(21, "reader", "D", 1, 0, 7, 0, 1, 7, 10), "21/wchan": "0",
	}
	after := tree{
		"10/stat": line(10, "busy (x) loop", "R", 1, 0, 1130, 20, 4, 5, 2503),
		"2/stat":  line(2, "kswapd0", "S", 0, kernelThread, 0, 900, 1, 1, 9900),
		"12/stat": line(12, "leaky", "S", 1, 0, 0, 0, 1, 50, 7),
		"11/stat": line(11, "new\nname", "S", 1, 0, 30, 0, 1, 900, 15), // the id was used again
		"21/stat": line(21, "reader", "D", 1, 0, 8, 0, 1, 7, 10),
		"22/stat": line(22, "tracee", "t", 1, 0, 0, 0, 1, 7, 10),
		"30/stat": line(30, "late", "Z", 10, 0, 0, 0, 1, 8, 0),
		"31/stat": line(31, "later", "Z", 10, 0, 0, 0, 1, 8, 0),
		"32/stat": line(32, "orphan", "Z", 1, 0, 0, 0, 1, 8, 0),
	}
	got, o := fed[Processes, ProcessesInput](t, Source.Processes, before, after, map[string]any{"top": "2"})
	page := int64(os.Getpagesize())
	rss := func(pages int64) (int64, float64) { return pages * page, 100 * float64(pages*page) / 1024000000 }
	busy := Process{PID: 10, Name: "busy (x) loop", State: "R", CPUPercent: 150}
	reused := Process{PID: 11, Name: "new\uFFFDname", State: "S", CPUPercent: 30}
	initial := Process{PID: 1, Name: "init", State: "S"}
	busy.RSSBytes, busy.MemoryPercent = rss(2503)
	reused.RSSBytes, reused.MemoryPercent = rss(15)
	initial.RSSBytes, initial.MemoryPercent = rss(100)
	same(t, got, Processes{
		Total: 11, Running: 1, Sleeping: 4, Blocked: 2, BlockedThroughout: 1, Zombies: 3, Stopped: 1, Threads: 14,
		PIDMax: 200, PIDsUsedPercent: 7,
		TopCPU: []Process{busy, reused}, TopMemory: []Process{busy, initial},
		TopGrowth: []GrowingProcess{
			{PID: 10, Name: "busy (x) loop", RSSBytes: 2503 * page, GrowthBytesPerSecond: float64(3 * page), AgeSeconds: 60.45},
			{PID: 12, Name: "leaky", RSSBytes: 7 * page, GrowthBytesPerSecond: float64(3 * page), AgeSeconds: 60},
		},
		ZombieParents:    []ZombieParent{{PID: 10, Name: "busy (x) loop", Zombies: 2}, {PID: 1, Name: "init", Zombies: 1}},
		BlockedProcesses: []BlockedProcess{{PID: 20, Name: "stuck", Throughout: true, WaitChannel: "rpc_wait_bit_killable"}, {PID: 21, Name: "reader"}},
	})
	if len(o.Unread) != 1 || !checktest.HasUnread(o, "blocked_processes[1].wait_channel") {
		t.Errorf("unread %v; want the wait channel of the second alone", o.Unread)
	}
	if want := "11 processes, 2 blocked, 3 zombies, busy (x) loop 150 % CPU"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func TestProcessesHidden(t *testing.T) {
	hidden := tree{"meminfo": meminfo, "sys/kernel/pid_max": "1000\n", "10/stat": line(10, "mine", "S", 1, 0, 0, 0, 1, 5, 1)}
	got, o := fed[Processes, ProcessesInput](t, Source.Processes, hidden, hidden, nil)
	for _, field := range []string{"total", "zombies", "top_cpu", "blocked_processes"} {
		if !checktest.HasUnread(o, field) {
			t.Errorf("%s is not unread though process 1 is hidden", field)
		}
	}
	if got.Total != 1 || !strings.Contains(o.Unread[0].Reason, "hidepid") {
		t.Errorf("total %d, reason %q; want what is seen, and hidepid", got.Total, o.Unread[0].Reason)
	}
}

// TestProcessesAsNobody: everything but wait channels is there without root.
func TestProcessesAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	got, o := checktest.Observe[Processes](t, Source{}.Processes(), map[string]any{"window": "100ms"})
	for _, u := range o.Unread {
		if !strings.HasSuffix(u.Path, ".wait_channel") {
			t.Errorf("unread %v", u)
		}
	}
	if got.Total < 2 || len(got.TopMemory) == 0 {
		t.Errorf("saw only %d processes", got.Total)
	}
}

func FuzzParseProcess(f *testing.F) {
	f.Add([]byte(line(1, "init", "S", 0, 0, 50, 50, 1, 1, 100)))
	f.Add([]byte("7 (a) b) R"))
	f.Add([]byte("(x) S 1"))
	f.Fuzz(func(t *testing.T, line []byte) { parseProcess(line) })
}

// BenchmarkProcesses reads a table of 2,000, half of what a run does; each must
// stay below 50 ms of processor time.
func BenchmarkProcesses(b *testing.B) {
	pids, err := (Source{}).pids()
	if err != nil {
		b.Fatal(err)
	}
	read := 0
	for b.Loop() {
		for read = 0; read < 2000; read += len(pids) {
			if _, err := (Source{}).processes(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(read), "processes/op")
}
