package changes

import (
	"path/filepath"
	"slices"
	"strings"
)

// place is a file or folder whose times are looked at, with all that is in it.
type place struct {
	// path is below the host's root; * stands for any folder.
	path string
	// kind is that of what is in it, unless kindOf says otherwise.
	kind string
	// shallow tells that what is in its folders is left out.
	shallow bool
}

// places lists where files are looked for. What is small stands first, so that a
// big /etc does not use up the time for it.
func places() []place {
	return []place{
		{path: "root/.ssh/authorized_keys", kind: "users"},
		{path: "root/.ssh/authorized_keys2", kind: "users"},
		{path: "var/spool/cron", kind: "cron"},
		{path: "var/spool/at", kind: "cron"},
		{path: "usr/lib/systemd/system", kind: "units"},
		{path: "lib/systemd/system", kind: "units"}, // where /lib is not a link
		{path: "usr/local/lib/systemd/system", kind: "units"},
		{path: "boot", kind: "kernel"},
		{path: "lib/modules", kind: "kernel", shallow: true},
		{path: "usr/lib/modules", kind: "kernel", shallow: true},
		{path: "usr/local/etc", kind: "configuration_files"},
		{path: "etc", kind: "configuration_files"},
		{path: "opt/*/etc", kind: "configuration_files"},
	}
}

// fileKinds are the kinds that places has.
func fileKinds() []string {
	return []string{"configuration_files", "units", "users", "cron", "kernel"}
}

// kindOf gives the kind of a file or folder at a path below the host's root.
func kindOf(path string, p place) string {
	switch {
	case p.kind == "units" && strings.HasSuffix(path, ".timer"):
		return "cron"
	case p.path != "etc":
		return p.kind
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/etc/"), "/")
	switch first {
	case "passwd", "group", "shadow", "gshadow", "subuid", "subgid", "sudoers", "sudoers.d", "doas.conf", "doas.d":
		return "users"
	case "crontab", "cron.d", "cron.hourly", "cron.daily", "cron.weekly", "cron.monthly", "cron.yearly", "crontabs",
		"cron.allow", "cron.deny", "anacrontab", "at.allow", "at.deny":
		return "cron"
	case "init.d", "rc.local", "rc.d", "rc0.d", "rc1.d", "rc2.d", "rc3.d", "rc4.d", "rc5.d", "rc6.d", "rcS.d", "runlevels":
		return "units"
	case "systemd":
		switch inside, _, deep := strings.Cut(rest, "/"); {
		case strings.Contains(rest, ".timer"):
			return "cron"
		case deep && (inside == "system" || inside == "user"), inside == "system", inside == "user":
			return "units"
		}
	case "sysctl.conf", "sysctl.d", "modprobe.d", "modules", "modules-load.d", "grub.d", "kernel", "dracut.conf",
		"dracut.conf.d", "mkinitcpio.conf", "initramfs-tools":
		return "kernel"
	case "default":
		if rest == "grub" || rest == "grub.d" || strings.HasPrefix(rest, "grub.d/") {
			return "kernel"
		}
	}
	return p.kind
}

// dull tells whether a file or folder changes without anyone's changing the
// host: caches, locks, copies that editors and programs keep.
func (w *walk) dull(path string) bool {
	name := filepath.Base(path)
	switch {
	case name == ".git", name == ".hg", name == ".bzr": // etckeeper's copy of what we see anyway
		return true
	case w.place.kind == "watched": // who names a file wants to know of it
		return false
	}
	for _, suffix := range []string{"~", "-", ".lock", ".swp", ".swx", ".swpx", ".pid", ".cache", ".tmp",
		".dpkg-old", ".dpkg-new", ".dpkg-tmp", ".rpmsave", ".pacsave", ".ucf-old", ".bak"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	if strings.HasPrefix(name, ".#") || (strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")) {
		return true
	}
	return slices.Contains([]string{
		"/etc/ld.so.cache", "/etc/mtab", "/etc/adjtime", "/etc/blkid.tab", "/etc/.updated", "/etc/udev/hwdb.bin",
		"/etc/lvm/archive", "/etc/lvm/backup", "/etc/lvm/cache", "/etc/cups/subscriptions.conf",
		"/etc/cups/subscriptions.conf.O", "/etc/pki/ca-trust/extracted", "/etc/alternatives/.lock",
	}, path)
}
