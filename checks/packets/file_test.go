package packets

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/packets/traffic"
)

// fixture is a capture of the shared ones.
func fixture(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(os.Getenv("GUMSHOE_FIXTURES"), "captures", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("GUMSHOE_FIXTURES has to name the folder with the captures")
	}
	return path
}

func TestFileConforms(t *testing.T) {
	checktest.Run(t, New(nil).File(), map[string]any{"path": fixture(t, "wikipedia.pcap")})
}

func look(t testing.TB, inputs map[string]any) (Traffic, []string) {
	t.Helper()
	out, o := checktest.Observe[Traffic](t, New(nil).File(), inputs)
	var unread []string
	for _, u := range o.Unread {
		unread = append(unread, u.Path)
	}
	return out, unread
}

func written(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileStates(t *testing.T) {
	plain, err := os.ReadFile(fixture(t, "wikipedia.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(plain)
	_ = w.Close()
	broken := bytes.Clone(plain)
	copy(broken[24+8:], []byte{255, 255, 255, 255}) // the length of the first packet
	program, _ := exec.CommandContext(t.Context(), "tcpdump", "-ddd", "-y", "EN10MB", "udp port 53").Output()
	for _, test := range []struct {
		name     string
		inputs   map[string]any
		packets  int64
		seen     int64
		complete bool
		summary  string
	}{
		{"plain", map[string]any{"path": written(t, "x", plain)}, 136, 136, true, "136 packets in 6.4 s: 4 DNS errors"},
		{"packed", map[string]any{"path": written(t, "x.gz", packed.Bytes())}, 136, 136, true, "136 packets in 6.4 s: 4 DNS errors"},
		{"cut off", map[string]any{"path": written(t, "x", plain[:len(plain)-9])}, 135, 135, false, "135 packets in 6.3 s: 4 DNS errors"},
		{"damaged at its beginning", map[string]any{"path": written(t, "x", broken)}, 0, 0, false, "0 packets"},
		{"packed and cut off", map[string]any{"path": written(t, "x.gz", packed.Bytes()[:packed.Len()/2])}, -1, -1, false, ""},
		{"a header alone", map[string]any{"path": written(t, "x", plain[:24])}, 0, 0, true, "0 packets"},
		{"nothing matches", map[string]any{"path": written(t, "x", plain), "filter": "port 9"}, 0, 136, true, "0 packets"},
		{"a port", map[string]any{"path": written(t, "x", plain), "port": 53}, 28, 136, true, ""},
		{"a host that is not in it", map[string]any{"path": written(t, "x", plain), "host": "192.0.2.1"}, 0, 136, true, "0 packets"},
		{"a filter and a port", map[string]any{"path": written(t, "x", plain), "filter": "tcp", "port": 53}, 0, 136, true, "0 packets"},
		{"a program", map[string]any{"path": written(t, "x", plain), "filter": string(program)}, 28, 136, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "a program" {
				checktest.Need(t, "tcpdump", len(program) > 0)
			}
			o, unread := look(t, test.inputs)
			if test.packets >= 0 && (o.Packets != test.packets || o.Seen != test.seen) {
				t.Errorf("%d of %d packets, want %d of %d", o.Packets, o.Seen, test.packets, test.seen)
			}
			if o.Complete != test.complete || (o.Incomplete == "") != test.complete {
				t.Errorf("complete %v %q", o.Complete, o.Incomplete)
			}
			if got := summarize(o); test.summary != "" && got != test.summary {
				t.Errorf("summary %q, want %q", got, test.summary)
			}
			if text := strings.Join(unread, " "); (o.Packets == 0) != strings.Contains(text, "from") || !strings.Contains(text, "lost") {
				t.Errorf("%d packets, unread %s", o.Packets, text)
			}
		})
	}
}

// TestFileNotRead: what cannot be looked at is an error that says what to do.
func TestFileNotRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	good := fixture(t, "wikipedia.pcap")
	for _, test := range []struct {
		name   string
		inputs map[string]any
		want   string
	}{
		{"not there", map[string]any{"path": "/nowhere/x.pcap"}, "does not exist"},
		{"a folder", map[string]any{"path": t.TempDir()}, "directory"},
		{"a pipe", map[string]any{"path": pipe}, "pipe"},
		{"no capture", map[string]any{"path": written(t, "x", []byte("hello, this is text and no capture"))}, "is"},
		{"empty", map[string]any{"path": written(t, "x", nil)}, "empty"},
		{"a program and a port", map[string]any{"path": good, "filter": "1\n6 0 0 65535\n", "port": 80}, "cannot be joined"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := checktest.Look(t, New(nil).File(), test.inputs)
			if o.Output != nil || !strings.Contains(o.Reason, test.want) {
				t.Errorf("got %v %q, want %q", o.Output != nil, o.Reason, test.want)
			}
			t.Log(o.Reason, "| fix:", o.Fix)
		})
	}
}

// TestFileAgainstTcpdump holds how many packets match against tcpdump.
func TestFileAgainstTcpdump(t *testing.T) {
	_, err := exec.LookPath("tcpdump")
	checktest.Need(t, "tcpdump", err == nil)
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(fixture(t, "wikipedia.pcap")), "*.pcap*"))
	compared := 0
	for _, file := range files {
		unpacked := file
		if strings.HasSuffix(file, ".gz") {
			unpacked = unpack(t, file)
		}
		for _, filter := range []string{
			"", "tcp", "udp", "icmp or icmp6", "arp", "port 53", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "host 10.0.0.1 or net 192.168.0.0/16",
			"greater 500", "not tcp", "ip6", "vlan", "tcp dst portrange 1-1023 and len <= 1000", "ether broadcast",
		} {
			text, err := exec.CommandContext(t.Context(), "tcpdump", "-nn", "-r", unpacked, "--count", filter).Output()
			if err != nil {
				continue // the filter is not for this link
			}
			want, _, _ := strings.Cut(string(text), " ")
			o, _ := look(t, map[string]any{"path": file, "filter": filter})
			if got := strconv.FormatInt(o.Packets, 10); got != want {
				t.Errorf("%s %q: got %s, want %s", filepath.Base(file), filter, got, want)
			}
			compared++
		}
	}
	if compared < 10*len(files) {
		t.Errorf("only %d were compared", compared)
	}
}

func unpack(t testing.TB, path string) string {
	t.Helper()
	packed, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, "unpacked.pcap", data)
}

// TestSummary: what stands out is read out.
func TestSummary(t *testing.T) {
	for _, test := range []struct {
		o    Traffic
		want string
	}{
		{Traffic{Packets: 3, Seconds: 0.25}, "3 packets in 250 ms"},
		{Traffic{Packets: 3, Seconds: 600, TCP: traffic.TCP{Refused: 2, BlackHoled: 1}}, "3 packets in 10 min: 1 connections in a black hole, 2 refused"},
		{Traffic{Packets: 3, Lost: 7}, "3 packets: 7 lost by the capture"},
	} {
		if got := summarize(test.o); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestHost: a zone is no part of a filter, and IPv6 is not changed.
func TestHost(t *testing.T) {
	for host, want := range map[string]string{"::ffff:10.0.0.1": "10.0.0.1", "fe80::1%lo": "fe80::1", "10.0.0.1": "10.0.0.1"} {
		got, err := addressesOf(context.Background(), host)
		if err != nil || len(got) != 1 || netip.MustParseAddr(got[0]) != netip.MustParseAddr(want) {
			t.Errorf("%s: %v %v", host, got, err)
		}
	}
}
