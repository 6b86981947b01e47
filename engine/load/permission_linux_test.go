package load_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"gumshoe/engine/load"
)

// TestNoPermission loads a file that may not be read, as nobody when the test
// runs as root.
func TestNoPermission(t *testing.T) {
	path := filepath.Join(t.TempDir(), "closed.yaml")
	if err := os.WriteFile(path, []byte("runbook: closed\n"), 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		const nobody = 65534
		runtime.LockOSThread() // never unlocked: the thread ends with the test
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setfsuid(0) }()
	}
	loader := &load.Loader{Registry: registry(t)}
	book, faults := loader.Load(path)
	if book != nil || len(faults) != 1 {
		t.Fatalf("got a runbook: %t, faults %v", book != nil, faults)
	}
	if got := faults[0].Error(); !strings.Contains(got, path) || !strings.Contains(got, "ermission") {
		t.Errorf("got %q, want the path and what is not permitted", got)
	}
}
