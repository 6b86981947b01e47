package capturefile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/pcapgo"
)

// tool finds a program of Wireshark's, and is of no use where it is not installed.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	return path
}

// frame is what every program can tell of a packet.
type frame struct {
	Time          string // in seconds, as tshark writes it; "" when there is none
	Wire          int
	Captured      int
	InterfaceName string
}

// compare reads a file, and has tshark read it: both see the same. tshark counts
// custom blocks among the frames, without a link type, and names interfaces of
// later sections by those of the first.
func compare(t *testing.T, path string) {
	t.Helper()
	tshark := tool(t, "tshark")
	var complaint bytes.Buffer
	c := exec.CommandContext(t.Context(), tshark, "-n", "-r", path, "-T", "fields", "-E", "occurrence=f",
		"-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len", "-e", "frame.interface_name", "-e", "frame.encap_type", "-e", "frame.section_number")
	c.Stderr = &complaint
	text, err := c.Output()
	if err != nil && len(text) == 0 {
		t.Fatalf("tshark: %v: %s", err, &complaint)
	}
	var want []frame
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if fields[4] == "" {
			continue
		}
		if fields[5] != "1" {
			fields[3] = ""
		}
		wire, err := strconv.Atoi(fields[1])
		captured, err2 := strconv.Atoi(fields[2])
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(line, err)
		}
		name := strings.NewReplacer(`\r`, " ", `\n`, " ").Replace(fields[3])
		want = append(want, frame{fields[0], wire, captured, name})
	}

	got, ours := frames(t, path)
	if len(got) != len(want) {
		t.Errorf("%d packets, and %d by tshark; we say: %v; it says: %s", len(got), len(want), ours, &complaint)
	}
	for i := range min(len(got), len(want)) {
		if want[i].InterfaceName == "unknown" || want[i].InterfaceName == "" { // its word for none
			got[i].InterfaceName = want[i].InterfaceName
		}
		if got[i] != want[i] {
			t.Fatalf("packet %d: %+v, and by tshark %+v", i+1, got[i], want[i])
		}
	}
	if whole := errors.Is(ours, io.EOF); whole != (err == nil) {
		t.Errorf("we say %v, and tshark %v: %s", ours, err, &complaint)
	}
}

// frames reads a file up to where it can be.
func frames(t *testing.T, path string) ([]frame, error) {
	t.Helper()
	r, err := open(t, path)
	if err != nil {
		return nil, err
	}
	var all []frame
	var p Packet
	for {
		if err := r.Next(&p); err != nil {
			return all, err
		}
		f := frame{Wire: p.WireLength, Captured: p.Captured, InterfaceName: r.interfaces[p.Interface].Name}
		if p.Timed {
			f.Time = seconds(p.Time)
		}
		all = append(all, f)
	}
}

// seconds writes a time as tshark does.
func seconds(ns int64) string {
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	fraction := "00000000" + strconv.FormatInt(ns%1e9, 10)
	return sign + strconv.FormatInt(ns/1e9, 10) + "." + fraction[len(fraction)-9:]
}

// TestFixtures reads real captures as tshark does.
func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			compare(t, path)
		})
	}
}

// TestSuite reads Hadriel Kaplan's test files of pcapng, which gopacket brings
// along: all kinds of blocks and options, in both byte orders.
func TestSuite(t *testing.T) {
	t.Parallel()
	for _, path := range suite(t) {
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), func(t *testing.T) {
			t.Parallel() // it is mostly tshark that is waited for
			if twin := strings.Replace(path, "/be/", "/le/", 1); twin != path {
				want, wantErr := frames(t, twin)
				got, err := frames(t, path)
				if diff := cmp.Diff(want, got); diff != "" || err.Error() != wantErr.Error() {
					t.Errorf("other packets than in the other byte order, and %v for %v: %s", err, wantErr, diff)
				}
			} else {
				t.Run("tshark", func(t *testing.T) { compare(t, path) })
			}
			t.Run("gopacket", func(t *testing.T) { compareGopacket(t, path) })
			t.Run("cut", func(t *testing.T) { compareCut(t, path) })
		})
	}
}

func suite(t *testing.T) []string {
	t.Helper()
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/gopacket").Output()
	if err != nil {
		t.Skipf("where gopacket is cannot be told: %v", err)
	}
	paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(folder)), "pcapgo/tests/[bl]e/*.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("gopacket is without its tests")
	}
	return paths
}

func fixtures(t *testing.T) []string {
	t.Helper()
	folder := os.Getenv("GUMSHOE_FIXTURES")
	if folder == "" {
		t.Skip("GUMSHOE_FIXTURES names no folder")
	}
	var paths []string
	for _, pattern := range []string{"*.pcap", "*.pcap.gz", "*.pcapng", "*.pcapng.gz", "*.cap", "*.trace"} {
		found, err := filepath.Glob(filepath.Join(folder, "captures", pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) == 0 {
		t.Skip("no captures in GUMSHOE_FIXTURES")
	}
	return paths
}

// TestFixturesConverted has editcap write each capture in other formats: the
// packets are the same in all of them.
func TestFixturesConverted(t *testing.T) {
	editcap := tool(t, "editcap")
	for _, path := range fixtures(t) {
		want, err := frames(t, path)
		if !errors.Is(err, io.EOF) {
			continue
		}
		// The formats of gigantic packets, and those that lose time, are left out.
		for _, format := range []string{"pcap", "nsecpcap", "pcapng", "modpcap", "rh6_1pcap", "suse6_3pcap", "nokiapcap"} {
			t.Run(filepath.Base(path)+" as "+format, func(t *testing.T) {
				if (format == "rh6_1pcap" || format == "nokiapcap" || format == "suse6_3pcap") && len(want) == 1 {
					t.Skip("one packet does not tell it from another format with a few bytes more")
				}
				out := filepath.Join(t.TempDir(), "converted")
				if text, err := exec.CommandContext(t.Context(), editcap, "-F", format, path, out).CombinedOutput(); err != nil {
					t.Skipf("editcap: %v: %s", err, text)
				}
				got, err := frames(t, out)
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff[:min(len(diff), 2000)])
				}
			})
		}
	}
}

// TestFixturesGopacket reads them as gopacket's reader does, where it can: with
// the bytes of each packet.
func TestFixturesGopacket(t *testing.T) {
	for _, path := range fixtures(t) {
		if !strings.HasSuffix(path, ".gz") {
			t.Run(filepath.Base(path), func(t *testing.T) { compareGopacket(t, path) })
		}
	}
}

func compareGopacket(t *testing.T, path string) {
	t.Helper()
	theirs, err := gopacketReader(t, path)
	if err != nil {
		t.Skipf("gopacket: %v", err)
	}
	r, err := open(t, path)
	if err != nil {
		t.Fatal(err)
	}
	var p Packet
	for n := 1; ; n++ {
		data, info, err := theirs.ReadPacketData()
		ours := r.Next(&p)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Skipf("gopacket, at packet %d: %v", n, err)
			}
			if !errors.Is(ours, io.EOF) {
				t.Errorf("packet %d: %v", n, ours)
			}
			return
		}
		if ours != nil {
			t.Fatalf("packet %d: %v", n, ours)
		}
		if !bytes.Equal(data, p.Data) || info.Length != p.WireLength || info.CaptureLength != p.Captured ||
			p.Timed && info.Timestamp.UnixNano() != p.Time || p.Timed == info.Timestamp.IsZero() {
			t.Fatalf("packet %d: %d bytes of %d at %d, and by gopacket %+v", n, p.Captured, p.WireLength, p.Time, info)
		}
	}
}

func gopacketReader(t *testing.T, path string) (gopacket.PacketDataSource, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { f.Close() })
	in := bufio.NewReader(f)
	if r, err := pcapgo.NewReader(in); err == nil {
		return r, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in.Reset(f)
	return pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{WantMixedLinkType: true})
}

// TestFixturesCut cuts the small ones at every byte.
func TestFixturesCut(t *testing.T) {
	t.Parallel()
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			compareCut(t, path)
		})
	}
}

func compareCut(t *testing.T, path string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, all, err := readAll(t, file)
	if len(file) > 3000 || r.Packing() != "none" || !errors.Is(err, io.EOF) {
		t.Skip("it is large, packed or damaged")
	}
	whole := 0
	for n := 28; n < len(file); n++ {
		_, got, err := readAll(t, file[:n])
		if len(got) > len(all) || !slices.Equal(all[:len(got)], got) {
			t.Fatalf("cut at %d: other packets", n)
		}
		d := (*DamageError)(nil)
		if errors.Is(err, io.EOF) {
			whole++
		} else if !errors.As(err, &d) || d.Kind != Cut {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	// In pcapng, a file can end after any block.
	if whole != len(all)-1 && strings.HasPrefix(r.Format(), "pcap ") {
		t.Errorf("%d cuts were not told, between %d packets", whole, len(all))
	}
}
