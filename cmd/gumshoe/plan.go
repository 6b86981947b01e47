package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gumshoe/engine"
	"gumshoe/integrations/render"
)

func (a *app) planCommand() *cobra.Command {
	var format, on string
	cmd := &cobra.Command{
		Use:     "plan RUNBOOK|FILE [name=value …]",
		Short:   "Say what a run would do, and touch nothing",
		Long:    "Names every command, network target and file outside /proc and /sys that a run\nof the runbook could use, with its risk and cost. It runs and touches nothing.",
		Example: "  gumshoe plan disk-full path=/var",
		Args:    exactly("the name or the file of a runbook", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			form, err := render.ParseFormat(format, render.FormatText, render.FormatJSON)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			prepared, err := a.prepare(args[0], args[1:], on)
			if err != nil {
				return err
			}
			plan, err := prepared.book.Plan(prepared.inputs, engine.Incident{}, prepared.target)
			if err != nil {
				return failWith(exitInternal, err)
			}
			if plan.Own, err = a.ownTouches(prepared.book, plan.Steps); err != nil {
				return err
			}
			return a.print(func(w io.Writer) error {
				if form == render.FormatJSON {
					return render.PlanJSON(w, plan)
				}
				return render.Plan(w, plan, textOptions(a.stdout))
			})
		},
		ValidArgsFunction: a.completeRunbookAndInputs,
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	cmd.Flags().StringVar(&on, "on", "", "the `TARGET` to diagnose; so far only this host")
	completeFormats(cmd, "text", "json")
	return cmd
}
