package changes

import (
	"strings"

	"gumshoe/engine"
)

// Ways of touching.
const (
	planRead  = "read"
	planBelow = "read, with all below"
	planTimes = "stat, with all below"
)

// plan lists what a run with these inputs may touch. A folder of which it says
// "below" stands for all that is in it.
func (s Source) plan(in RecentInput) []engine.Touch {
	var touches []engine.Touch
	touch := func(path, how string) {
		touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: s.path(path), How: how})
	}
	touch("etc/localtime", planRead)
	touch("usr/share/zoneinfo", planBelow)
	touch("var/log", "list, and below it read these logs with what was rotated away from them")
	for _, log := range packageLogs() {
		touch(log.path, planRead)
	}
	touch("var/log/wtmp", planRead)
	for _, trace := range packageTraces() {
		touch(trace.path, "stat")
	}
	touch(snapFolder, planTimes)
	for _, p := range places() {
		before, _, _ := strings.Cut(p.path, "*")
		touch(before, planTimes)
	}
	touch("run/reboot-required", "stat")
	touch("run/reboot-required.pkgs", planRead)
	if s.Root != "" {
		touch("proc/stat", planRead)
		touch("proc/sys/kernel/osrelease", planRead)
	}
	for _, path := range in.Paths[:min(len(in.Paths), maxNamed)] {
		touch(path, planTimes)
	}
	for _, path := range in.Repositories[:min(len(in.Repositories), maxNamed)] {
		// A linked work tree's repository is where its file .git says.
		touch(path, "read HEAD, refs and logs of its repository below")
	}
	sockets := append(engineSockets(), otherSockets()...)
	if in.ContainerSocket != "" {
		sockets = []string{in.ContainerSocket}
	}
	for _, socket := range sockets {
		touch(socket, "connect")
	}
	return touches
}
