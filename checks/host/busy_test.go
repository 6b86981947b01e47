package host

import (
	"strings"
	"testing"
)

func TestUnderPressure(t *testing.T) {
	stall := func(some, full string) string {
		return "some avg10=" + some + " avg60=0.00 avg300=0.00 total=1\nfull avg10=" + full + " avg60=0.00 avg300=0.00 total=1\n"
	}
	quiet := tree{"pressure/cpu": stall("3.00", "0.00"), "pressure/memory": stall("0.00", "0.00"), "pressure/io": stall("50.00", "10.00"), "loadavg": "900.0 1 1"}
	for _, tt := range []struct {
		name string
		with tree
		want string
	}{
		{"quiet", nil, ""},
		{"processors", tree{"pressure/cpu": stall("61.00", "0.00")}, "work waited for cpu in 61 % of the last 10 seconds"},
		{"memory", tree{"pressure/memory": stall("20.00", "0.00")}, "work waited for memory in 20 %"},
		{"disks", tree{"pressure/io": stall("90.00", "90.00")}, ""},
	} {
		root := t.TempDir()
		quiet.write(t, root)
		tt.with.write(t, root)
		if got := (Source{Proc: root}).UnderPressure(); !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	root := t.TempDir()
	tree{"loadavg": "9000.0 1 1 1/2 3"}.write(t, root)
	if got := (Source{Proc: root}).UnderPressure(); !strings.HasPrefix(got, "its load is 9000.0") {
		t.Errorf("a kernel without PSI: %q", got)
	}
	if got := (Source{Proc: t.TempDir()}).UnderPressure(); got != "" {
		t.Errorf("nothing to read: %q", got)
	}
}
