// Command docgen writes the reference documentation of the checks and the doc
// comments that the program embeds. Run it as go generate ./checks.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"gumshoe/checks"
	"gumshoe/checks/reference"
)

func main() {
	if err := write(".."); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// write brings the files below the repository's root up to date; pages of
// checks that are no more are removed.
func write(root string) error {
	files, err := reference.Generate(root, checks.Instruments(checks.Dependencies{}))
	if err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/checks/*.md"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		if _, ok := files["docs/checks/"+filepath.Base(page)]; !ok {
			if err := os.Remove(page); err != nil {
				return err
			}
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
