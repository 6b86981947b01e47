package checktest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const unprivileged = "GUMSHOE_TEST_AS_NOBODY"

// AsNobody runs the test again as user 65534, without capabilities, and tells
// whether this is that run.
func AsNobody(t *testing.T) bool {
	t.Helper()
	if os.Getenv(unprivileged) != "" {
		return true
	}
	Need(t, "root, to become an ordinary user", os.Geteuid() == 0)
	self, err := os.ReadFile("/proc/self/exe") // its own directory is closed to others
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "gumshoe") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	copied := filepath.Join(dir, "test")
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the other user runs what is in it
		t.Fatal(err)
	}
	WriteProgram(t, copied, self)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, copied, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = []string{unprivileged + "=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS") {
		t.Errorf("as user 65534: %v\n%s", err, output)
	}
	return false
}
