package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gumshoe/engine"
	"gumshoe/integrations/render"
	"gumshoe/integrations/store"
)

// runFlags are the flags of run.
type runFlags struct {
	format, output, on, at string
	all, explain           bool
	budget, patience       time.Duration
	parallel               int
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:     "run RUNBOOK|FILE [name=value …]",
		Short:   "Run a runbook and say what is wrong",
		Long:    "Runs a runbook on this host: chooses the checks that tell most, and stops when\nthe verdict stands. The exit status is 0 healthy, 1 confirmed, 3 undecided,\n2 not run, 5 interrupted.",
		Example: "  gumshoe run disk-full path=/var",
		Args:    exactly("the name or the file of a runbook", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), cmd, f, args[0], args[1:])
		},
		ValidArgsFunction: a.completeRunbookAndInputs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "text", "`FORMAT`: text, json, markdown, html or junit")
	flags.StringVarP(&f.output, "output", "o", "", "write the result to `FILE`")
	flags.BoolVar(&f.all, "all", false, "run every step, also after the verdict stands")
	flags.DurationVar(&f.budget, "budget", 0, "the most `TIME` the run may take (default: the runbook's)")
	flags.DurationVar(&f.patience, "patience", 0, "how much checking `TIME` a wrong verdict is worth (default: the runbook's)")
	flags.BoolVar(&f.explain, "explain", false, "add each choice and the arithmetic of the verdict")
	flags.IntVar(&f.parallel, "parallel", engine.DefaultParallel, "how many steps run at a time (`N`)")
	flags.StringVar(&f.on, "on", "", "the `TARGET` to diagnose; so far only this host")
	flags.StringVar(&f.at, "at", "", "when the trouble began: `TIME` as 2026-01-31T15:04:05Z, 15:04 or -10m")
	completeFormats(cmd, formatNames(render.ReportFormats())...)
	return cmd
}

func (a *app) run(ctx context.Context, cmd *cobra.Command, f runFlags, ref string, args []string) error {
	format, err := render.ParseFormat(f.format, render.ReportFormats()...)
	if err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	if f.explain && format != render.FormatText && format != render.FormatJSON {
		return fmt.Errorf("--explain goes with --format text; JSON holds it already, %s does not", format)
	}
	if f.parallel < 1 || f.parallel > 64 {
		return fmt.Errorf("--parallel: want a number from 1 to 64, not %d", f.parallel)
	}
	if err := positive("budget", f.budget, cmd.Flags().Changed("budget")); err != nil {
		return err
	}
	if err := positive("patience", f.patience, cmd.Flags().Changed("patience")); err != nil {
		return err
	}
	onset, err := moment(f.at, time.Now())
	if err != nil {
		return err
	}
	if err := checkWritable(f.output); err != nil {
		return err
	}
	prepared, err := a.prepare(ref, args, f.on)
	if err != nil {
		return err
	}
	options := engine.Options{
		Inputs: prepared.inputs, Onset: onset, Budget: f.budget, Patience: f.patience, All: f.all,
		Parallel: f.parallel, Secrets: prepared.secrets,
	}
	report := a.diagnose(ctx, prepared, options, f.output != "" && f.output != "-")
	kept := a.keep(report)
	a.status = exitOf(report)
	return a.printTo(f.output, func(w io.Writer) error {
		o := render.Options{Width: 80}
		if f.output == "" || f.output == "-" {
			o = textOptions(a.stdout)
		}
		o.Exit, o.Footer, o.Kept = a.status, true, kept
		if err := render.Report(w, format, report, o); err != nil || !f.explain || format != render.FormatText {
			return err
		}
		fmt.Fprintln(w)
		return render.Explain(w, report, o)
	})
}

// diagnose runs a runbook while showing how it goes on.
func (a *app) diagnose(ctx context.Context, p *prepared, options engine.Options, keepLines bool) *engine.Report {
	columns, _ := terminalSize(a.stderr)
	live := columns > 0 && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
	progress := render.NewProgress(a.stderr, live, func() (int, int) { return terminalSize(a.stderr) }, textOptions(a.stderr))
	options.Progress = progress.Event
	out, _ := terminalSize(a.stdout)
	defer func() { progress.End(keepLines || out == 0) }()
	runner := &engine.Runner{Observe: a.observer(), Target: p.target, Version: programVersion().Version, NewID: store.NewID, Keep: a.keepFile}
	return runner.Run(ctx, p.book, options)
}

// keepFile begins a file beside the record of a run.
func (a *app) keepFile(run, name string) (engine.File, error) {
	runs, err := a.runs()
	if err != nil {
		return nil, err
	}
	return runs.File(run, name)
}

// keep records a run, and tells whether that worked. It is no reason not to
// print the result.
func (a *app) keep(r *engine.Report) bool {
	runs, err := a.runs()
	if err == nil {
		err = runs.Put(r)
	}
	if err != nil {
		a.warnf("the run is not recorded: %v; `state:` in gumshoe.yaml or XDG_STATE_HOME says where to", err)
	}
	return err == nil
}
