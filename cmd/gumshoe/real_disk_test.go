package main

// Disks and file systems that make programs wait, each in its own way, and told
// apart by disk-slow; and a file system that an error has made read-only, which
// disk-full tells from one that is read-only on purpose.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// diskTasks are the helper processes of this file.
func diskTasks() map[string]func(argument string) {
	return map[string]func(string){"read": readDirectly, "sync": syncAlways}
}

// bigFile is how much the readers read, over and over again, in bytes.
const bigFile = 256 << 20

// readDirectly reads a large file at random past the page cache, without end,
// with as many requests at once as a busy database has.
func readDirectly(path string) {
	const readers, size = 48, 256 << 10
	failed := make(chan error, readers)
	for range readers {
		go func() {
			file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECT, 0)
			if err != nil {
				failed <- err
				return
			}
			defer file.Close()
			block, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
			for err == nil { // a block of mmap is aligned, as O_DIRECT asks
				_, err = file.ReadAt(block, rand.Int64N(bigFile/size)*size)
			}
			failed <- err
		}()
	}
	fmt.Println("ready")
	fmt.Println(<-failed)
}

// syncAlways writes 4 KiB to a file of its own in a directory and waits until
// they are safe, without end.
func syncAlways(dir string) {
	file, err := os.CreateTemp(dir, "sync")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	fmt.Println("ready")
	for block := make([]byte, 4096); err == nil; {
		if _, err = file.WriteAt(block, 0); err == nil {
			err = file.Sync()
		}
	}
	fmt.Println(err)
}

// tool runs a program of the system and gives what it says.
func tool(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	out, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(arguments, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// loopDisk makes an ext4 on a loop device over a file in a directory, and mounts
// it. It gives the device's name, such as loop3, and where it is mounted.
func loopDisk(t *testing.T, in string, size int64, options string) (device, mount string) {
	t.Helper()
	_, err := os.Stat("/dev/loop-control")
	checktest.Need(t, "loop devices", err == nil)
	image, mount := filepath.Join(in, "image"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	// Past the page cache, else an image on an image is only as slow as memory.
	path := tool(t, "losetup", "--find", "--show", "--direct-io=on", image)
	t.Cleanup(func() { tool(t, "losetup", "--detach", path) })
	tool(t, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
	tool(t, "mount", "-t", "ext4", "-o", options, path, mount)
	t.Cleanup(func() {
		waitFor(t, mount+" is unmounted", time.Minute, func() bool {
			err := syscall.Unmount(mount, 0)
			return err == nil || errors.Is(err, syscall.EINVAL)
		})
	})
	return filepath.Base(path), mount
}

// start prepares a program that is killed when the test ends, after all that is
// made between the two and undone by then: what it hangs on cannot be killed.
func start(t *testing.T, argv ...string) (begin func() *exec.Cmd) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return func() *exec.Cmd {
		t.Helper()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
}

// Without a fault no disk is accused, also when one is written to as asked for.
// Who else uses this machine may be felt: then it is looked at again.
func TestRealDiskHealthy(t *testing.T) {
	needReal(t)
	const tries = 12
	for try := 1; ; try++ {
		r, exit := diagnose(t, "disk-slow", "path="+t.TempDir(), "since=1m")
		if r.Status == engine.StatusHealthy && exit == 0 {
			t.Logf("healthy at try %d", try)
			return
		}
		if try < tries {
			continue
		}
		// The kernel's messages may reach back less far, when other tests write many.
		if len(told(r)) > 0 || !strings.Contains(verdicts(r), "unknown") {
			t.Fatalf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
		}
		t.Logf("not everything could be seen: %s", r.Headline)
		return
	}
}

// realDisk gives a directory on a disk with a large file in it, or skips the test.
func realDisk(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "big")
	tool(t, "dd", "if=/dev/urandom", "of="+file, "bs=1M", fmt.Sprintf("count=%d", bigFile>>20), "conv=fsync")
	probe, err := os.OpenFile(file, os.O_RDONLY|syscall.O_DIRECT, 0)
	checktest.Need(t, "a temporary folder on a disk", err == nil)
	_ = probe.Close()
	return dir, file
}

// A program asks more of the disk than it can do, and is named with it.
func TestRealDiskBusy(t *testing.T) {
	needReal(t)
	_, file := realDisk(t)
	helper(t, "read", file)
	r, exit := diagnoseAmidOthers(t, []string{"busy"}, "disk-slow")
	wantConfirmed(t, r, exit, "busy")
	// The program stands with the evidence, also when some others cannot be looked at.
	if !strings.Contains(verdicts(r), helperName()+": ") {
		t.Errorf("%s is not named\n%s", helperName(), verdicts(r))
	}
}

// A frozen file system: its writers hang, and no disk has anything to do.
func TestRealDiskFrozen(t *testing.T) {
	needReal(t)
	_, mount := loopDisk(t, t.TempDir(), 64<<20, "defaults")
	write := start(t, "dd", "if=/dev/zero", "of="+filepath.Join(mount, "log"), "bs=4k", "count=1")
	tool(t, "fsfreeze", "--freeze", mount)
	t.Cleanup(func() { tool(t, "fsfreeze", "--unfreeze", mount) })
	pid := write().Process.Pid
	waitFor(t, "dd hangs", time.Minute, func() bool { return stateOf(pid) == 'D' })
	// With the path too: ours must not hang with it.
	for _, arguments := range [][]string{{"disk-slow"}, {"disk-slow", "path=" + mount}} {
		r, exit := diagnoseAmidOthers(t, []string{"frozen"}, arguments...)
		wantConfirmed(t, r, exit, "frozen")
		wantSubject(t, r, "frozen", "dd")
	}
}

// throttled makes a control group that may make so many requests a second of a
// device, and gives what puts a process into it.
func throttled(t *testing.T, device string, perSecond int) (join func(pid int) error) {
	t.Helper()
	number, err := os.ReadFile(filepath.Join("/sys/class/block", device, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	dir, settings := "/sys/fs/cgroup/blkio", []string{"blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device"}
	text := fmt.Sprintf("%s %d", bytes.TrimSpace(number), perSecond)
	if _, err := os.Stat(dir); err != nil {
		dir, settings = "/sys/fs/cgroup", []string{"io.max"}
		text = fmt.Sprintf("%s riops=%d wiops=%d", bytes.TrimSpace(number), perSecond, perSecond)
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+io"), 0o600)
	}
	dir = filepath.Join(dir, fmt.Sprintf("gumshoe-test-disk-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		waitFor(t, dir+" is removed", time.Minute, func() bool { return os.Remove(dir) == nil })
	})
	for _, setting := range settings {
		err := os.WriteFile(filepath.Join(dir, setting), []byte(text), 0o600)
		checktest.Need(t, "control groups that can bound disk I/O", err == nil)
	}
	return func(pid int) error {
		return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(pid)), 0o600)
	}
}

// A control group's limit holds requests back, and the disk is idle.
func TestRealDiskHeldBack(t *testing.T) {
	needReal(t)
	device, mount := loopDisk(t, t.TempDir(), 64<<20, "defaults")
	limitedReader(t, mount, device)
	r, exit := diagnoseAmidOthers(t, []string{"held_back"}, "disk-slow")
	wantConfirmed(t, r, exit, "held_back")
	wantSubject(t, r, "held_back", "dd")
}

// The disk itself is slow: an image on a device that does eight requests a second.
func TestRealDiskSlow(t *testing.T) {
	needReal(t)
	slow, below := loopDisk(t, t.TempDir(), 128<<20, "defaults")
	device, mount := loopDisk(t, below, 64<<20, "defaults")
	limitedReader(t, mount, slow)
	r, exit := diagnoseAmidOthers(t, []string{"slow_device"}, "disk-slow")
	wantConfirmed(t, r, exit, "slow_device")
	wantSubject(t, r, "slow_device", device)
}

// limitedReader reads from a mount, without end as far as a test is concerned,
// by a dd that may make eight requests a second of a device.
func limitedReader(t *testing.T, mount, device string) {
	t.Helper()
	file := filepath.Join(mount, "data")
	tool(t, "dd", "if=/dev/zero", "of="+file, "bs=1M", "count=32", "conv=fsync")
	join := throttled(t, device, 8)
	// It waits for a line until it is in the group.
	cmd := exec.Command("sh", "-c", `read line && exec dd if="$0" of=/dev/null bs=4k iflag=direct`, file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if err := join(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "dd waits for the disk", time.Minute, func() bool { return stateOf(cmd.Process.Pid) == 'D' })
}

// A file system that an error has made read-only is told from one that is so on
// purpose.
func TestRealDiskReadOnly(t *testing.T) {
	needReal(t)
	device, broken := loopDisk(t, t.TempDir(), 64<<20, "errors=remount-ro")
	_, meant := loopDisk(t, t.TempDir(), 64<<20, "ro")
	r, exit := diagnose(t, "disk-full", "path="+broken)
	if r.Status != engine.StatusHealthy || exit != 0 {
		t.Errorf("before the error: got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
	}
	trigger := filepath.Join("/sys/fs/ext4", device, "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "writes are refused", time.Minute, func() bool {
		return errors.Is(os.WriteFile(filepath.Join(broken, "x"), nil, 0o600), syscall.EROFS)
	})
	r, exit = diagnose(t, "disk-full", "path="+broken)
	wantConfirmed(t, r, exit, "read_only")
	wantSubject(t, r, "read_only", broken)

	r, _ = diagnose(t, "disk-full")
	wantSubject(t, r, "read_only", broken)
	for _, h := range r.Hypotheses {
		if slices.Contains(h.Subjects, meant) {
			t.Errorf("%s accuses %s, which is read-only on purpose", h.ID, meant)
		}
	}
	r, exit = diagnose(t, "disk-full", "path="+meant)
	if r.Status != engine.StatusHealthy || exit != 0 {
		t.Errorf("read-only on purpose: got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
	}
}

// Programs that wait for every write to be safe keep a disk busy without a queue.
func TestRealDiskSyncs(t *testing.T) {
	needReal(t)
	_, mount := loopDisk(t, t.TempDir(), 64<<20, "defaults")
	for range 2 {
		helper(t, "sync", mount)
	}
	r, exit := diagnoseAmidOthers(t, []string{"syncs"}, "disk-slow")
	wantConfirmed(t, r, exit, "syncs")
}
