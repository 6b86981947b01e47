package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gumshoe/engine"
	"gumshoe/engine/replay"
	"gumshoe/engine/source"
	"gumshoe/integrations/render"
)

func (a *app) testCommand() *cobra.Command {
	var format string
	var verbose bool
	cmd := &cobra.Command{
		Use:     "test [PATH …]",
		Short:   "Replay the recorded cases of runbooks",
		Long:    "Runs runbooks on their recorded cases, cases/RUNBOOK/*.yaml beside the runbook,\nand compares the verdicts: of a file, a folder, a name, one case, or without\narguments of all that can be run by name. It touches nothing else. The exit\nstatus is 1 when a case fails.",
		Example: "  gumshoe test runbooks/web-slow.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			form, err := render.ParseFormat(format, render.FormatText, render.FormatJSON, render.FormatJUnit)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			return a.test(cmd.Context(), form, verbose, args)
		},
		ValidArgsFunction: a.completeRunbook,
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text, json or junit")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print each case's report before the results (text)")
	completeFormats(cmd, "text", "json", "junit")
	return cmd
}

func (a *app) test(ctx context.Context, format render.Format, verbose bool, args []string) error {
	refs, err := a.testRefs(args)
	if err != nil {
		return err
	}
	var results []render.TestedRunbook
	for _, ref := range refs {
		tested, err := a.testRunbook(ctx, ref, verbose)
		if err != nil {
			return err
		}
		results = append(results, tested)
	}
	for _, tested := range results {
		if tested.Failed() {
			a.status = exitFound
		}
	}
	if ctx.Err() != nil {
		a.status = exitInterrupted
	}
	return a.print(func(w io.Writer) error {
		return render.Tests(w, format, results, textOptions(a.stdout))
	})
}

// testRef is a runbook with the one case that was asked for, "" for all.
type testRef struct{ runbook, only string }

// testRefs finds the runbooks that arguments mean.
func (a *app) testRefs(args []string) ([]testRef, error) {
	loader, err := a.loader()
	if err != nil {
		return nil, err
	}
	var refs []testRef
	if len(args) == 0 {
		for _, place := range loader.List() {
			refs = append(refs, testRef{runbook: place.Name})
		}
	}
	for _, arg := range args {
		if runbook, ok := caseOf(arg); ok {
			refs = append(refs, testRef{runbook, filepath.Base(arg)})
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			refs = append(refs, testRef{runbook: arg})
			continue
		}
		found := 0
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") && e.Name() != "gumshoe.yaml" {
				refs = append(refs, testRef{runbook: filepath.Join(arg, e.Name())})
				found++
			}
		}
		if found == 0 {
			return nil, fmt.Errorf("there is no runbook (*.yaml) in %s; give the folder that the runbooks are in", arg)
		}
	}
	return refs, nil
}

// caseOf gives the runbook of a path such as DIR/cases/RUNBOOK/CASE.yaml.
func caseOf(file string) (runbook string, ok bool) {
	dir := filepath.Dir(file)
	if filepath.Base(filepath.Dir(dir)) != "cases" || filepath.Ext(file) == "" {
		return "", false
	}
	return filepath.Join(filepath.Dir(filepath.Dir(dir)), filepath.Base(dir)+".yaml"), true
}

// testRunbook runs the cases of one runbook.
func (a *app) testRunbook(ctx context.Context, ref testRef, verbose bool) (render.TestedRunbook, error) {
	book, err := a.load(ref.runbook)
	if err != nil {
		return render.TestedRunbook{}, err
	}
	fsys, display := beside(book)
	folder := replay.Folder(book.Name)
	entries, err := fs.ReadDir(fsys, folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return render.TestedRunbook{}, err
	}
	tested := render.TestedRunbook{Runbook: book.Name, Cases: []render.TestedCase{}}
	var faults source.Faults
	var cases []*replay.Case
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".yaml" && filepath.Ext(e.Name()) != ".yml" || ref.only != "" && e.Name() != ref.only {
			continue
		}
		file := path.Join(folder, e.Name())
		if c, ok := replay.Load(fsys, file, display+file, book, &faults); ok {
			cases = append(cases, c)
		}
	}
	if err := faultsError(faults, "a recorded case cannot be used; nothing was run"); err != nil {
		return tested, err
	}
	if ref.only != "" && len(cases) == 0 {
		return tested, fmt.Errorf("there is no case %s of %s", ref.only, book.Name)
	}
	for _, c := range cases {
		if ctx.Err() != nil {
			break
		}
		result := replay.Run(ctx, book, c)
		kept := testedCase(result)
		if verbose {
			kept.Report = result.Report
		}
		tested.Cases = append(tested.Cases, kept)
	}
	if ref.only == "" {
		coverage := replay.Cover(book, cases)
		tested.Hypotheses = coverage.Hypotheses
		tested.Unconfirmed, tested.Unrefuted = coverage.Unconfirmed, coverage.Unrefuted
	}
	return tested, nil
}

func testedCase(r replay.Result) render.TestedCase {
	c := render.TestedCase{Name: r.Case.Name, File: r.Case.File, Failures: r.Failures}
	if c.Failures == nil {
		c.Failures = []string{}
	}
	if r.Report != nil {
		c.Status, c.Headline = r.Report.Status, r.Report.Headline
	}
	return c
}

func (a *app) recordCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "record RUNBOOK|FILE -o CASE.yaml [name=value …]",
		Short:   "Run every step and keep it as a case for test",
		Long:    "Runs every step of a runbook on this host, and writes what they observed, with\nthe verdict as what is expected, as a case for gumshoe test. Read and correct it\nbefore you keep it: it holds what the checks saw, with secrets blotted out.",
		Example: "  gumshoe record disk-full -o cases/disk-full/var-full.yaml path=/var",
		Args:    exactly("the name or the file of a runbook", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.record(cmd.Context(), output, args[0], args[1:])
		},
		ValidArgsFunction: a.completeRunbookAndInputs,
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the case's `FILE`, which must not exist yet")
	return cmd
}

func (a *app) record(ctx context.Context, output, ref string, args []string) error {
	ext := filepath.Ext(output)
	switch {
	case output == "":
		return errors.New("record wants -o CASE.yaml, the file to write")
	case ext != ".yaml" && ext != ".yml":
		return fmt.Errorf("-o: %s is not a .yaml file", output)
	}
	if _, err := os.Lstat(output); err == nil {
		return fmt.Errorf("-o: %s exists already; remove it first, or choose another name", output)
	}
	if err := checkWritable(output); err != nil {
		return err
	}
	prepared, err := a.prepare(ref, args, "")
	if err != nil {
		return err
	}
	report := a.diagnose(ctx, prepared, engine.Options{Inputs: prepared.inputs, All: true, Secrets: prepared.secrets}, true)
	if ctx.Err() != nil {
		return failWith(exitInterrupted, errors.New("interrupted: nothing is recorded"))
	}
	if report.Status == engine.StatusError {
		return failWith(exitInternal, errors.New(report.Error))
	}
	data, err := replay.Record(strings.TrimSuffix(filepath.Base(output), ext), report, openInputs(prepared))
	if err != nil {
		return failWith(exitInternal, err)
	}
	if err := writeNew(output, data); err != nil {
		return failWith(exitInternal, err)
	}
	return a.print(func(w io.Writer) error {
		fmt.Fprintf(w, "%s: %s, %s\n", render.Clean(output), report.Status, render.Clean(report.Headline))
		fmt.Fprintf(w, "read it, correct what it expects, and run: gumshoe test\n")
		return nil
	})
}

// openInputs are the given inputs that are not secret.
func openInputs(p *prepared) map[string]string {
	open := make(map[string]string)
	for _, in := range p.book.Inputs.List {
		if text, given := p.given[in.Name]; given && in.Type != engine.InputSecret {
			open[in.Name] = text
		}
	}
	return open
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a runbook or a case is there to be shared
	if errors.Is(err, fs.ErrExist) {
		return failWith(exitUsage, fmt.Errorf("%s exists already; remove it first, or choose another name", path))
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// formatNames lists formats by name.
func formatNames(formats []render.Format) []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return slices.Clip(names)
}
