package backups

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // it finds accidents, and is what stands there
	"crypto/sha1" //nolint:gosec // as md5
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"regexp"
	"strings"
)

// maxChecksumFile bounds what is read of the file beside a backup.
const maxChecksumFile = 64 << 10

// checksum holds a file against the checksum that stands beside it, if one does.
func (r *reader) checksum(file candidate) (string, error) {
	for _, kind := range []struct {
		ext string
		sum func() hash.Hash
	}{
		{".sha256", sha256.New},
		{".sha512", sha512.New},
		{".sha1", sha1.New},
		{".md5", md5.New},
	} {
		beside, err := os.Open(file.path + kind.ext)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "unverified", nil //nolint:nilerr // the backup itself can be read
		}
		text, err := io.ReadAll(io.LimitReader(beside, maxChecksumFile))
		beside.Close()
		sum := kind.sum()
		want, found := sumOf(text, sum.Size(), file.path)
		if err != nil || !found || file.size > r.most {
			return "unverified", nil //nolint:nilerr // as above
		}
		if _, err := io.Copy(sum, r); err != nil {
			if errors.Is(err, errBound) {
				return "unverified", nil
			}
			return "unverified", err
		}
		if bytes.Equal(sum.Sum(nil), want) {
			return "matches", nil
		}
		return "differs", nil
	}
	return "none", nil
}

// sumOf finds the checksum of a file in what sha256sum writes, or in a line that is
// only the checksum.
func sumOf(text []byte, size int, path string) ([]byte, bool) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	hexadecimal := regexp.MustCompile(`(?i)^[\\]?([0-9a-f]+)(?:[ \t]+[*]?(.*))?$`)
	var only []byte
	lines := 0
	for line := range strings.Lines(string(text)) {
		match := hexadecimal.FindStringSubmatch(strings.TrimSpace(line))
		if len(match) < 3 || len(match[1]) != 2*size {
			continue
		}
		sum, err := hex.DecodeString(match[1])
		if err != nil {
			continue
		}
		if match[2] == name || strings.HasSuffix(match[2], "/"+name) {
			return sum, true
		}
		only = sum
		lines++
	}
	return only, lines == 1
}
