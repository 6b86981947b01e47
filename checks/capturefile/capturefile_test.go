package capturefile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// TestNotCapture has what people give in place of a capture.
func TestNotCapture(t *testing.T) {
	pcap := newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets("one").b
	tar := make([]byte, 512)
	copy(tar[257:], "ustar")
	for _, test := range []struct {
		name, file, want string
	}{
		{"empty", "", "not a capture file: it is empty: whoever captures may not have written anything yet"},
		{"three bytes", "\xd4\xc3\xb2", "not a capture file: it is too short, with 3 bytes"},
		{"text", "Grüße\nfrom a text", "not a capture file: it is text"},
		{"text cut in the middle of a letter", strings.Repeat("ü", 300)[:511], "not a capture file: it is text"},
		{"blanks", "\n \n", "not a capture file: it is blank"},
		{"tcpdump's text", "12:34:56.789012 IP 10.0.0.1.22 > 10.0.0.2.5000: Flags [P.]\n", "not a capture file: it is text, as tcpdump prints it: capture with -w FILE"},
		{"tcpdump's words", "tcpdump: eth0: You don't have permission\n", "not a capture file: it is text, as tcpdump prints it: capture with -w FILE"},
		{"a web page", "\xef\xbb\xbf <!DOCTYPE html><html>", "not a capture file: it is a web page: perhaps a login or an error in place of what was to be downloaded"},
		{"PDML", "<?xml version=\"1.0\"?>\n<pdml>", "not a capture file: it is XML: keep the capture that it was made of"},
		{"JSON", "[\n {}]", "not a capture file: it is JSON: keep the capture that it was made of"},
		{"Git LFS", "version https://git-lfs.github.com/spec/v1\n", "not a capture file: it is a pointer to a file in Git LFS: get the file itself with git lfs pull"},
		{"ELF", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 99), "not a capture file: it is a program or a core dump (ELF)"},
		{"zip", "PK\x03\x04" + strings.Repeat("\x00", 99), "not a capture file: it is a zip archive: unpack it with unzip"},
		{"xz", "\xfd7zXZ\x00" + strings.Repeat("\x01", 99), "not a capture file: it is packed with xz: unpack it with xz -d"},
		{"tar", string(tar), "not a capture file: it is a tar archive: unpack it with tar -xf"},
		{"snoop", "snoop\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x04", "not a capture file: it is a capture by snoop of Solaris: convert it with editcap -F pcapng FILE NEW"},
		{"NetMon", "GMBU\x00\x02\x01\x00", "not a capture file: it is a capture by Microsoft Network Monitor 2 or 3: convert it with editcap -F pcapng FILE NEW"},
		{"transferred as text", "\r\n\r\r\r\n\x1c\x00\x00\x00", "not a capture file: it is pcapng that was transferred as text, which has broken it: transfer it again as binary data"},
		{"zeros", strings.Repeat("\x00", 600), "not a capture file: it is nothing but zero bytes in its beginning"},
		{"anything", strings.Repeat("\x01\x02\x03\x04", 100), "not a capture file: it is of a kind not known here, and begins with the bytes 01 02 03 04"},
		{"gzip of text", string(gzipped(t, []byte("text"))), "no capture file is packed in it with gzip, but text"},
		{"gzip of nothing", string(gzipped(t, nil)), "no capture file is packed in it with gzip, but empty: whoever captures may not have written anything yet"},
		{"zstd of text", string(zstandard(t, []byte("text"))), "no capture file is packed in it with zstd, but text"},
		{"gzip of gzip", string(gzipped(t, gzipped(t, pcap))), "no capture file is packed in it with gzip, but packed with gzip once more: unpack it with gunzip"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(test.file), iotest.OneByteReader(strings.NewReader(test.file))} {
				_, err := NewReader(in)
				var not *NotCaptureError
				if !errors.As(err, &not) || not.Error() != test.want {
					t.Errorf("got  %v\nwant %s", err, test.want)
				}
			}
		})
	}
}

// TestOpen has what a path can lead to.
func TestOpen(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(folder, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for path, want := range map[string]string{
		folder:                           folder + " is a directory, not a file",
		pipe:                             pipe + " is a named pipe, not a file",
		socket:                           "open " + socket + ": no such device or address",
		"/dev/zero":                      "/dev/zero is a device, not a file",
		filepath.Join(folder, "nothing"): "open " + folder + "/nothing: no such file or directory",
	} {
		if _, err := open(t, path); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := open(t, filepath.Join(folder, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	r, err := open(t, write(t, "well", newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets("one").b))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	var p Packet
	if err := r.Next(&p); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// TestContext ends reading, also while there is nothing to be given.
func TestContext(t *testing.T) {
	file := newNg(binary.LittleEndian).block(99, make([]byte, 4<<20)).b
	for name, content := range map[string][]byte{"plain": file, "gzip": gzipped(t, file), "zstd": zstandard(t, file)} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			path := write(t, "long", content)
			r, err := Open(ctx, path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cancel()
			var p Packet
			if err := r.Next(&p); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if _, err := Open(ctx, path); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// TestReadError is about a disk that fails: that is no damage of the file.
func TestReadError(t *testing.T) {
	failed := errors.New("the disk is broken")
	for name, file := range samples(t) {
		for n := range file {
			r, err := NewReader(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(failed)))
			if err == nil {
				_, err = drain(r)
			}
			if !errors.Is(err, failed) {
				t.Fatalf("%s, at %d: %v", name, n, err)
			}
		}
	}
	_, err := NewReader(stuck{})
	if !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

// stuck is a reader that never gives anything.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestPortions gives files in pieces, as a pipe or a network does.
func TestPortions(t *testing.T) {
	for name, file := range samples(t) {
		_, want := readWell(t, file)
		for kind, in := range map[string]io.Reader{
			"bytes":        iotest.OneByteReader(bytes.NewReader(file)),
			"halves":       iotest.HalfReader(bytes.NewReader(file)),
			"with the end": iotest.DataErrReader(bytes.NewReader(file)),
		} {
			r, err := NewReader(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := drain(r)
			if !errors.Is(err, io.EOF) || len(got) != len(want) {
				t.Errorf("%s in %s: %d packets, %v", name, kind, len(got), err)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%s in %s: %v, want %v", name, kind, got[i], want[i])
				}
			}
		}
	}
}

// TestPacking unpacks what is packed, in several pieces too.
func TestPacking(t *testing.T) {
	var data []string
	for range 3000 {
		data = append(data, strings.Repeat("payload ", 100))
	}
	file := newPcap(binary.BigEndian, 0xa1b23c4d, 2, 4, 0, 1).packets(data...).b
	_, want := readWell(t, file)
	half := len(file)/2 + 3
	for name, test := range map[string]struct {
		packed  []byte
		packing string
	}{
		"gzip":                  {gzipped(t, file), "gzip"},
		"gzip of two members":   {append(gzipped(t, file[:half]), gzipped(t, file[half:])...), "gzip"},
		"gzip of empty members": {bytes.Join([][]byte{gzipped(t, nil), gzipped(t, file), gzipped(t, nil)}, nil), "gzip"},
		"zstd":                  {zstandard(t, file), "zstd"},
		"zstd of two frames":    {append(zstandard(t, file[:half]), zstandard(t, file[half:])...), "zstd"},
	} {
		t.Run(name, func(t *testing.T) {
			r, got := readWell(t, test.packed)
			if len(got) != len(want) || r.Packing() != test.packing {
				t.Fatalf("%d packets, %s", len(got), r.Packing())
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("packet %d is another", i+1)
				}
			}
		})
	}
}

// TestNoAllocations reads without any memory for a single packet.
func TestNoAllocations(t *testing.T) {
	var data []string
	for range 2000 {
		data = append(data, strings.Repeat("x", 500))
	}
	ng := newNg(binary.LittleEndian).iface(1, 0)
	for range 2000 {
		ng.enhanced(0, 1, 500, data[0], ng.number(4, 1)).statistics(0, ng.number(5, 1)).block(99, nil)
	}
	for name, file := range map[string][]byte{
		"pcap": newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets(data...).b, "pcapng": ng.b,
	} {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		var p Packet
		if n := testing.AllocsPerRun(1900, func() {
			if err := r.Next(&p); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for a packet", name, n)
		}
	}
}

// TestDamageText is what people read.
func TestDamageText(t *testing.T) {
	for _, test := range []struct {
		d    DamageError
		want string
	}{
		{
			DamageError{Kind: Damaged, Offset: 40, Packets: 1, Unread: 99, Reason: "a block has 8 bytes"},
			"the file is damaged at byte 40: a block has 8 bytes; 1 packet was read before that, and 99 bytes were not",
		},
		{
			DamageError{Kind: Damaged, Offset: 40, Packets: 2, Unread: -1, Reason: "a block has 8 bytes"},
			"the file is damaged at byte 40: a block has 8 bytes; 2 packets were read before that",
		},
		{
			DamageError{Kind: Cut, Offset: 40, Packets: 2, Unread: 1, Reason: "the file ends in its header"},
			"the file ends in its header: it was cut off, or is still being written; 2 packets were read before that, and 1 byte was not",
		},
		{
			DamageError{Kind: Cut, Growing: true, Unread: 0, Reason: "the file ends in its header"},
			"the file ends in its header: it is still being written; 0 packets were read before that",
		},
	} {
		if got := test.d.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestLinkTypeString(t *testing.T) {
	for l, want := range map[LinkType]string{Ethernet: "Ethernet", Raw: "raw IP", LinuxSLL2: "Linux cooked v2", 9999: "link type 9999"} {
		if got := l.String(); got != want {
			t.Errorf("%d: %s, want %s", l, got, want)
		}
	}
}
