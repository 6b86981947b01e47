package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gumshoe/engine"
	"gumshoe/engine/source"
	"gumshoe/integrations/render"
)

func (a *app) checkCommand() *cobra.Command {
	var format string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "check CHECK [name=value …]",
		Short:   "Run one check and show what it observes",
		Long:    "Runs one check on this host. The exit status is 0 when its target is well, 1 when\nthe target failed or could not be looked at, 2 for bad inputs, 4 when policy\nrefuses it. A list is written as JSON: argv='[\"df\",\"-P\"]'.",
		Example: "  gumshoe check probe.tcp address=127.0.0.1:5432",
		Args:    exactly("the name of a check", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			form, err := render.ParseFormat(format, render.FormatText, render.FormatJSON)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			if err := positive("timeout", timeout, true); err != nil {
				return err
			}
			return a.check(cmd.Context(), form, timeout, args[0], args[1:])
		},
		ValidArgsFunction: a.completeCheckAndInputs,
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "the most `TIME` the check may take")
	completeFormats(cmd, "text", "json")
	return cmd
}

func (a *app) check(ctx context.Context, format render.Format, timeout time.Duration, name string, args []string) error {
	definition, err := a.lookupCheck(name)
	if err != nil {
		return err
	}
	in, secrets, err := checkInput(definition, args)
	if err != nil {
		return err
	}
	configured, err := a.secrets()
	if err != nil {
		return err
	}
	if definition.RiskOf(in) >= engine.Change {
		return failWith(exitRefused, fmt.Errorf("%s", withFix(name+" with these inputs could change the system, and nobody has approved that", definition.Allow(in))))
	}
	observation := engine.Local(hostName())(ctx, engine.Request{
		Step: name, Check: definition, Input: in, Timeout: timeout,
		Incident: engine.Incident{Onset: time.Now().UTC()}, Masker: engine.NewMasker(append(configured, secrets...)...),
	})
	switch {
	case ctx.Err() != nil:
		a.status = exitInterrupted
	case observation.Refused:
		return failWith(exitRefused, fmt.Errorf("%s", withFix(observation.Reason, observation.Fix)))
	case observation.Output == nil || !good(observation.Output):
		a.status = exitFound
	}
	if observation.Output == nil && format == render.FormatJSON {
		fmt.Fprintf(a.stderr, "gumshoe: %s: %s\n", name, render.Clean(withFix(observation.Reason, observation.Fix)))
	}
	return a.print(func(w io.Writer) error {
		if format == render.FormatJSON {
			return render.ObservationJSON(w, observation)
		}
		return render.Observation(w, name, definition.Out, observation, textOptions(a.stdout))
	})
}

func withFix(reason, fix string) string {
	if fix == "" {
		return reason
	}
	return reason + "; " + fix
}

// checkInput makes a check's input of name=value arguments. A secret is given as
// env:NAME or file:PATH, so that it does not stand in the process list.
func checkInput(d *engine.Definition, args []string) (in any, secrets []engine.Secret, err error) {
	given, err := nameValues(args)
	if err != nil {
		return nil, nil, err
	}
	values := make(map[string]any, len(given))
	var faults []*engine.InputError
	for key, text := range given {
		f, ok := d.In.Field(key)
		switch {
		case !ok:
			takes := "it takes none"
			if names := d.In.Names(); len(names) > 0 {
				takes = "it takes: " + strings.Join(names, ", ")
			}
			faults = append(faults, &engine.InputError{Key: key,
				Message: "there is no such input" + source.DidYouMean(key, d.In.Names()) + " (" + takes + ")"})
		case f.Kind == engine.KindSecret:
			ref, err := engine.ParseSecretRef(text)
			if err != nil {
				faults = append(faults, &engine.InputError{Key: key, Message: err.Error()})
				continue
			}
			secret, err := ref.Resolve()
			if err != nil {
				faults = append(faults, &engine.InputError{Key: key, Message: err.Error()})
				continue
			}
			values[key] = secret
			secrets = append(secrets, secret)
		default:
			values[key] = text
		}
	}
	in, wrong := d.In.Decode(values)
	for _, f := range wrong {
		if f.Message == "is needed" {
			f.Message += fmt.Sprintf(" (gumshoe checks %s says more)", d.Name)
		}
	}
	faults = append(faults, wrong...)
	slices.SortStableFunc(faults, func(a, b *engine.InputError) int { return strings.Compare(a.Key, b.Key) })
	return in, secrets, inputErrors(d.Name, faults)
}

// good tells whether a check's target is well: its outcome, when it declares
// one, is the first of the values that the field lists, and its exit code is 0.
func good(out any) bool {
	v := reflect.ValueOf(out)
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		switch tag.Get("json") {
		case "outcome":
			first, _, _ := strings.Cut(tag.Get("enum"), ",")
			if first != "" && v.Field(i).String() != first {
				return false
			}
		case "exit_code":
			if v.Field(i).CanInt() && v.Field(i).Int() != 0 {
				return false
			}
		}
	}
	return true
}

func (a *app) checksCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "checks [CHECK]",
		Short:   "List the checks, or say all about one",
		Example: "  gumshoe checks host.disk",
		Args:    exactly("at most the name of a check", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				definition, err := a.lookupCheck(args[0])
				if err != nil {
					return err
				}
				return a.print(func(w io.Writer) error { return render.CheckReference(w, definition, textOptions(a.stdout)) })
			}
			registry, err := a.registry()
			if err != nil {
				return err
			}
			var all []*engine.Definition
			for _, name := range registry.Names() {
				if d, ok := registry.Lookup(name); ok {
					all = append(all, d)
				}
			}
			return a.print(func(w io.Writer) error { return render.ChecksIndex(w, all, textOptions(a.stdout)) })
		},
		ValidArgsFunction: a.completeCheck,
	}
}

func (a *app) lookupCheck(name string) (*engine.Definition, error) {
	registry, err := a.registry()
	if err != nil {
		return nil, err
	}
	d, ok := registry.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("there is no check %q%s (gumshoe checks lists them)", name, source.DidYouMean(name, registry.Names()))
	}
	return d, nil
}
