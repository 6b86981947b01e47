package changes

import (
	"strings"
	"time"
)

// parseDpkg takes a line of dpkg.log:
//
//	2026-01-31 14:36:25 upgrade libc6:amd64 2.36-9+deb12u9 2.36-9+deb12u10
//	2026-01-31 14:36:26 install nginx:amd64 <none> 1.22.1-9
//	2026-01-31 14:36:27 remove nginx:amd64 1.22.1-9 <none>
//
// The lines about states and triggers say nothing more.
func parseDpkg(b *ledger, line string) {
	const stamp = len(time.DateTime)
	// Most lines are "status", "configure" and "trigproc".
	if len(line) <= stamp+1 || strings.IndexByte("iurp", line[stamp+1]) < 0 {
		return
	}
	fields := strings.SplitN(line[stamp:], " ", 6) // the first is empty
	if len(fields) < 5 || fields[0] != "" {
		return
	}
	var action string
	switch fields[1] {
	case "install":
		action = "installed"
	case "upgrade":
		action = "upgraded"
	case "remove", "purge":
		action = "removed"
	default:
		return
	}
	t, err := time.ParseInLocation(time.DateTime, line[:stamp], b.zone)
	if err != nil {
		return
	}
	from, to := strings.Trim(fields[3], "<>"), strings.Trim(fields[4], "<>")
	if from == "none" {
		from = ""
	}
	if to == "none" || action == "removed" {
		to = ""
	}
	name, _, _ := strings.Cut(fields[2], ":")
	if from != "" && to != "" { // also of a package that was removed, but not purged
		action = direction(from, to)
	}
	b.entry(t, action, name, from, to)
}

// parseAptHistory takes a line of apt's history.log:
//
//	Start-Date: 2026-01-31  14:36:20
//	Commandline: apt-get install -y nginx
//	Requested-By: alice (1000)
//	Install: nginx:amd64 (1.22.1-9), nginx-common:amd64 (1.22.1-9, automatic)
//	Upgrade: libc6:amd64 (2.36-9+deb12u9, 2.36-9+deb12u10)
//	Error: Sub-process /usr/bin/dpkg returned an error code (1)
//	End-Date: 2026-01-31  14:36:28
func parseAptHistory(b *ledger, line string) {
	key, value, ok := strings.Cut(line, ": ")
	if !ok {
		return
	}
	if key == "Start-Date" {
		if t, err := time.ParseInLocation("2006-01-02  15:04:05", strings.TrimSpace(value), b.zone); err == nil {
			b.begin(t, "", "")
			b.open.requested = make(map[string]bool)
		}
		return
	}
	if b.open == nil {
		return
	}
	switch key {
	case "Commandline":
		b.open.command = text(value)
	case "Requested-By":
		b.open.by = text(value)
	case "Install":
		b.aptPackages("installed", value)
	case "Upgrade":
		b.aptPackages("upgraded", value)
	case "Downgrade":
		b.aptPackages("downgraded", value)
	case "Reinstall":
		b.aptPackages("reinstalled", value)
	case "Remove", "Purge":
		b.aptPackages("removed", value)
	case "Error":
		b.open.failed = true
	case "End-Date":
		if t, err := time.ParseInLocation("2006-01-02  15:04:05", strings.TrimSpace(value), b.zone); err == nil && t.After(b.open.start) {
			b.open.end = t
		}
		b.runs = append(b.runs, *b.open)
		b.open = nil
	}
}

// aptPackages takes "name:arch (version), name:arch (from, to, automatic)".
func (b *ledger) aptPackages(action, list string) {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, "), ")
		name, versions, ok := strings.Cut(strings.TrimSuffix(one, ")"), " (")
		name, _, _ = strings.Cut(name, ":")
		if !ok || name == "" {
			continue
		}
		parts := strings.Split(versions, ", ")
		automatic := parts[len(parts)-1] == "automatic"
		if automatic {
			parts = parts[:len(parts)-1]
		}
		p := Package{Name: text(name), Action: action, Time: b.open.start}
		switch {
		case len(parts) == 0:
		case len(parts) > 1:
			p.From, p.To = text(parts[0]), text(parts[1])
		case action == "removed":
			p.From = text(parts[0])
		default:
			p.To = text(parts[0])
		}
		if !automatic {
			b.open.requested[p.Name] = true
		}
		b.open.entries = append(b.open.entries, packageEntry{Package: p, source: b.source})
	}
}
