package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gumshoe/integrations/render"
)

// lookAround says what machine this is and as whom we run. The files are looked
// for below root; what cannot be read is left "".
func lookAround(root string) render.DoctorHost {
	at := hostFiles{root}
	h := render.DoctorHost{
		Kernel:       strings.TrimSpace(at.line("proc/sys/kernel/ostype") + " " + at.line("proc/sys/kernel/osrelease")),
		Distribution: at.distribution(),
		UserID:       os.Geteuid(),
		Container:    at.container(),
		Cgroup:       at.cgroup(),
	}
	h.User = at.user(h.UserID)
	h.VirtualMachine = at.virtualMachine()
	h.Capabilities, h.MissingCapabilities = at.capabilities()
	return h
}

// hostFiles reads the files that say what a machine is.
type hostFiles struct{ root string }

func (h hostFiles) text(path string) string {
	data, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil {
		return ""
	}
	return string(data)
}

func (h hostFiles) line(path string) string {
	first, _, _ := strings.Cut(h.text(path), "\n")
	return strings.TrimSpace(strings.Trim(first, "\x00"))
}

func (h hostFiles) exists(path string) bool {
	_, err := os.Stat(filepath.Join(h.root, path))
	return err == nil
}

// distribution is the PRETTY_NAME of os-release(5).
func (h hostFiles) distribution() string {
	for _, path := range []string{"etc/os-release", "usr/lib/os-release"} {
		for line := range strings.Lines(h.text(path)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				return strings.Trim(value, `"'`)
			}
		}
	}
	return ""
}

// user gives a name from /etc/passwd alone: a directory service could hang.
func (h hostFiles) user(id int) string {
	for line := range strings.Lines(h.text("etc/passwd")) {
		if parts := strings.Split(line, ":"); len(parts) > 2 && parts[2] == strconv.Itoa(id) {
			return parts[0]
		}
	}
	return ""
}

// capabilities gives those in effect of the few that let checks see more, and
// the others of them. The bits are those of linux/capability.h.
func (h hostFiles) capabilities() (held, missing []string) {
	held, missing = []string{}, []string{}
	bits := uint64(0)
	for line := range strings.Lines(h.text("proc/self/status")) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			bits, _ = strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		}
	}
	const override = 1 // CAP_DAC_OVERRIDE holds all that CAP_DAC_READ_SEARCH does
	for _, c := range []struct {
		name string
		bits uint64
	}{
		{"CAP_DAC_READ_SEARCH", 1<<2 | 1<<override},
		{"CAP_NET_RAW", 1 << 13},
		{"CAP_SYS_PTRACE", 1 << 19},
		{"CAP_SYS_ADMIN", 1 << 21},
		{"CAP_SYSLOG", 1 << 34},
	} {
		if bits&c.bits != 0 {
			held = append(held, c.name)
		} else {
			missing = append(missing, c.name)
		}
	}
	return held, missing
}

// container looks for what container engines leave, the surest first.
func (h hostFiles) container() render.DoctorInside {
	for e := range strings.SplitSeq(h.text("proc/1/environ"), "\x00") {
		if kind, ok := strings.CutPrefix(e, "container="); ok && kind != "" {
			return render.DoctorInside{Found: true, What: kind, Because: "/proc/1/environ"}
		}
	}
	if kind := h.line("run/systemd/container"); kind != "" {
		return render.DoctorInside{Found: true, What: kind, Because: "/run/systemd/container"}
	}
	for _, mark := range []struct{ path, kind string }{
		{".dockerenv", "docker"},
		{"run/.containerenv", "podman"},
		{"var/run/secrets/kubernetes.io", "kubernetes"},
	} {
		if h.exists(mark.path) {
			return render.DoctorInside{Found: true, What: mark.kind, Because: "/" + mark.path}
		}
	}
	// The first PID namespace always has this number (include/linux/proc_ns.h).
	const first = "pid:[4026531836]"
	if own, err := os.Readlink(filepath.Join(h.root, "proc/self/ns/pid")); err == nil && own != first {
		return render.DoctorInside{Found: true, Because: "own PID namespace"}
	}
	return render.DoctorInside{}
}

// virtualMachine looks for what hypervisors show: on x86 a flag of the
// processor, elsewhere the firmware's tables.
func (h hostFiles) virtualMachine() render.DoctorInside {
	vendor := h.line("sys/class/dmi/id/sys_vendor")
	if h.hypervisorFlag() {
		return render.DoctorInside{Found: true, What: vendor, Because: "/proc/cpuinfo"}
	}
	if h.exists("proc/device-tree/hypervisor") {
		return render.DoctorInside{Found: true, What: vendor, Because: "/proc/device-tree/hypervisor"}
	}
	for _, known := range []string{"QEMU", "KVM", "VMware", "Xen", "Parallels", "Apple Virtualization"} {
		if strings.HasPrefix(vendor, known) { // Amazon and Google name real machines so, too
			return render.DoctorInside{Found: true, What: vendor, Because: "/sys/class/dmi/id/sys_vendor"}
		}
	}
	return render.DoctorInside{}
}

// hypervisorFlag tells whether the processor says that it is not a real one.
func (h hostFiles) hypervisorFlag() bool {
	for line := range strings.Lines(h.text("proc/cpuinfo")) {
		if strings.HasPrefix(line, "flags") {
			return slices.Contains(strings.Fields(line), "hypervisor")
		}
	}
	return false
}

// cgroup gives the version of the control groups that are mounted.
func (h hostFiles) cgroup() string {
	old, _ := filepath.Glob(filepath.Join(h.root, "sys/fs/cgroup/*/cgroup.clone_children"))
	switch {
	case h.exists("sys/fs/cgroup/cgroup.controllers"):
		return "v2"
	case len(old) > 0 && h.exists("sys/fs/cgroup/unified/cgroup.procs"):
		return "v1 and v2"
	case len(old) > 0:
		return "v1"
	}
	return "none"
}

// writable tells whether files can be made in a folder, or whether it can itself
// be made where its nearest parent that exists is. Nothing is written.
func writable(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist) && folder != filepath.Dir(folder):
		return writable(filepath.Dir(folder))
	case err != nil:
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err // which call it was says nothing to a user
		}
		return fmt.Errorf("%s: %w", folder, err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", folder)
	}
	const write, search = 2, 1 // W_OK and X_OK of access(2)
	if err := syscall.Access(folder, write|search); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	return nil
}
