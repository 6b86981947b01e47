package changes

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strings"
)

// readKernel compares the running kernel with those that are installed.
func readKernel(_ context.Context, l *look) {
	all, err := os.ReadFile(l.path("proc/sys/kernel/osrelease"))
	running := text(strings.TrimSpace(string(all)))
	if err != nil {
		reason, _ := why(l.path("proc/sys/kernel/osrelease"), err)
		l.unread("running_kernel", reason, "mount procfs there")
	}
	l.o.RunningKernel = running
	asked := l.rebootRequired()
	installed, gone := l.installedKernels()
	newest := newestLike(installed, running)
	l.o.NewestKernel = newest
	switch {
	case asked != "":
		l.o.RebootPending, l.o.RebootPendingBecause = true, asked
	case err == nil && newest != "" && compareVersions(newest, running) > 0:
		l.o.RebootPending = true
		l.o.RebootPendingBecause = "kernel " + newest + " is installed, and " + running + " runs"
	}
	if newest != "" && err == nil && gone.reason == "" {
		return
	}
	reason, fix := "no kernel is installed in "+l.path("boot")+" or "+l.path("lib/modules"), "look at the host, if this is a container"
	switch {
	case gone.reason != "":
		reason, fix = gone.reason, gone.fix
	case newest != "":
		reason, fix = "the running kernel is not known", "mount procfs at "+l.path("proc")
	}
	if newest == "" || gone.reason != "" {
		l.unread("newest_kernel", reason, fix)
	}
	if asked == "" {
		l.unread("reboot_pending", reason, fix)
		l.unread("reboot_pending_because", reason, fix)
	}
}

// rebootRequired says what Debian and Ubuntu want a reboot for; "" for nothing.
func (l *look) rebootRequired() string {
	path := l.path("run/reboot-required")
	if _, err := os.Lstat(path); err != nil {
		return ""
	}
	because := path + " is there"
	if file, _, err := openRegular(path + ".pkgs"); err == nil {
		defer file.Close()
		names, _ := io.ReadAll(io.LimitReader(file, 4096))
		list := strings.Fields(string(names))
		slices.Sort(list)
		if list = slices.Compact(list); len(list) > 0 {
			because += " because of " + strings.Join(list, ", ")
		}
	}
	return text(because)
}

// installedKernels lists the releases in /boot and /lib/modules. A folder that we
// may not read is a gap.
func (l *look) installedKernels() (releases []string, unread gap) {
	for _, folder := range []struct{ path, prefix string }{
		{"boot", "vmlinuz-"}, {"lib/modules", ""}, {"usr/lib/modules", ""},
	} {
		entries, err := os.ReadDir(l.path(folder.path))
		if err != nil {
			if !os.IsNotExist(err) {
				unread.reason, unread.fix = why(l.path(folder.path), err)
			}
			continue
		}
		for _, entry := range entries[:min(len(entries), 1000)] {
			release, ok := strings.CutPrefix(entry.Name(), folder.prefix)
			// vmlinuz-linux of Arch, and rescue kernels, have no release.
			if ok && leading(release, true) > 0 && !strings.HasSuffix(release, ".old") {
				releases = append(releases, text(release))
			}
		}
	}
	return releases, unread
}

// newestLike finds the newest of the kernels that are of the running one's
// flavour, such as amd64 or generic; when there is none, the newest of all.
func newestLike(releases []string, running string) string {
	like := slices.DeleteFunc(slices.Clone(releases), func(r string) bool { return flavour(r) != flavour(running) })
	if len(like) == 0 {
		like = releases
	}
	if len(like) == 0 {
		return ""
	}
	return slices.MaxFunc(like, func(a, b string) int { return cmp.Or(compareVersions(a, b), strings.Compare(a, b)) })
}

// flavour is what a release ends in that is not about its version: amd64 in
// 6.1.0-18-amd64, cloud-amd64, generic, lts. Fedora's fc43.x86_64 has a number of
// the distribution, which a release upgrade changes.
func flavour(release string) string {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r == '-' || r == '.' || r == '+' })
	var kept []string
	for _, p := range slices.Backward(parts) {
		if p == "" || (p[0] >= '0' && p[0] <= '9') {
			break
		}
		kept = append(kept, strings.TrimRight(p, "0123456789"))
	}
	return strings.Join(kept, " ")
}
