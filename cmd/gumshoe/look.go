package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"gumshoe/engine"
	"gumshoe/engine/load"
	"gumshoe/engine/source"
	"gumshoe/integrations/config"
	"gumshoe/integrations/render"
	"gumshoe/integrations/store"
)

func (a *app) reportCommand() *cobra.Command {
	var format, output string
	cmd := &cobra.Command{
		Use:     "report RUN",
		Short:   "Show the report of a run again",
		Long:    "Shows a run that was kept. RUN is its id, the beginning of one, or \"last\". The\nexit status is that of the run.",
		Example: "  gumshoe report last --format html -o report.html",
		Args:    exactly(`the id of a run, or "last"`, 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			form, err := render.ParseFormat(format, render.ReportFormats()...)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			if err := checkWritable(output); err != nil {
				return err
			}
			report, err := a.kept(args[0])
			if err != nil {
				return err
			}
			a.status = exitOf(report)
			return a.printTo(output, func(w io.Writer) error {
				o := render.Options{}
				if output == "" || output == "-" {
					o = textOptions(a.stdout)
				}
				o.Exit, o.Footer, o.Kept = a.status, true, true
				return render.Report(w, form, report, o)
			})
		},
		ValidArgsFunction: a.completeRun,
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text, json, markdown, html or junit")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the report to `FILE`")
	completeFormats(cmd, formatNames(render.ReportFormats())...)
	return cmd
}

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain RUN",
		Short:   "Show why a run went as it did, and how it was reckoned",
		Long:    "Shows each choice that a kept run made, and for each hypothesis the points and\nthe probability. RUN is its id, the beginning of one, or \"last\".",
		Example: "  gumshoe explain last",
		Args:    exactly(`the id of a run, or "last"`, 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			report, err := a.kept(args[0])
			if err != nil {
				return err
			}
			return a.print(func(w io.Writer) error { return render.Explain(w, report, textOptions(a.stdout)) })
		},
		ValidArgsFunction: a.completeRun,
	}
}

// kept gives a run that was kept, or says what to do.
func (a *app) kept(ref string) (*engine.Report, error) {
	runs, err := a.runs()
	if err != nil {
		return nil, err
	}
	report, err := runs.Get(ref)
	var missing *store.NotFoundError
	var ambiguous *store.AmbiguousError
	switch {
	case errors.As(err, &missing) && ref == store.Last:
		return nil, fmt.Errorf("%w; gumshoe run RUNBOOK makes one", err)
	case errors.As(err, &missing):
		return nil, fmt.Errorf(`%w; give its id, or "last" for the newest`, err)
	case errors.As(err, &ambiguous):
		return nil, fmt.Errorf("%w; give more of its id", err)
	}
	return report, err
}

func (a *app) listCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the runbooks",
		Example: "  gumshoe list",
		Args:    exactly("no arguments", 0, 0),
		RunE: func(_ *cobra.Command, _ []string) error {
			form, err := render.ParseFormat(format, render.FormatText, render.FormatJSON)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			loader, err := a.loader()
			if err != nil {
				return err
			}
			var list []render.Listed
			for _, place := range loader.List() {
				list = append(list, listed(loader, place))
			}
			return a.print(func(w io.Writer) error {
				if form == render.FormatJSON {
					return render.ListJSON(w, list)
				}
				return render.List(w, list, textOptions(a.stdout))
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	completeFormats(cmd, "text", "json")
	return cmd
}

func listed(loader *load.Loader, place load.Place) render.Listed {
	l := render.Listed{Name: place.Name, From: place.File}
	if strings.HasPrefix(place.File, "stock:") {
		l.From = "stock"
	}
	book, faults := loader.LoadPlace(place)
	if wrong := faults.Wrong(); len(wrong) > 0 {
		l.Fault = wrong[0].Error()
		return l
	}
	l.Title = book.Title
	return l
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show RUNBOOK|FILE",
		Short:   "Show what a runbook looks at, and what it can tell",
		Example: "  gumshoe show host-sick",
		Args:    exactly("the name or the file of a runbook", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			book, err := a.load(args[0])
			if err != nil {
				return err
			}
			return a.print(func(w io.Writer) error { return render.Runbook(w, book, textOptions(a.stdout)) })
		},
		ValidArgsFunction: a.completeRunbook,
	}
}

func (a *app) schemaCommand() *cobra.Command {
	kinds := []string{"runbook", "config"}
	return &cobra.Command{
		Use:       "schema [runbook|config]",
		Short:     "Print the JSON Schema of runbooks, for editors",
		Long:      "Prints the JSON Schema of runbooks, or of gumshoe.yaml, with which editors\ncomplete and check while you type.",
		Example:   "  gumshoe schema > runbook.schema.json",
		Args:      exactly("at most one of runbook, config", 0, 1),
		ValidArgs: kinds,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = kinds[:1]
			}
			var schema []byte
			switch args[0] {
			case "runbook":
				registry, err := a.registry()
				if err != nil {
					return err
				}
				schema = load.Schema(registry)
			case "config":
				schema = config.Schema()
			default:
				return fmt.Errorf("there is no schema %q%s (there are: runbook, config)", args[0], source.DidYouMean(args[0], kinds))
			}
			return a.print(func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s\n", strings.TrimSuffix(string(schema), "\n"))
				return err
			})
		},
	}
}

// version is what version prints.
type version struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Commit  string `json:"commit,omitempty"`
	// Modified tells that the sources differed from the commit.
	Modified bool `json:"modified,omitempty"`
}

// release is the version that is being worked towards, for builds that are not
// of a tagged module version.
const release = "v0.1.0"

func programVersion() version {
	v := version{Version: release, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if tag := info.Main.Version; tag != "" && tag != "(devel)" && !strings.HasPrefix(tag, "v0.0.0-") {
		v.Version = tag
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  gumshoe version",
		Args:    exactly("no arguments", 0, 0),
		RunE: func(_ *cobra.Command, _ []string) error {
			form, err := render.ParseFormat(format, render.FormatText, render.FormatJSON)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			v := programVersion()
			return a.print(func(w io.Writer) error {
				if form == render.FormatJSON {
					return render.WriteJSON(w, v)
				}
				_, err := fmt.Fprintf(w, "gumshoe %s %s %s/%s\n", v.Version, v.Go, v.OS, v.Arch)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	completeFormats(cmd, "text", "json")
	return cmd
}
