package kernellog

import "strings"

// Scope is what ran out of memory.
type Scope string

// The scopes of an OOM kill.
const (
	Global       Scope = "global"        // the host
	Cgroup       Scope = "cgroup"        // a cgroup reached its limit
	Cpuset       Scope = "cpuset"        // the memory nodes that a cpuset allows
	MemoryPolicy Scope = "memory_policy" // the memory nodes that the process bound itself to
)

// Victim is a process that the kernel killed for want of memory.
type Victim struct {
	PID  int64
	Name string
	// Scope is what ran out; "" when the message does not tell.
	Scope Scope
	// Cgroup is that of the victim, Limit the one whose limit was reached; "" when
	// the message does not tell.
	Cgroup, Limit string
	// AnonRSS is its anonymous memory in bytes, and UID its user; -1 when the message
	// does not tell.
	AnonRSS, UID int64

	// named is the end of a context: the cgroup, ",task=" and the name of the victim.
	named string
	// group is set when all of the cgroup is killed.
	group bool
	// begins is set on the first message of an episode.
	begins bool
}

// OOM joins the messages of one OOM kill. The zero value is ready.
type OOM struct{ context Victim }

// Next takes the events of a log in order, all of them, and gives back each with
// what earlier ones tell of its victim. A context is no event of its own.
func (o *OOM) Next(e Event) (Event, bool) {
	switch e.Kind {
	case oomContext:
		o.learn(e.Victim)
		return Event{}, false
	case OOMKill:
		e.Victim = o.complete(e.Victim)
	}
	return e, true
}

func (o *OOM) learn(v Victim) {
	switch {
	case v.begins, v.named != "", v.group:
		o.context = v
	case v.Scope != "" && v.Cgroup == "":
		o.context.Scope = v.Scope
	default:
		o.context.Scope, o.context.Cgroup, o.context.Limit = v.Scope, v.Cgroup, v.Limit
	}
}

func (o *OOM) complete(v Victim) Victim {
	c := o.context
	if !c.group {
		o.context = Victim{} // it was of one victim
	}
	if c.named == "" {
		if v.Scope == "" {
			v.Scope = c.Scope
		}
		v.Cgroup, v.Limit = c.Cgroup, c.Limit
		return v
	}
	if c.PID != v.PID {
		return v
	}
	// Names of cgroups and of processes may hold anything. The name of the process
	// is known here, so what stands before it is the cgroup.
	cgroup, sure := strings.CutSuffix(c.named, ",task="+v.Name)
	if !sure {
		cgroup = cgroup[:max(strings.LastIndex(cgroup, ",task="), 0)]
	}
	v.Scope, v.Cgroup, v.Limit, v.UID = c.Scope, cgroup, c.Limit, max(v.UID, c.UID)
	return v
}

// oom reads the messages of mm/oom_kill.c and mm/memcontrol.c:
//
//	java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
//	oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=java,pid=12,uid=33    (since 5.0)
//	Task in /a/b killed as a result of limit of /a    (before 5.0)
//	Memory cgroup out of memory: Kill process 12 (java) score 9 or sacrifice child    (before 5.0)
//	Killed process 12 (java) total-vm:9kB, anon-rss:8kB, file-rss:0kB    (before 5.0)
//	Killed process 12 (java), UID 33, total-vm:9kB, anon-rss:8kB, file-rss:0kB    (Red Hat's 3.10 and 4.18)
//	Memory cgroup out of memory: Killed process 12 (java) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:33 pgtables:52kB oom_score_adj:0    (since 5.0; UID since 5.4)
//	Tasks in /a are going to be killed due to memory.oom.group set    (since 4.19)
func oom(text string) *Event {
	if rest, ok := strings.CutPrefix(text, "oom-kill:constraint="); ok {
		return oomSummary(rest)
	}
	if rest, ok := strings.CutPrefix(text, "Task in "); ok {
		if cgroup, limit, ok := strings.Cut(rest, " killed as a result of limit of "); ok {
			return &Event{Kind: oomContext, Victim: Victim{Scope: Cgroup, Cgroup: cgroup, Limit: limit}}
		}
	}
	if rest, ok := strings.CutPrefix(text, "Tasks in "); ok {
		if cgroup, _, ok := strings.Cut(rest, " are going to be killed due to memory.oom.group set"); ok {
			return &Event{Kind: oomContext, Victim: Victim{Scope: Cgroup, Cgroup: cgroup, group: true}}
		}
	}
	scope := Scope("")
	rest := text
	for _, message := range [...]struct {
		text  string
		scope Scope
	}{
		{"Memory cgroup out of memory: ", Cgroup},
		{"Out of memory: ", Global},
		{"Out of memory (oom_kill_allocating_task): ", Global},
		{"No available memory in cpuset: ", Cpuset},
		{"No available memory (MPOL_BIND): ", MemoryPolicy},
	} {
		if after, ok := strings.CutPrefix(text, message.text); ok {
			rest, scope = after, message.scope
			break
		}
	}
	if killed, ok := strings.CutPrefix(rest, "Killed process "); ok {
		return oomVictim(killed, scope)
	}
	if scope != "" && prefixed(rest, "Kill process ") {
		return &Event{Kind: oomContext, Victim: Victim{Scope: scope}}
	}
	if strings.Contains(text, " invoked oom-killer: gfp_mask=") {
		return &Event{Kind: oomContext, Victim: Victim{begins: true}}
	}
	return nil
}

// oomSummary reads what follows "oom-kill:constraint=". It is read from its end,
// where a user's names cannot reach.
func oomSummary(rest string) *Event {
	v := Victim{Scope: Global, AnonRSS: -1}
	switch word(rest, ",") {
	case "CONSTRAINT_MEMCG":
		v.Scope = Cgroup
	case "CONSTRAINT_CPUSET":
		v.Scope = Cpuset
	case "CONSTRAINT_MEMORY_POLICY":
		v.Scope = MemoryPolicy
	}
	cut := strings.LastIndex(rest, ",uid=")
	if cut < 0 {
		return nil
	}
	var ok bool
	if v.UID, _, ok = number(strings.TrimLeft(rest[cut+len(",uid="):], " ")); !ok {
		return nil
	}
	rest = rest[:cut]
	if cut = strings.LastIndex(rest, ",pid="); cut < 0 {
		return nil
	}
	if v.PID, _, ok = number(strings.TrimLeft(rest[cut+len(",pid="):], " ")); !ok {
		return nil
	}
	before, named, ok := strings.Cut(rest[:cut], ",task_memcg=")
	if !ok {
		named = before[max(strings.LastIndex(before, ",task="), 0):]
	}
	_, v.Limit, _ = strings.Cut(before, ",oom_memcg=")
	v.named = named
	return &Event{Kind: oomContext, Victim: v}
}

// oomVictim reads what follows "Killed process ".
func oomVictim(rest string, scope Scope) *Event {
	v := Victim{Scope: scope, AnonRSS: -1, UID: -1}
	var ok bool
	if v.PID, rest, ok = number(rest); !ok || !strings.HasPrefix(rest, " (") {
		return nil
	}
	end := strings.LastIndex(rest, "total-vm:") // a name has 15 bytes at most, and stands before
	if end < 0 {
		return nil
	}
	name, sizes := strings.TrimRight(rest[len(" ("):max(end, len(" ("))], ", "), rest[end:]
	if before, uid, found := cutLast(name, "), UID "); found {
		if n, left, ok := number(uid); ok && left == "" {
			name, v.UID = before+")", n
		}
	}
	v.Name = strings.TrimSuffix(name, ")")
	if _, after, found := strings.Cut(sizes, "anon-rss:"); found {
		if kib, _, ok := number(after); ok && kib < 1<<50 {
			v.AnonRSS = kib << 10
		}
	}
	if _, after, found := strings.Cut(sizes, "UID:"); found {
		if uid, _, ok := number(after); ok {
			v.UID = uid
		}
	}
	return &Event{Kind: OOMKill, Name: v.Name, PID: v.PID, Victim: v}
}

// cutLast cuts a text at the last of several separators.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
