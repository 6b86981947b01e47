package capturefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// NotCaptureError says that a file is no capture that can be read here.
type NotCaptureError struct {
	// Looks is what it looks like, such as "a zip archive", and Fix what makes it
	// readable; "" when nothing does.
	Looks string
	Fix   string
	// Packing is of the file, as of a Reader.
	Packing string
}

func (n *NotCaptureError) Error() string {
	text := "not a capture file: it is "
	if n.Packing != "none" {
		text = "no capture file is packed in it with " + n.Packing + ", but "
	}
	text += n.Looks
	if n.Fix != "" {
		text += ": " + n.Fix
	}
	return text
}

const convert = "convert it with editcap -F pcapng FILE NEW"

// notCapture tells what a source is that does not begin as a capture does.
func (r *Reader) notCapture() error {
	if !r.s.have(512) && !errors.Is(r.s.err, io.EOF) {
		return r.ended(0, true)
	}
	n := &NotCaptureError{Packing: r.packing}
	n.Looks, n.Fix = looks(r.s.buf[r.s.r:r.s.w])
	return n
}

// looks says what begins with these bytes.
func looks(head []byte) (what, fix string) {
	for _, f := range []struct {
		at               int
		begin, what, fix string
	}{
		{0, "\x1f\x8b", "packed with gzip once more", "unpack it with gunzip"},
		{0, "\x28\xb5\x2f\xfd", "packed with zstd once more", "unpack it with zstd -d"},
		{0, "\xfd7zXZ\x00", "packed with xz", "unpack it with xz -d"},
		{0, "BZh", "packed with bzip2", "unpack it with bunzip2"},
		{0, "\x04\x22\x4d\x18", "packed with lz4", "unpack it with lz4 -d"},
		{0, "PK\x03\x04", "a zip archive", "unpack it with unzip"},
		{0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it with 7z x"},
		{0, "Rar!\x1a\x07", "a RAR archive", "unpack it with unrar"},
		{257, "ustar", "a tar archive", "unpack it with tar -xf"},
		{0, "snoop\x00\x00\x00", "a capture by snoop of Solaris", convert},
		{0, "btsnoop\x00", "a capture of Bluetooth (btsnoop)", ""},
		{0, "GMBU", "a capture by Microsoft Network Monitor 2 or 3", convert},
		{0, "RTSS", "a capture by Microsoft Network Monitor 1", convert},
		{0, "TRSNIFF data    \x1a", "a capture by Sniffer", convert},
		{0, "XCP\x00", "a capture by NetXRay", convert},
		{0, "iptrace ", "a capture by iptrace of AIX", convert},
		{0, "\r\n\r\r\r\n", "pcapng that was transferred as text, which has broken it", "transfer it again as binary data"},
		{0, "\n\r\n", "pcapng that was transferred as text, which has broken it", "transfer it again as binary data"},
		{0, "\x7fELF", "a program or a core dump (ELF)", ""},
		{0, "MZ", "a program of Windows", ""},
		{0, "%PDF", "a PDF document", ""},
		{0, "SQLite format 3\x00", "an SQLite database", ""},
	} {
		if len(head) >= f.at+len(f.begin) && string(head[f.at:f.at+len(f.begin)]) == f.begin {
			return f.what, f.fix
		}
	}
	switch {
	case len(head) == 0:
		return "empty", "whoever captures may not have written anything yet"
	case isText(head):
		return looksAsText(head)
	case len(head) < 24:
		return fmt.Sprintf("too short, with %d bytes", len(head)), ""
	case len(bytes.Trim(head, "\x00")) == 0:
		return "nothing but zero bytes in its beginning", ""
	default:
		return fmt.Sprintf("of a kind not known here, and begins with the bytes % x", head[:4]), ""
	}
}

// looksAsText says what begins with this text.
func looksAsText(head []byte) (what, fix string) {
	text := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))))
	begins := func(s string) bool { return bytes.HasPrefix(text, []byte(s)) }
	switch {
	case len(text) == 0:
		return "blank", ""
	case begins("<!doctype html"), begins("<html"):
		return "a web page", "perhaps a login or an error in place of what was to be downloaded"
	case begins("<?xml"), begins("<pdml"):
		return "XML", "keep the capture that it was made of"
	case begins("{"), begins("["):
		return "JSON", "keep the capture that it was made of"
	case begins("version https://git-lfs"):
		return "a pointer to a file in Git LFS", "get the file itself with git lfs pull"
	case printedPackets(text):
		return "text, as tcpdump prints it", "capture with -w FILE"
	default:
		return "text", ""
	}
}

// printedPackets recognises a line that begins as tcpdump's do: 12:34:56.789012 IP.
func printedPackets(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if len(line) < 16 || line[2] != ':' || line[5] != ':' || line[8] != '.' {
		return bytes.HasPrefix(text, []byte("tcpdump: ")) || bytes.HasPrefix(text, []byte("reading from file "))
	}
	return line[0] >= '0' && line[0] <= '9'
}

// isText tells whether these are letters and such, in UTF-8.
func isText(b []byte) bool {
	for i := 0; i < len(b); {
		c, size := utf8.DecodeRune(b[i:])
		switch {
		case c == utf8.RuneError && size <= 1:
			return len(b)-i < utf8.UTFMax && i > 0 // the last letter was cut through
		case !unicode.IsPrint(c) && !unicode.IsSpace(c) && c != '\ufeff':
			return false
		}
		i += size
	}
	return len(b) > 0
}
