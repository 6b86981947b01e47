package render

import (
	"fmt"
	"io"
	"strings"
)

// DoctorText writes what doctor found for a person, on one screen: what is
// missing stands a line each, what is well together.
func DoctorText(w io.Writer, d *Doctor, o Options) error {
	p := newPage(o)
	p.doctorHead(d)
	p.blank()
	p.doctorVerdict(d)
	p.doctorChecks(d.Checks)
	p.doctorFixes(d.Fixes)
	return p.flush(w)
}

// DoctorJSON writes what doctor found as one object, in the form DoctorForm.
func DoctorJSON(w io.Writer, d *Doctor) error { return writeJSON(w, d) }

func (p *page) doctorHead(d *Doctor) {
	rest := joinNonEmpty(" · ", "what it can see", onTarget(d.Target))
	name := "gumshoe " + Clean(d.Version)
	p.line(p.in(bold, name), " · ", fit(rest, p.Width-width(name)-3))
	row := func(label, text string) {
		if text != "" {
			p.hang(p.in(dim, "  "+pad(label, 9)), 11, text)
		}
	}
	h := d.Host
	row("host", joinNonEmpty(" · ", Clean(h.Distribution), Clean(h.Kernel), cgroupNote(h.Cgroup)))
	row("inside", insideNote(h))
	row("runs as", userNote(h))
	row("config", configurationNote(d.Configuration))
	row("state", stateNote(d.State))
	row("runbooks", runbooksNote(d.Runbooks))
	for _, w := range d.Warnings {
		p.doctorFault(p.in(magenta, "!"), w)
	}
}

func (p *page) doctorFault(sign string, f DoctorFault) {
	p.hang("  "+sign+" ", 4, joinNonEmpty(": ", Clean(f.What), Clean(f.Reason)))
	if f.Fix != "" {
		p.hang("    "+p.in(cyan, "→")+" ", 6, Clean(f.Fix))
	}
}

func cgroupNote(version string) string {
	if version == "none" {
		return "no cgroups"
	}
	return "cgroup " + strings.ReplaceAll(Clean(version), " and ", "+")
}

func insideNote(h DoctorHost) string {
	note := func(what string, i DoctorInside) string {
		if !i.Found {
			return ""
		}
		return joinNonEmpty(" ", Clean(i.What), what, "("+Clean(i.Because)+")")
	}
	text := joinNonEmpty(" · ", note("container", h.Container), note("virtual machine", h.VirtualMachine))
	if text == "" {
		return "no sign of a container or of a virtual machine"
	}
	return text
}

func userNote(h DoctorHost) string {
	who := joinNonEmpty(" ", Clean(h.User), fmt.Sprintf("(uid %d)", h.UserID))
	switch {
	case h.UserID == 0 && len(h.MissingCapabilities) == 0:
		return "root, with all capabilities that help"
	case h.UserID == 0:
		return "root, without " + strings.Join(h.MissingCapabilities, ", ")
	case len(h.Capabilities) > 0:
		return who + ", with " + strings.Join(h.Capabilities, ", ")
	}
	return who + ", without capabilities that help"
}

func configurationNote(c DoctorConfiguration) string {
	targets := "probes may go anywhere"
	if !c.AnyTarget {
		targets = "probes may go to " + plural(c.Targets, "target")
	}
	commands := "no command is allowed"
	if c.Commands > 0 {
		commands = plural(c.Commands, "command") + " allowed"
	}
	switch {
	case c.File == "":
		return joinNonEmpty(" · ", "no gumshoe.yaml: the defaults hold", commands)
	case !c.Usable:
		return Clean(c.File) + " cannot be used"
	}
	return joinNonEmpty(" · ", Clean(c.File), commands, targets, secretsNote(c.Secrets))
}

func secretsNote(secrets []DoctorSecret) string {
	if len(secrets) == 0 {
		return ""
	}
	return plural(len(secrets), "secret")
}

func stateNote(s DoctorState) string {
	can := "can be written"
	if !s.Writable {
		can = "cannot be written"
	}
	kept := "no run kept yet"
	if s.Runs > 0 {
		kept = plural(s.Runs, "run") + " kept"
		if s.Runs >= s.Keep {
			kept += ", the most"
		}
	}
	return joinNonEmpty(" · ", Clean(s.Folder), can, kept)
}

func runbooksNote(r DoctorRunbooks) string {
	from := []string{counted(r.Stock, "stock")}
	all := r.Stock
	for _, f := range r.Folders {
		all += f.Loaded
		if f.Loaded > 0 {
			from = append(from, fmt.Sprintf("%d in %s", f.Loaded, Clean(f.Folder)))
		}
	}
	load := fmt.Sprintf("%d load", all)
	if n := len(r.Broken); n > 0 {
		load += fmt.Sprintf(", %d not", n)
	}
	return joinNonEmpty(": ", load, joinNonEmpty(", ", from...))
}

// doctorVerdict writes the line that a reader looks for.
func (p *page) doctorVerdict(d *Doctor) {
	count := make(map[Sight]int)
	for _, c := range d.Checks {
		count[c.Sees]++
	}
	text := joinNonEmpty(", ", seeing(count[SeesAll], "all"), seeing(count[SeesPart], "part"),
		seeing(count[SeesNothing], "nothing"))
	text = joinNonEmpty(": ", plural(count[SeesAll]+count[SeesPart]+count[SeesNothing], "check")+" looked", text)
	if d.Status == DoctorReady {
		p.hangIn(p.in(well, "READY")+"  ", 7, text, bold)
		return
	}
	p.hangIn(p.in(badly, "BROKEN")+"  ", 8, plural(len(d.Faults), "fault")+" in gumshoe's own set-up", bold)
	const most = 6
	for i, f := range d.Faults {
		if i == most {
			p.line("  … and ", plural(len(d.Faults)-most, "more fault"), ": gumshoe doctor --format json")
			break
		}
		p.doctorFault(p.in(red, "✗"), f)
	}
	p.blank()
	p.hangIn("", 0, text, bold)
}

// seeing is how many checks see that much, or "" for none.
func seeing(n int, what string) string {
	if n == 1 {
		return "1 sees " + what
	}
	return counted(n, "see "+what)
}

// doctorChecks writes what each check can see: those that see nothing first. Long
// reasons are cut: gumshoe check CHECK and the JSON have them whole.
func (p *page) doctorChecks(checks []DoctorCheck) {
	names := 0
	for _, c := range checks {
		if c.Sees == SeesNothing || c.Sees == SeesPart {
			names = max(names, width(Clean(c.Name)))
		}
	}
	line := func(sign string, c DoctorCheck) {
		text := Clean(c.Reason)
		if n := len(c.hiddenFields()); c.Sees == SeesPart {
			text = plural(n, "field") + ": " + text
		}
		room := p.Width - 4 - names - 2
		if c.Sees == SeesNothing {
			room *= 2
		}
		p.hang(fmt.Sprintf("  %s %s  ", sign, pad(Clean(c.Name), names)), 4+names+2, fit(text, room))
	}
	for _, c := range checks {
		if c.Sees == SeesNothing {
			line(p.in(red, "✗"), c)
		}
	}
	for _, c := range checks {
		if c.Sees == SeesPart {
			line(p.in(magenta, "?"), c)
		}
	}
	var well, asked, risky []string
	for _, c := range checks {
		switch c.Sees {
		case SeesAll:
			well = append(well, Clean(c.Name))
		case NeedsInput:
			asked = append(asked, joinNonEmpty(" ", Clean(c.Name), askedNote(c)))
		case NotRun:
			risky = append(risky, joinNonEmpty(" ", Clean(c.Name), askedNote(c)))
		case SeesNothing, SeesPart:
		}
	}
	p.items("  "+p.in(green, "✓")+" ", 4, well)
	p.items("  "+p.in(dim, "– need input  "), 16, asked)
	p.items("  "+p.in(dim, "– not run  "), 13, risky)
}

func askedNote(c DoctorCheck) string {
	if text := joinNonEmpty("; ", Clean(strings.Join(c.Needs, ", ")), Clean(c.Reason)); text != "" {
		return "(" + text + ")"
	}
	return ""
}

// doctorFixes writes what to do to see more.
func (p *page) doctorFixes(fixes []DoctorFix) {
	const most = 6
	if len(fixes) == 0 {
		return
	}
	p.blank()
	p.line(p.in(bold, "To see more"))
	for i, f := range fixes {
		if i == most {
			p.line("  … and ", plural(len(fixes)-most, "more thing"), ": gumshoe doctor --format json")
			return
		}
		text := Clean(f.Fix)
		if len(f.Or) > 0 {
			text += ", or " + Clean(f.Or[0])
		}
		if more := len(f.Or) - 1; more > 0 {
			text += fmt.Sprintf(" (%s)", plural(more, "other way")+" for some of it")
		}
		p.doctorFix(text, f.Opens)
		if f.Note != "" {
			p.hangIn("    ", 4, Clean(f.Note), dim)
		}
	}
}

// doctorFix writes what to do, and beside it, where there is room, what that opens.
func (p *page) doctorFix(text string, opens []DoctorOpened) {
	var checks []string
	for _, o := range opens {
		part := "all"
		if !o.All {
			part = plural(o.Fields, "field")
		}
		checks = append(checks, fmt.Sprintf("%s (%s)", Clean(o.Check), part))
	}
	opened := strings.Join(checks, ", ")
	lines := wrap(text, p.Width-4)
	last := len(lines) - 1
	if gap := p.Width - 4 - width(lines[last]) - width(opened); gap >= 3 {
		lines[last] += strings.Repeat(" ", gap) + p.in(dim, opened)
		opened = ""
	}
	label := "  " + p.in(cyan, "→") + " "
	for _, line := range lines {
		p.line(label, line)
		label = "    "
	}
	if opened != "" {
		p.hangIn("    ", 4, opened, dim)
	}
}
