package main

import (
	"gumshoe/checks/backups"
	"gumshoe/integrations/config"
)

// declaredBackups gives the backups of the configuration as their check takes them:
// with absolute paths, as plans name them.
func declaredBackups(c *config.Config) []backups.Declared {
	declared := make([]backups.Declared, 0, len(c.Backups))
	for _, b := range c.Backups {
		d := backups.Declared{
			Name: b.Name, Of: b.Of, Data: absoluteOrNone(b.Data), Every: b.Every, Keep: b.Keep, MinSizeBytes: b.MinSizeBytes,
			Format: b.Format, RestoreTest: absoluteOrNone(b.RestoreTest), RestoreEvery: b.RestoreEvery,
		}
		for _, copied := range b.Copies {
			var paths []string
			for _, path := range copied.Paths {
				paths = append(paths, absoluteOrNone(path))
			}
			d.Copies = append(d.Copies, backups.DeclaredCopy{
				Paths: paths, URL: copied.URL, Medium: copied.Medium, Offsite: copied.Offsite, Immutable: copied.Immutable,
			})
		}
		declared = append(declared, d)
	}
	return declared
}

// absoluteOrNone is absolute, but for a path that nobody has given.
func absoluteOrNone(path string) string {
	if path == "" {
		return ""
	}
	return absolute(path)
}
