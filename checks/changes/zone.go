package changes

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// zone is the host's time zone, in which logs are written that name none: not
// ours, which the environment may have set. Without /etc/localtime it is UTC.
func (s Source) zone() *time.Location {
	path := s.path("etc/localtime")
	if target, err := os.Readlink(path); err == nil && filepath.IsAbs(target) {
		path = s.path(target) // of the host's root, which may not be ours
	}
	file, _, err := openRegular(path)
	if err != nil {
		return time.UTC
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return time.UTC
	}
	_, name, _ := strings.Cut(path, "zoneinfo/")
	zone, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return time.UTC
	}
	return zone
}
