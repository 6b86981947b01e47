package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cgroupHierarchy is where one cgroup is in the hierarchy of one controller.
type cgroupHierarchy struct {
	// controller is cpu, memory or pids; "" is cgroup v2 itself.
	controller string
	v2         bool
	// path is the cgroup's, from the root of the hierarchy.
	path string
	// levels are the directories of the cgroup, first, and of its ancestors as far
	// as they are mounted. Empty when it cannot be found.
	levels []string
	// top tells whether the cgroup is the root of what is mounted.
	top bool
	// absent tells whether the hierarchy is there, and the cgroup is not in it.
	absent bool
	// reason and fix say why there are no levels.
	reason, fix string
}

const cgroupMountFix = "mount the cgroup file system at /sys/fs/cgroup; in a container, let it see its own (--cgroupns=private)"

// cgroupLayout is what a host has of cgroups.
type cgroupLayout struct {
	version CgroupVersion
	// cpu, memory and pids are controllers; unified is cgroup v2, whoever has
	// the controllers.
	cpu, memory, pids, unified cgroupHierarchy
}

func (l *cgroupLayout) each() []*cgroupHierarchy {
	return []*cgroupHierarchy{&l.memory, &l.cpu, &l.pids, &l.unified}
}

// cgroupTop is wanted by who looks at all that is mounted; no path is like it.
const cgroupTop = "\x00"

// cgroups finds the wanted cgroup, or our own when wanted is "", in each
// hierarchy. Mounts outside /sys are passed over: we may read only there.
func (s Source) cgroups(wanted string) (cgroupLayout, error) {
	var l cgroupLayout
	all, err := s.mounts()
	if err != nil {
		return l, err
	}
	mounts := slices.DeleteFunc(slices.Clone(all), func(m mount) bool {
		return m.fsType != "cgroup" && m.fsType != "cgroup2" || !within(m.point, "/sys") || covered(m, all)
	})
	ofType := func(name string) bool {
		return slices.ContainsFunc(mounts, func(m mount) bool { return m.fsType == name })
	}
	switch v1, v2 := ofType("cgroup"), ofType("cgroup2"); {
	case v1 && v2:
		l.version = CgroupHybrid
	case v1:
		l.version = CgroupV1
	case v2:
		l.version = CgroupV2
	default:
		l.version = CgroupNone
	}
	member := make(map[string]string)
	if wanted == "" && l.version != CgroupNone {
		if member, err = s.cgroupMembership(); err != nil {
			return l, err
		}
	}
	l.cpu = s.cgroupHierarchy(mounts, "cpu", wanted, member)
	l.memory = s.cgroupHierarchy(mounts, "memory", wanted, member)
	l.pids = s.cgroupHierarchy(mounts, "pids", wanted, member)
	l.unified = s.cgroupHierarchy(mounts, "", wanted, member)
	return l, nil
}

// cgroupMembership reads our own cgroup by controller from lines such as
// "4:cpu,cpuacct:/user.slice" and, for v2 under the name "", "0::/user.slice".
func (s Source) cgroupMembership() (map[string]string, error) {
	text, err := os.ReadFile(s.proc("self/cgroup"))
	if err != nil {
		return nil, blind(s.proc("self/cgroup"), err)
	}
	member := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			member[controller] = parts[2]
		}
	}
	return member, nil
}

// cgroupHierarchy finds a cgroup in the hierarchy that has the controller: one
// of v1 of its own, else v2.
func (s Source) cgroupHierarchy(mounts []mount, controller, wanted string, member map[string]string) cgroupHierarchy {
	h := cgroupHierarchy{controller: controller}
	candidates := make([]mount, 0, len(mounts))
	for _, m := range mounts {
		if controller != "" && m.fsType == "cgroup" && slices.Contains(m.superOptions, controller) {
			candidates = append(candidates, m)
		}
	}
	if len(candidates) == 0 {
		h.v2 = true
		candidates = slices.DeleteFunc(slices.Clone(mounts), func(m mount) bool { return m.fsType != "cgroup2" })
	}
	if len(candidates) == 0 {
		h.reason, h.fix = "no cgroup file system is mounted below /sys", cgroupMountFix
		switch {
		case len(mounts) > 0 && controller == "":
			h.reason = "cgroup v2 is not mounted below /sys"
		case len(mounts) > 0:
			h.reason = "the " + controller + " controller is not mounted below /sys"
		}
		return h
	}
	name := controller
	if h.v2 {
		name = ""
	}
	h.path = member[name]
	for _, m := range candidates {
		at := path.Clean("/" + wanted)
		switch {
		case wanted == "":
			at = h.path
		case wanted == cgroupTop:
			at = m.root
		case within(at, m.point): // as a person pastes it
			at = path.Join(m.root, strings.TrimPrefix(at, m.point))
		}
		if h.find(s, m, at) {
			break
		}
	}
	return h
}

// find looks for the cgroup below one mount; otherwise it notes why not.
func (h *cgroupHierarchy) find(s Source, m mount, at string) bool {
	h.path, h.absent = at, false
	if at == "" {
		h.reason, h.fix = "our cgroup is not in "+s.proc("self/cgroup"), ""
		return false
	}
	if !within(at, m.root) || within(at, "/..") {
		h.reason = fmt.Sprintf("the cgroup %q is outside of what is mounted at %s", printable(at), m.point)
		h.fix = cgroupMountFix
		return false
	}
	point := s.sys(strings.TrimPrefix(m.point, "/sys"))
	below := strings.TrimPrefix(strings.TrimPrefix(at, m.root), "/")
	dir := filepath.Join(point, below)
	if _, err := os.Stat(dir); err != nil {
		h.absent = errors.Is(err, fs.ErrNotExist)
		h.reason, h.fix = fmt.Sprintf("there is no cgroup %q at %s", printable(at), m.point), ""
		if !h.absent {
			h.reason = fmt.Sprintf("cannot look at the cgroup %q at %s", printable(at), m.point)
			h.fix = "run gumshoe as a user that may read " + dir
		}
		return false
	}
	h.reason, h.fix, h.top = "", "", dir == point
	for h.levels = []string{dir}; dir != point; h.levels = append(h.levels, dir) {
		dir = filepath.Dir(dir)
	}
	return true
}

// offers tells whether the hierarchy can have limits of the controller at all.
// One of v1 is there for nothing else; v2 lists what it has.
func (h *cgroupHierarchy) offers() bool {
	if !h.v2 {
		return true
	}
	text, err := os.ReadFile(filepath.Join(h.levels[len(h.levels)-1], "cgroup.controllers"))
	return err != nil || slices.Contains(strings.Fields(string(text)), h.controller)
}

// files are the files that a person would look at.
func (h *cgroupHierarchy) files() []string {
	names := map[string][]string{
		"cpu": {"cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat"}, "pids": {"pids.max", "pids.current"},
		"memory": {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "memory.oom_control"},
	}[h.controller]
	switch {
	case h.controller == "":
		names = []string{"cpu.pressure", "memory.pressure", "io.pressure"}
	case h.v2 && h.controller == "cpu":
		names = []string{"cpu.max", "cpu.stat"}
	case h.v2 && h.controller == "memory":
		names = []string{"memory.max", "memory.current", "memory.stat", "memory.events"}
	}
	for i := range names {
		names[i] = filepath.Join(h.levels[0], names[i])
	}
	return names
}

// cgroupUnlimited stands for the absence of a limit.
const cgroupUnlimited = -1

// cgroupNumber reads a file of one number, or of "max". cgroup v1 writes the
// absence of a limit on memory as the largest number of whole pages.
func cgroupNumber(dir, name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	digits := strings.TrimSpace(string(text))
	if digits == "max" {
		return cgroupUnlimited, nil
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if n >= 1<<62 {
		n = cgroupUnlimited
	}
	return n, err
}

// cgroupCounters reads a file of lines "name value".
func cgroupCounters(dir, name string) (map[string]int64, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	values := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		key, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			values[key] = n
		}
	}
	return values, nil
}
