package host

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// From which share of the last ten seconds on waiting work counts as pressure,
// in percent. No published limit is for our question, whether a probe may add
// load: systemd-oomd kills at 60 % of memory pressure (oomd.conf(5)), which is
// long after a host has enough to do.
const (
	busyCPUSome    = 60
	busyMemorySome = 20
)

// UnderPressure tells why nothing should add load to this host now, or "". It
// reads the kernel's averages over ten seconds; where it has none, the load
// average tells: twice as many tasks as processors. Disks are not asked: requests,
// profiles and captures load processors and memory, and what loads a disk is the
// look at that very disk, a few small writes.
func (s Source) UnderPressure() (reason string) {
	seen := false
	for _, r := range []struct {
		name string
		most float64
	}{{"cpu", busyCPUSome}, {"memory", busyMemorySome}} {
		stall, err := readStall(s.proc("pressure", r.name))
		if err != nil {
			continue
		}
		seen = true
		if share := stall.values["some avg10"]; share >= r.most {
			return fmt.Sprintf("work waited for %s in %.0f %% of the last 10 seconds", r.name, share)
		}
	}
	if seen {
		return ""
	}
	text, err := os.ReadFile(s.proc("loadavg"))
	if err != nil {
		return ""
	}
	one, _, _ := strings.Cut(string(text), " ")
	if load, err := strconv.ParseFloat(one, 64); err == nil && load >= float64(2*runtime.NumCPU()) {
		return fmt.Sprintf("its load is %.1f on %d processors", load, runtime.NumCPU())
	}
	return ""
}
