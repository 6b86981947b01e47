package changes

import (
	"strings"
	"time"
)

// stamp cuts a time with its zone off a line: 2026-01-31T14:36:25+0100 or
// 2026-01-31T13:36:25Z.
func stamp(line string) (t time.Time, rest string, ok bool) {
	digits, rest, ok := strings.Cut(line, " ")
	if !ok {
		return t, "", false
	}
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if t, err := time.Parse(layout, digits); err == nil {
			return t, rest, true
		}
	}
	return t, "", false
}

// parseDNF takes a line of dnf.rpm.log, of which an upgrade has two:
//
//	2026-01-31T14:36:25+0100 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.el9.x86_64
//	2026-01-31T14:36:26+0100 SUBDEBUG Upgraded: openssl-libs-1:3.0.7-27.el9.x86_64
func parseDNF(b *ledger, line string) {
	t, rest, ok := stamp(line)
	if !ok {
		return
	}
	_, message, ok := strings.Cut(rest, " ")
	switch {
	case !ok:
		return
	case strings.HasPrefix(message, "--- logging initialized ---"):
		b.begin(t, "", "")
		return
	}
	what, nevra, ok := strings.Cut(message, ": ")
	if ok {
		b.rpm(t, what, nevra)
	}
}

// rpm takes what dnf and yum say of a package.
func (b *ledger) rpm(t time.Time, what, nevra string) {
	name, version := splitNEVRA(nevra)
	switch what {
	case "Installed":
		b.entry(t, "installed", name, "", version)
	case "Upgrade", "Updated":
		b.entry(t, "upgraded", name, "", version)
	case "Upgraded":
		b.entry(t, "upgraded", name, version, "")
	case "Downgrade":
		b.entry(t, "downgraded", name, "", version)
	case "Downgraded":
		b.entry(t, "downgraded", name, version, "")
	case "Reinstall":
		b.entry(t, "reinstalled", name, version, version)
	case "Erase", "Erased", "Removed", "Obsoleted":
		b.entry(t, "removed", name, version, "")
	}
}

// parseDNF5 takes a line of dnf5.log. An upgrade installs the new version, and
// uninstalls the old one.
//
//	2026-01-31T14:36:20+0000 [714] INFO --- DNF5 launched with arguments: "dnf upgrade" ---
//	2026-01-31T14:36:25+0000 [714] INFO RPM callback install start "acpi-0:1.7-21.fc43.x86_64" total 9084
//	2026-01-31T14:36:26+0000 [714] INFO RPM callback uninstall start "acpi-0:1.7-20.fc43.x86_64" total 7
func parseDNF5(b *ledger, line string) {
	_, message, ok := strings.Cut(line, "] INFO ") // most lines are for debugging
	if !ok {
		if b.open != nil && strings.Contains(line, "] ERROR RPM callback ") {
			b.open.failed = true
		}
		return
	}
	t, _, ok := stamp(line)
	if !ok {
		return
	}
	if command, ok := strings.CutPrefix(message, "--- DNF5 launched with arguments: "); ok {
		b.begin(t, strings.Trim(strings.TrimSuffix(command, " ---"), `"`), "")
		return
	}
	for _, of := range []struct{ prefix, action string }{
		{`RPM callback install start "`, "installed"},
		{`RPM callback uninstall start "`, "removed"},
	} {
		if rest, ok := strings.CutPrefix(message, of.prefix); ok {
			nevra, _, _ := strings.Cut(rest, `"`)
			name, version := splitNEVRA(nevra)
			if of.action == "removed" {
				b.entry(t, of.action, name, version, "")
			} else {
				b.entry(t, of.action, name, "", version)
			}
		}
	}
}

// parseYum takes a line of yum.log, which leaves out the year:
//
//	Jan 31 14:36:25 Updated: 1:openssl-libs-1.0.2k-26.el7_9.x86_64
func parseYum(b *ledger, line string) {
	const layout = "Jan _2 15:04:05"
	if len(line) <= len(layout) {
		return
	}
	t, err := time.ParseInLocation(layout, line[:len(layout)], b.zone)
	what, nevra, ok := strings.Cut(strings.TrimSpace(line[len(layout):]), ": ")
	if err != nil || !ok {
		return
	}
	// The year in which the log was written last, or the one before.
	last := b.modified.In(b.zone)
	t = t.AddDate(last.Year(), 0, 0)
	if t.After(last.Add(24 * time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	if epoch, rest, ok := strings.Cut(nevra, ":"); ok && strings.Trim(epoch, "0123456789") == "" {
		nevra = rest
	}
	b.rpm(t, what, nevra)
}

// parseZypp takes a line of zypp/history:
//
//	2026-01-31 14:36:20|command|root@web1|'zypper' 'install' 'vim'|
//	2026-01-31 14:36:25|install|vim|9.1.0330-1.1|x86_64|root@web1|repo-oss|f0…|
//	2026-01-31 14:36:26|remove |nano|7.2-1.1|x86_64|root@web1|
//
// It has the version since, and not the one before: what was installed already
// is told from what was not by nothing.
func parseZypp(b *ledger, line string) {
	fields := strings.Split(line, "|")
	if len(fields) < 4 {
		return
	}
	t, err := time.ParseInLocation(time.DateTime, fields[0], b.zone)
	if err != nil {
		return
	}
	switch strings.TrimSpace(fields[1]) {
	case "command":
		by, _, _ := strings.Cut(fields[2], "@")
		b.begin(t, strings.ReplaceAll(fields[3], "'", ""), by)
	case "install":
		b.entry(t, "changed", fields[2], "", fields[3])
	case "remove":
		b.entry(t, "removed", fields[2], fields[3], "")
	}
}

// splitNEVRA splits name-[epoch:]version-release.arch. An epoch of 0 is none.
func splitNEVRA(nevra string) (name, version string) {
	nevra = strings.TrimSpace(nevra)
	if dot := strings.LastIndexByte(nevra, '.'); dot >= 0 && !strings.Contains(nevra[dot:], "-") {
		nevra = nevra[:dot]
	}
	release := strings.LastIndexByte(nevra, '-')
	if release < 0 {
		return nevra, "" // yum tells only the name of what it erased
	}
	start := strings.LastIndexByte(nevra[:release], '-')
	if start < 0 {
		return nevra, ""
	}
	return nevra[:start], strings.TrimPrefix(nevra[start+1:], "0:")
}
