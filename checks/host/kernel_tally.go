package host

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gumshoe/checks/kernellog"
	"gumshoe/engine"
)

// maxKernelList bounds each list of host.kernel, maxEvidence the lines of each
// excerpt, and maxEvidenceLine the characters of such a line.
const (
	maxKernelList   = 20
	maxEvidence     = 20
	maxEvidenceLine = 300
)

// kernelTally counts what the records say.
type kernelTally struct {
	out *Kernel
	now time.Time
	oom kernellog.OOM

	counters    map[kernellog.Kind]kernelCounter
	victims     []timedVictim
	devices     kernelGroups
	filesystems kernelGroups
	hung        kernelGroups
	crashed     kernelGroups
	links       kernelGroups
	ports       kernelGroups
	evidence    map[string][]kernellog.Record
}

type timedVictim struct {
	at time.Time
	kernellog.Victim
}

// kernelGroups are the events that have a device, a process or a port in common.
type kernelGroups map[string]*kernelGroup

type kernelGroup struct {
	name          string
	count, resets int64
	last          time.Time
	event         kernellog.Event // the last
	readOnly      bool
}

// add takes an event of a group. Events come in the order of time.
func (g *kernelGroups) add(name string, at time.Time, e kernellog.Event) {
	if *g == nil {
		*g = make(kernelGroups)
	}
	group := (*g)[name]
	if group == nil {
		group = &kernelGroup{name: name}
		(*g)[name] = group
	}
	group.last, group.event = at, e
	group.readOnly = group.readOnly || e.ReadOnly
	if e.Kind == kernellog.StorageReset {
		group.resets++
	} else {
		group.count++
	}
}

// latest gives the groups that were last added to, the newest first.
func (g kernelGroups) latest() []*kernelGroup {
	list := make([]*kernelGroup, 0, len(g))
	for _, group := range g {
		list = append(list, group)
	}
	slices.SortFunc(list, func(a, b *kernelGroup) int {
		if c := b.last.Compare(a.last); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	return list[:min(len(list), maxKernelList)]
}

func (t *kernelTally) read(records []kernellog.Record) {
	t.evidence, t.counters = make(map[string][]kernellog.Record), t.out.counters()
	for _, r := range records {
		grave := r.Level <= 3
		if grave {
			t.out.Errors++
		}
		event, known := kernellog.Classify(r.Text)
		if known {
			event, known = t.oom.Next(event)
		}
		switch {
		case known:
			t.show(t.count(r.Time, event), r)
		case grave:
			t.show("other errors", r)
		}
	}
}

// show keeps a record as evidence; of each sort the last ones.
func (t *kernelTally) show(title string, r kernellog.Record) {
	if title == "" {
		return
	}
	shown := t.evidence[title]
	if len(shown) >= 2*maxEvidence {
		shown = shown[:copy(shown, shown[maxEvidence:])]
	}
	t.evidence[title] = append(shown, r)
}

// count takes an event, and gives the title of the evidence that it belongs to.
func (t *kernelTally) count(at time.Time, e kernellog.Event) (title string) {
	switch e.Kind {
	case kernellog.Suppressed:
		t.out.Suppressed += e.Count
		return ""
	case kernellog.OOMKill:
		t.victims = append(t.victims, timedVictim{at, e.Victim})
	case kernellog.IOError, kernellog.StorageReset:
		t.devices.add(e.Device, at, e)
	case kernellog.FilesystemError:
		t.filesystems.add(e.Device, at, e)
	case kernellog.HungTask:
		t.hung.add(fmt.Sprintf("%s:%d", e.Name, e.PID), at, e)
	case kernellog.Segfault, kernellog.Trap:
		t.crashed.add(e.Name, at, e)
	case kernellog.LinkDown:
		t.links.add(e.Device, at, e)
	case kernellog.SynFlood:
		t.ports.add(fmt.Sprintf("%05d", e.Port), at, e)
	}
	c := t.counters[e.Kind]
	if c.n != nil {
		*c.n++
	}
	return c.title
}

// kernelCounter is what a kind of message is counted in, and the title of the
// evidence that it belongs to.
type kernelCounter struct {
	title string
	// path is the field's name; "" for a kind that only has a list.
	path string
	n    *int64
}

func (o *Kernel) counters() map[kernellog.Kind]kernelCounter {
	const (
		memory = "out of memory"
		disks  = "disks and file systems"
		stuck  = "hung tasks and lockups"
		died   = "crashed programs"
		parts  = "hardware"
		itself = "the kernel itself"
		limits = "network and limits"
	)
	return map[kernellog.Kind]kernelCounter{
		kernellog.OOMKill:           {memory, "oom_kills", &o.OOMKills},
		kernellog.PageAllocation:    {memory, "page_allocation_failures", &o.PageAllocationFailures},
		kernellog.IOError:           {disks, "io_errors", &o.IOErrors},
		kernellog.StorageReset:      {disks, "storage_resets", &o.StorageResets},
		kernellog.FilesystemError:   {disks, "filesystem_errors", &o.FilesystemErrors},
		kernellog.NFSTimeout:        {disks, "nfs_timeouts", &o.NFSTimeouts},
		kernellog.HungTask:          {title: stuck},
		kernellog.Lockup:            {stuck, "lockups", &o.Lockups},
		kernellog.Segfault:          {died, "segfaults", &o.Segfaults},
		kernellog.Trap:              {title: died},
		kernellog.HardwareError:     {parts, "hardware_errors", &o.HardwareErrors},
		kernellog.Throttled:         {parts, "thermal_throttles", &o.ThermalThrottles},
		kernellog.Oops:              {itself, "kernel_oopses", &o.KernelOopses},
		kernellog.KernelBug:         {itself, "kernel_bugs", &o.KernelBugs},
		kernellog.KernelWarning:     {itself, "kernel_warnings", &o.KernelWarnings},
		kernellog.ClockUnstable:     {itself, "clocksource_unstable", &o.ClocksourceUnstable},
		kernellog.LinkDown:          {title: limits},
		kernellog.TransmitTimeout:   {limits, "transmit_timeouts", &o.TransmitTimeouts},
		kernellog.ConntrackFull:     {limits, "conntrack_table_full", &o.ConntrackTableFull},
		kernellog.SynFlood:          {limits, "syn_floods", &o.SYNFloods},
		kernellog.NeighbourOverflow: {limits, "neighbour_table_overflows", &o.NeighbourTableOverflows},
		kernellog.TCPMemory:         {limits, "tcp_memory_exhausted", &o.TCPMemoryExhausted},
		kernellog.FileMax:           {limits, "file_max_reached", &o.FileMaxReached},
		kernellog.ForkRejected:      {limits, "forks_rejected", &o.ForksRejected},
		kernellog.Suppressed:        {path: "suppressed", n: &o.Suppressed},
	}
}

// fill writes the lists and the excerpts.
func (t *kernelTally) fill(call *engine.Call) {
	o := t.out
	o.OOMVictims, o.IOErrorDevices, o.FilesystemErrorDevices = []OOMVictim{}, []IOErrorDevice{}, []FilesystemErrorDevice{}
	o.HungTasks, o.Crashed, o.LinkDowns, o.SYNFloodPorts = []HungTask{}, []CrashedProcess{}, []LinkDown{}, []int64{}
	slices.Reverse(t.victims)
	for i, v := range t.victims[:min(len(t.victims), maxKernelList)] {
		o.OOMVictims = append(o.OOMVictims, t.victim(call, fmt.Sprintf("oom_victims[%d].", i), v))
	}
	for _, g := range t.devices.latest() {
		o.IOErrorDevices = append(o.IOErrorDevices, IOErrorDevice{printable(g.name), g.count, g.resets, g.last.UTC(), t.age(g.last)})
	}
	for _, g := range t.filesystems.latest() {
		o.FilesystemErrorDevices = append(o.FilesystemErrorDevices,
			FilesystemErrorDevice{printable(g.name), g.count, g.readOnly, g.last.UTC(), t.age(g.last)})
	}
	for _, g := range t.hung.latest() {
		o.HungTasks = append(o.HungTasks,
			HungTask{printable(g.event.Name), g.event.PID, g.event.Seconds, g.count, g.last.UTC(), t.age(g.last)})
	}
	for _, g := range t.crashed.latest() {
		o.Crashed = append(o.Crashed, CrashedProcess{printable(g.name), g.event.PID, g.count, g.last.UTC(), t.age(g.last)})
	}
	for _, g := range t.links.latest() {
		o.LinkDowns = append(o.LinkDowns, LinkDown{printable(g.name), g.count, g.last.UTC(), t.age(g.last)})
	}
	for _, g := range t.ports.latest() {
		o.SYNFloodPorts = append(o.SYNFloodPorts, g.event.Port)
	}
	t.excerpts(call)
}

func (t *kernelTally) age(at time.Time) float64 { return max(t.now.Sub(at).Seconds(), 0) }

func (t *kernelTally) victim(call *engine.Call, path string, v timedVictim) OOMVictim {
	const reason = "the kernel did not tell it"
	told := OOMVictim{
		Time: v.at.UTC(), AgeSeconds: t.age(v.at), PID: v.PID, Name: printable(v.Name), Scope: string(v.Scope),
		Cgroup: printable(v.Cgroup), LimitCgroup: printable(v.Limit), AnonRSSBytes: max(v.AnonRSS, 0), UID: max(v.UID, 0),
	}
	if v.Scope == "" {
		call.Unread(path+"scope", reason, "")
	}
	if v.Cgroup == "" {
		call.Unread(path+"cgroup", reason, "")
	}
	if v.Limit == "" && (v.Scope == "" || v.Scope == kernellog.Cgroup) {
		call.Unread(path+"limit_cgroup", reason, "")
	}
	if v.AnonRSS < 0 {
		call.Unread(path+"anon_rss_bytes", reason, "")
	}
	if v.UID < 0 {
		call.Unread(path+"uid", reason, "")
	}
	return told
}

// excerpts attaches the last records of each sort, the newest first.
func (t *kernelTally) excerpts(call *engine.Call) {
	for _, title := range []string{
		"out of memory", "disks and file systems", "hung tasks and lockups", "crashed programs", "hardware",
		"the kernel itself", "network and limits", "other errors",
	} {
		records := t.evidence[title]
		records = records[max(len(records)-maxEvidence, 0):]
		var text strings.Builder
		for _, r := range slices.Backward(records) {
			line := []rune(printable(r.Text))
			fmt.Fprintf(&text, "%s %s\n", r.Time.UTC().Format(time.RFC3339), string(line[:min(len(line), maxEvidenceLine)]))
		}
		if text.Len() > 0 {
			call.Excerpt("kernel: "+title+", the newest first", text.String())
		}
	}
}

// atLeast marks what may be more than was seen. A count above 0 stands, so that
// what happened is not doubted; none at all may be a mistake.
func (o *Kernel) atLeast(call *engine.Call, found foundMessages) {
	reason := fmt.Sprintf("the messages reach back only %s of %s, older ones were overwritten or are not kept",
		time.Duration(o.CoversSeconds*float64(time.Second)).Round(time.Second),
		time.Duration(o.WindowSeconds*float64(time.Second)).Round(time.Second))
	fix := "boot with a larger log_buf_len, or let gumshoe read the journal: root or the group systemd-journal"
	if found.source == "journal" {
		fix = "let the journal keep more (SystemMaxUse in journald.conf)"
	}
	paths := []string{"oom_victims", "io_error_devices", "filesystem_error_devices", "hung_tasks", "crashed", "link_downs", "syn_flood_ports"}
	if o.Errors == 0 {
		paths = append(paths, "errors")
	}
	for _, c := range o.counters() {
		if c.n != nil && *c.n == 0 {
			paths = append(paths, c.path)
		}
	}
	slices.Sort(paths)
	unread(call, reason, fix, paths...)
}
