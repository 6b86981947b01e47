package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gumshoe/checks/topology"
	"gumshoe/engine"
	"gumshoe/engine/source"
	"gumshoe/integrations/render"
)

func (a *app) topologyCommand() *cobra.Command {
	var format, output string
	var probe bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "topology [SERVICE …]",
		Short:   "Draw the services and what depends on what, and which of them fail",
		Long:    "Draws the services of gumshoe.yaml and what they depend on. With --probe it looks\nat all of them first, and shows at which of them the failing begins. Names of\nservices limit it to those, with what they need and what needs them. The exit\nstatus of --probe is 0 when all are well, 1 when some fail, 3 when none was seen\nto fail but some could not be judged.",
		Example: "  gumshoe topology --probe\n  gumshoe topology --format svg -o services.svg",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			form, err := render.ParseFormat(format, render.FormatText, render.FormatDOT, render.FormatSVG, render.FormatJSON)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			if err := positive("timeout", timeout, cmd.Flags().Changed("timeout")); err != nil {
				return err
			}
			t, err := a.topology(cmd.Context(), args, probe, timeout)
			if err != nil {
				return err
			}
			return a.printTo(output, func(w io.Writer) error {
				return render.DrawTopology(w, form, t, textOptions(a.stdout))
			})
		},
		ValidArgsFunction: a.completeServices,
	}
	cmd.Flags().BoolVar(&probe, "probe", false, "look at the services")
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text, dot, svg or json")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the result to `FILE`")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "the most `TIME` a service may take to answer")
	completeFormats(cmd, "text", "dot", "svg", "json")
	return cmd
}

// topology gives the services, with what was seen of them when they are probed.
func (a *app) topology(ctx context.Context, names []string, probe bool, timeout time.Duration) (*render.Topology, error) {
	definition, err := a.lookupCheck("topology.walk")
	if err != nil {
		return nil, err
	}
	if len(a.services) == 0 {
		return nil, fmt.Errorf("no services are declared; declare them, with what they depend on and how to probe them, under services: in gumshoe.yaml")
	}
	known := serviceNames(a.services)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no service %q%s (there are: %s)", name, source.DidYouMean(name, known), strings.Join(known, ", "))
		}
	}
	chosen, err := topology.Choose(a.services, names)
	if err != nil {
		return nil, err
	}
	t := drawnServices(chosen)
	if !probe {
		return t, nil
	}
	// With time left for the walk to say which of them did not answer.
	o := a.observer()(ctx, engine.Request{
		Step: "walk", Check: definition, Input: topology.WalkInput{Services: names, Timeout: timeout}, Timeout: 2*timeout + 5*time.Second,
		Incident: engine.Incident{Onset: time.Now().UTC()}, Masker: engine.NewMasker(),
	})
	walk, ok := o.Output.(topology.Walk)
	switch {
	case !ok && ctx.Err() != nil:
		return nil, failWith(exitInterrupted, ctx.Err())
	case !ok:
		return nil, fmt.Errorf("%s", withFix(o.Reason, o.Fix))
	case walk.Failing > 0:
		a.status = exitFound
	case walk.Unknown > 0:
		a.status = exitUndecided
	}
	t.Probed, t.Summary, t.Suspects = true, o.Summary, walk.Suspects
	for i, s := range walk.Services {
		one := &t.Services[i]
		one.Status, one.Suspect, one.Detail, one.Affected = s.Status, s.Suspect, s.Summary, s.Affected
	}
	return t, nil
}

// drawnServices are the services as they are declared.
func drawnServices(services []*engine.Service) *render.Topology {
	t := &render.Topology{Services: []render.TopologyService{}, Suspects: []string{}}
	for _, s := range services {
		one := render.TopologyService{Name: s.Name, Owner: s.Owner, Critical: s.Critical, DependsOn: []render.TopologyDependency{}}
		for _, d := range s.DependsOn {
			// Of a choice of services, some may need others that were not chosen.
			if slices.ContainsFunc(services, func(s *engine.Service) bool { return s.Name == d.Service }) {
				one.DependsOn = append(one.DependsOn, render.TopologyDependency{Service: d.Service, Optional: d.Optional})
			}
		}
		var looks []string
		for _, p := range s.Probes {
			look := p.Check.Name
			if in, err := p.Input(); err == nil && p.Check.Target(in) != "" {
				look += " " + p.Check.Target(in)
			}
			looks = append(looks, look)
		}
		one.Detail = strings.Join(looks, ", ")
		t.Services = append(t.Services, one)
	}
	return t
}

func (a *app) completeServices(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	if _, err := a.registry(); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return serviceNames(a.services), cobra.ShellCompDirectiveNoFileComp
}

func serviceNames(services []*engine.Service) []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	return names
}
