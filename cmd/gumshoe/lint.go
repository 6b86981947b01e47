package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"gumshoe/engine/source"
	"gumshoe/integrations/config"
	"gumshoe/integrations/render"
)

func (a *app) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "lint [PATH …]",
		Short:   "Say what is wrong with runbooks and the configuration",
		Long:    "Checks files, every runbook in a folder, or runbooks by name; without arguments\nall that can be run by name, and the configuration. The exit status is 2 when\nsomething is wrong, and 0 when there are only warnings.",
		Example: "  gumshoe lint runbooks/",
		Args:    cobra.ArbitraryArgs,
		RunE:    func(_ *cobra.Command, args []string) error { return a.lint(args) },
	}
}

func (a *app) lint(args []string) error {
	var faults source.Faults
	var refs []string
	files := 0
	lintConfig := func(path string) {
		_, more := config.Load(path)
		faults = append(faults, more...)
		files++
	}
	for _, arg := range args {
		if filepath.Base(arg) == "gumshoe.yaml" || arg == a.configFile {
			lintConfig(arg)
			continue
		}
		refs = append(refs, arg)
	}
	if path, found := config.Find(a.configFile); found && len(args) == 0 {
		lintConfig(path)
		if faults.Err() != nil {
			return a.linted(faults, files) // which runbooks there are is not known
		}
	}
	if len(args) == 0 || len(refs) > 0 {
		loader, err := a.loader()
		if err != nil {
			return err
		}
		more, n := loader.Lint(refs...)
		faults = append(faults, more...)
		files += n
	}
	return a.linted(faults, files)
}

// linted prints what was found. The faults are the result, and go to stdout.
func (a *app) linted(faults source.Faults, files int) error {
	faults = faults.Sorted()
	wrong := len(faults.Wrong())
	if wrong > 0 {
		a.status = exitUsage
	}
	return a.print(func(w io.Writer) error {
		for _, f := range faults {
			fmt.Fprintln(w, render.Clean(f.Error()))
		}
		fmt.Fprintln(w, lintSummary(files, wrong, len(faults)-wrong))
		return nil
	})
}

func lintSummary(files, wrong, warnings int) string {
	text := count(files, "file") + ": "
	switch {
	case wrong+warnings == 0:
		return text + "nothing is wrong"
	case wrong == 0:
		return text + count(warnings, "warning")
	case warnings == 0:
		return text + count(wrong, "fault")
	}
	return text + count(wrong, "fault") + ", " + count(warnings, "warning")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
