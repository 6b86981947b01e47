package host

import (
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestPressureConforms(t *testing.T) {
	_, err := (Source{}).counters("pressure", "cpu")
	checktest.Need(t, "a kernel with PSI", err == nil)
	checktest.Run(t, Source{}.Pressure(), nil)
}

func TestPressure(t *testing.T) {
	const some, full = "some avg10=12.50 avg60=6.00 avg300=1.25 total=99\n", "full avg10=3.00 avg60=2.00 avg300=1.00 total=9\n"
	all := Stall{12.5, 6, 1.25, 3, 2, 1}
	for _, tt := range []struct {
		name   string
		files  tree
		want   Pressure
		unread string
		blind  string
	}{
		{
			name:  "all",
			files: tree{"pressure/cpu": some + full, "pressure/memory": some + full, "pressure/io": some + full},
			want:  Pressure{all, all, all},
		},
		{
			name:   "before Linux 5.13",
			files:  tree{"pressure/cpu": some, "pressure/memory": some + full, "pressure/io": some + full},
			want:   Pressure{Stall{12.5, 6, 1.25, 0, 0, 0}, all, all},
			unread: "cpu.full_avg10_percent cpu.full_avg60_percent cpu.full_avg300_percent",
		},
		{
			name:  "one file is missing",
			files: tree{"pressure/cpu": some + full, "pressure/memory": some + full},
			want:  Pressure{CPU: all, Memory: all},
			unread: "io.some_avg10_percent io.some_avg60_percent io.some_avg300_percent " +
				"io.full_avg10_percent io.full_avg60_percent io.full_avg300_percent",
		},
		{name: "no PSI", files: tree{"stat": ""}, blind: "psi=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tt.files.write(t, root)
			check := Source{Proc: root}.Pressure()
			if tt.blind != "" {
				if o := checktest.Look(t, check, nil); o.Status != engine.Failed || !strings.Contains(o.Fix, tt.blind) {
					t.Errorf("got %s, fix %q; want failed, with the fix %s", o.Status, o.Fix, tt.blind)
				}
				return
			}
			got, o := checktest.Observe[Pressure](t, check, nil)
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

func BenchmarkPressure(b *testing.B) {
	for b.Loop() {
		if _, err := (Source{}).lookPressure(b.Context(), &engine.Call{}, PressureInput{}); err != nil {
			b.Fatal(err)
		}
	}
}
