package backups

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
)

// headBytes is how much of a file tells what it is: a tar does at 257.
const headBytes = 512

// formatOf tells a format by the first bytes.
func formatOf(head []byte) string {
	for _, f := range []struct {
		name  string
		at    int
		magic string
	}{
		{"gzip", 0, "\x1f\x8b"},
		{"zstd", 0, "\x28\xb5\x2f\xfd"},
		{"xz", 0, "\xfd7zXZ\x00"},
		{"bzip2", 0, "BZh"},
		{"pg_dump", 0, "PGDMP"},
		{"sqlite", 0, "SQLite format 3\x00"},
		{"tar", 257, "ustar"},
	} {
		if len(head) >= f.at+len(f.magic) && string(head[f.at:f.at+len(f.magic)]) == f.magic {
			return f.name
		}
	}
	if len(dumpEnds(head)) > 0 {
		return "sql"
	}
	return "other"
}

// dumpEnds are the lines of which one ends a dump that begins so; none when it is not
// known how it ends.
func dumpEnds(head []byte) []string {
	for _, d := range []struct {
		begins string
		ends   []string
	}{
		{"PostgreSQL database dump", []string{"-- PostgreSQL database dump complete"}},
		{"PostgreSQL database cluster dump", []string{"-- PostgreSQL database cluster dump complete"}},
		{"-- MySQL dump", []string{"-- Dump completed"}},
		{"-- MariaDB dump", []string{"-- Dump completed"}},
		{"PRAGMA foreign_keys=OFF;", []string{"COMMIT;", "ROLLBACK; -- due to errors"}}, // sqlite3 .dump
	} {
		if bytes.Contains(head, []byte(d.begins)) {
			return d.ends
		}
	}
	return nil
}

// sqlEnd tells whether a dump has the line that its program writes last.
func sqlEnd(head, end []byte) error {
	ends := dumpEnds(head)
	if len(ends) == 0 || slices.ContainsFunc(ends, func(line string) bool { return bytes.Contains(end, []byte(line)) }) {
		return nil
	}
	return fmt.Errorf("the line %q at its end is missing: %w", ends[0], io.ErrUnexpectedEOF)
}

// sqlTail is sqlEnd for a file that is too large to be read.
func sqlTail(file *os.File, head []byte, size int64) error {
	end := make([]byte, min(size, tailBytes))
	if _, err := file.ReadAt(end, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return sqlEnd(head, end)
}

// readTar goes through the members of an archive.
func readTar(in io.Reader) error {
	for members := tar.NewReader(in); ; {
		if _, err := members.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// tarEnd wants the zero bytes that end an archive. One that was cut between two
// members looks sound without them.
func tarEnd(end []byte) error {
	if len(end) < 512 || len(bytes.Trim(end[len(end)-512:], "\x00")) > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// tarStructure goes from member to member of an archive that is not packed, over
// their content.
func tarStructure(r *reader, size int64) error {
	if err := readTar(seeker{r}); err != nil {
		return err
	}
	end := make([]byte, min(size, 512))
	if _, err := r.file.ReadAt(end, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return tarEnd(end)
}

// seeker lets archive/tar pass over what it need not read.
type seeker struct{ *reader }

// Seek is that of the file.
func (s seeker) Seek(offset int64, whence int) (int64, error) { return s.file.Seek(offset, whence) }

// sqliteStructure holds the size of a database against the number of its pages
// (https://www.sqlite.org/fileformat.html, 1.3).
func sqliteStructure(head []byte, size int64) error {
	if len(head) < 100 {
		return io.ErrUnexpectedEOF
	}
	page := int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 65536
	}
	if page < 512 || page&(page-1) != 0 {
		return errors.New("its header gives no size of a page")
	}
	pages := int64(binary.BigEndian.Uint32(head[28:]))
	if pages == 0 || !bytes.Equal(head[24:28], head[92:96]) {
		pages = 1 // an old library wrote it, and no number can be relied on
	}
	if size < pages*page {
		return fmt.Errorf("it should have %d pages of %d bytes: %w", pages, page, io.ErrUnexpectedEOF)
	}
	return nil
}

// xzStructure verifies the two ends of a file and its index
// (https://tukaani.org/xz/xz-file-format.txt). What lies between is not unpacked.
func xzStructure(file *os.File, size int64) error {
	const ends = 12
	head, foot := make([]byte, ends), make([]byte, ends)
	if _, err := file.ReadAt(head, 0); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head[8:]) != crc32.ChecksumIEEE(head[6:8]) {
		return errors.New("its header does not match its own checksum")
	}
	for range 1024 { // zero bytes may follow, four at a time
		if size < 2*ends {
			return io.ErrUnexpectedEOF
		}
		if _, err := file.ReadAt(foot, size-ends); err != nil {
			return err
		}
		if !bytes.Equal(foot[8:], make([]byte, 4)) {
			break
		}
		size -= 4
	}
	if string(foot[10:]) != "YZ" {
		return io.ErrUnexpectedEOF
	}
	if binary.LittleEndian.Uint32(foot) != crc32.ChecksumIEEE(foot[4:10]) {
		return errors.New("its footer does not match its own checksum")
	}
	length := (int64(binary.LittleEndian.Uint32(foot[4:])) + 1) * 4
	if length > size-2*ends || length > 16<<20 {
		return errors.New("its index cannot be where its footer says")
	}
	index := make([]byte, length)
	if _, err := file.ReadAt(index, size-ends-length); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(index[length-4:]) != crc32.ChecksumIEEE(index[:length-4]) {
		return errors.New("its index does not match its own checksum")
	}
	return nil
}
