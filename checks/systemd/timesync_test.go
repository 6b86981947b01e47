package systemd

import (
	"bufio"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"gumshoe/checks/checktest"
)

// messageBus starts a message bus of its own and gives the runtime folder.
func messageBus(t *testing.T) string {
	t.Helper()
	_, err := exec.LookPath("dbus-daemon")
	checktest.Need(t, "the program dbus-daemon", err == nil)
	run := t.TempDir()
	if err := os.MkdirAll(filepath.Join(run, "dbus"), 0o750); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address", "--address=unix:path="+BusPath(run))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "unix:path=") {
		t.Fatalf("the bus said %q, %v", line, err)
	}
	return run
}

// timesyncd stands on the bus for systemd-timesyncd, which itself would set the
// clock of this machine: it has the properties of the real one.
type timesyncd struct {
	mu         sync.Mutex
	properties map[string]dbus.Variant
}

func (f *timesyncd) Get(of, property string) (dbus.Variant, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, ok := f.properties[property]
	if !ok || of != timesyncInterface {
		return dbus.Variant{}, dbus.MakeFailedError(os.ErrNotExist)
	}
	return value, nil
}

func TestAskTimeSync(t *testing.T) {
	run := messageBus(t)
	if _, err := AskTimeSync(t.Context(), run); err == nil {
		t.Error("nobody is on the bus, and an answer came")
	}
	conn, err := dbus.Connect("unix:path=" + BusPath(run))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const now = 1_700_000_000_000_000
	// Our clock is 3 s ahead; each way takes 10 ms.
	message := ntpMessage{
		Version: 4, Mode: 4, Stratum: 2, Reference: []byte{1, 2, 3, 4}, PacketCount: 7,
		Origin: now + 3_000_000, Receive: now + 10_000, Transmit: now + 10_000, Destination: now + 3_020_000,
	}
	fake := &timesyncd{properties: map[string]dbus.Variant{
		"ServerName": dbus.MakeVariant("time.example"), "NTPMessage": dbus.MakeVariant(message),
	}}
	if err := conn.Export(fake, timesyncPath, "org.freedesktop.DBus.Properties"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(timesyncName, 0); err != nil {
		t.Fatal(err)
	}
	got, err := AskTimeSync(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.OffsetSeconds-3) > 1e-9 || got.Server != "time.example" || got.Stratum != 2 || got.Exchanges != 7 {
		t.Errorf("got %+v, want a clock 3 s ahead of time.example", got)
	}
	fake.mu.Lock()
	fake.properties["NTPMessage"] = dbus.MakeVariant("garbage")
	fake.mu.Unlock()
	if got, err := AskTimeSync(t.Context(), run); err == nil {
		t.Errorf("garbage gave %+v", got)
	}
}
