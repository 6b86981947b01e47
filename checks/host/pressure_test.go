package host

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestPressureConforms(t *testing.T) {
	_, err := (Source{}).counters("pressure", "cpu")
	checktest.Need(t, "a kernel with PSI", err == nil)
	checktest.Run(t, Source{}.Pressure(), map[string]any{"window": "100ms"})
}

func TestPressure(t *testing.T) {
	const some, full = "some avg10=12.50 avg60=6.00 avg300=1.25 total=99\n", "full avg10=3.00 avg60=2.00 avg300=1.00 total=9\n"
	const someLater, fullLater = "some avg10=13.50 avg60=6.00 avg300=1.25 total=250099\n", "full avg10=3.00 avg60=2.00 avg300=1.00 total=100009\n"
	all := Stall{25, 10, 13.5, 6, 1.25, 3, 2, 1}
	before := tree{"pressure/cpu": some + full, "pressure/memory": some + full, "pressure/io": some + full}
	for _, tt := range []struct {
		name          string
		before, after tree
		want          Pressure
		unread        string
	}{
		{
			name: "all", before: before,
			after: tree{"pressure/cpu": someLater + fullLater, "pressure/memory": someLater + fullLater, "pressure/io": someLater + fullLater},
			want:  Pressure{all, all, all},
		},
		{
			name: "before Linux 5.13", before: tree{"pressure/cpu": some, "pressure/memory": some + full, "pressure/io": some + full},
			after:  tree{"pressure/cpu": someLater, "pressure/memory": someLater + fullLater, "pressure/io": someLater + fullLater},
			want:   Pressure{Stall{25, 0, 13.5, 6, 1.25, 0, 0, 0}, all, all},
			unread: "cpu.full_percent cpu.full_avg10_percent cpu.full_avg60_percent cpu.full_avg300_percent",
		},
		{
			name: "one file is missing", before: tree{"pressure/cpu": some + full, "pressure/memory": some + full},
			after: tree{"pressure/cpu": someLater + fullLater, "pressure/memory": someLater + fullLater},
			want:  Pressure{CPU: all, Memory: all},
			unread: "io.some_percent io.some_avg10_percent io.some_avg60_percent io.some_avg300_percent " +
				"io.full_percent io.full_avg10_percent io.full_avg60_percent io.full_avg300_percent",
		},
		{
			name: "a file that appears", before: tree{"pressure/cpu": some + full, "pressure/memory": some + full},
			after: tree{
				"pressure/cpu": someLater + fullLater, "pressure/memory": someLater + fullLater,
				"pressure/io": someLater + fullLater,
			},
			want:   Pressure{all, all, Stall{0, 0, 13.5, 6, 1.25, 3, 2, 1}},
			unread: "io.some_percent io.full_percent",
		},
		{
			name: "always waiting, and a clock that is a little late", before: before,
			after: tree{"pressure/cpu": "some avg10=1 avg60=1 avg300=1 total=9000099\n" + fullLater},
			want: Pressure{
				Stall{100, 10, 1, 1, 1, 3, 2, 1},
				Stall{0, 0, 12.5, 6, 1.25, 3, 2, 1}, Stall{0, 0, 12.5, 6, 1.25, 3, 2, 1},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, o := fed[Pressure](t, Source.Pressure, tt.before, tt.after, nil)
			same(t, got, tt.want)
			var unread []string
			for _, u := range o.Unread {
				unread = append(unread, u.Path)
			}
			if got := strings.Join(unread, " "); got != tt.unread {
				t.Errorf("unread: got %q, want %q", got, tt.unread)
			}
		})
	}
}

func TestPressureBlind(t *testing.T) {
	root := t.TempDir()
	tree{"stat": ""}.write(t, root)
	if o := checktest.Look(t, Source{Proc: root}.Pressure(), nil); o.Status != engine.Failed || !strings.Contains(o.Fix, "psi=1") {
		t.Errorf("got %s, fix %q; want failed, with the fix psi=1", o.Status, o.Fix)
	}
}

// TestPressureOfThisHost: two programs that want one processor wait for it.
func TestPressureOfThisHost(t *testing.T) {
	_, err := os.Stat("/proc/pressure/cpu")
	checktest.Need(t, "a kernel with PSI", err == nil)
	stop := make(chan struct{})
	var spinning sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		burner := exec.Command("/bin/sh", "-c", "while :; do :; done")
		if err := burner.Start(); err != nil {
			t.Fatal(err)
		}
		spinning.Go(func() {
			<-stop
			_ = burner.Process.Kill()
			_ = burner.Wait()
		})
	}
	got, _ := checktest.Observe[Pressure](t, Source{}.Pressure(), map[string]any{"window": "500ms"})
	close(stop)
	spinning.Wait()
	if got.CPU.SomePercent < 40 {
		t.Errorf("with twice as many programs as processors: got %.1f %%, want most of the time", got.CPU.SomePercent)
	}
}

func BenchmarkPressure(b *testing.B) {
	for b.Loop() {
		if _, err := (Source{}).lookPressure(b.Context(), &engine.Call{}, PressureInput{Window: time.Microsecond}); err != nil {
			b.Fatal(err)
		}
	}
}
