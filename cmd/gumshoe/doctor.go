package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"gumshoe/engine"
	"gumshoe/engine/load"
	"gumshoe/engine/source"
	"gumshoe/integrations/config"
	"gumshoe/integrations/render"
	"gumshoe/integrations/store"
)

// doctorTimeout is how long doctor waits for one check. Most take a tenth of a
// second; on a machine in trouble they take longer, and that is no blindness.
const doctorTimeout = 5 * time.Second

func (a *app) doctorCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Show what this host lets gumshoe see, and what to install or grant",
		Long:    "Runs each check that only reads and needs no input, for a moment, and shows how\nmuch it can see here, and what to install or to grant so that it sees more. It\nchanges nothing. The exit status is 0 also when some are blind; 3 when gumshoe\nitself is broken: a fault in gumshoe.yaml, a folder for runs that cannot be\nwritten, a runbook that does not load; 5 when interrupted.",
		Example: "  gumshoe doctor\n  gumshoe doctor --format json",
		Args:    exactly("no arguments", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			form, err := render.ParseFormat(format, render.FormatText, render.FormatJSON)
			if err != nil {
				return fmt.Errorf("--format: %w", err)
			}
			d, err := a.doctor(cmd.Context(), "/")
			if err != nil {
				return err
			}
			if d.Status == render.DoctorBroken {
				a.status = exitUndecided
			}
			return a.print(func(w io.Writer) error {
				if form == render.FormatJSON {
					return render.DoctorJSON(w, d)
				}
				return render.DoctorText(w, d, textOptions(a.stdout))
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	completeFormats(cmd, "text", "json")
	return cmd
}

// doctor looks at everything. root is the folder that the files of the host are
// looked for in; the checks have their own.
func (a *app) doctor(ctx context.Context, root string) (*render.Doctor, error) {
	started := time.Now()
	d := &render.Doctor{
		Schema: render.DoctorForm, Version: programVersion().Version, Target: hostName(), Started: started.UTC(),
		Host: lookAround(root), Faults: []render.DoctorFault{}, Warnings: []render.DoctorFault{},
	}
	c := a.doctorConfiguration(d)
	masker := a.doctorSecrets(d, c)
	a.doctorState(d)
	registry, err := a.registry()
	if err != nil {
		return nil, err
	}
	loader, err := a.loader()
	if err != nil {
		return nil, err
	}
	var books sync.WaitGroup
	books.Go(func() { doctorRunbooks(d, loader) })
	d.Checks = doctorChecks(ctx, registry, masker, d.Configuration.Commands)
	books.Wait()
	if ctx.Err() != nil {
		return nil, failWith(exitInterrupted, errors.New("interrupted: what was seen by then would pass for blindness"))
	}
	d.Fixes = render.DoctorFixes(d.Checks, d.Host)
	if d.Status = render.DoctorReady; len(d.Faults) > 0 {
		d.Status = render.DoctorBroken
	}
	d.ElapsedSeconds = time.Since(started).Seconds()
	return d, nil
}

// doctorConfiguration reads gumshoe.yaml. When it has faults doctor goes on with
// the defaults, to show the rest.
func (a *app) doctorConfiguration(d *render.Doctor) *config.Config {
	path, found := config.Find(a.configFile)
	c := &config.Config{}
	d.Configuration.Usable, d.Configuration.Secrets = true, []render.DoctorSecret{}
	if found {
		d.Configuration.File = absolute(path)
		usable, faults := config.Load(path)
		for _, f := range faults.Wrong() {
			d.Faults = append(d.Faults, render.DoctorFault{What: "configuration", Reason: f.Error()})
		}
		for _, f := range faults.Warnings() {
			f.Severity = source.Wrong // it is said by where it stands
			d.Warnings = append(d.Warnings, render.DoctorFault{What: "configuration", Reason: f.Error()})
		}
		if d.Configuration.Usable = usable != nil; usable != nil {
			c = usable
		}
	}
	a.cachedConfig = c
	for _, allowed := range c.Commands {
		if allowed.Risk >= engine.Change {
			continue
		}
		d.Configuration.Commands++
		if _, err := exec.LookPath(allowed.Argv[0]); err != nil {
			d.Warnings = append(d.Warnings, render.DoctorFault{
				What:   "command " + allowed.Argv[0],
				Reason: "it is allowed in gumshoe.yaml, and there is no such program here",
				Fix:    "install it, or take it out of commands:",
			})
		}
	}
	d.Configuration.Targets, d.Configuration.AnyTarget = len(c.Allow.Targets), !c.Allow.Set
	return c
}

// doctorSecrets tells which secrets cannot be read, never what they are, and
// gives what masks the others.
func (a *app) doctorSecrets(d *render.Doctor, c *config.Config) *engine.Masker {
	var values []engine.Secret
	for _, s := range c.Secrets {
		value, err := s.Ref.Resolve()
		d.Configuration.Secrets = append(d.Configuration.Secrets,
			render.DoctorSecret{Name: s.Name, Ref: string(s.Ref), Readable: err == nil})
		if err == nil {
			values = append(values, value)
			continue
		}
		d.Warnings = append(d.Warnings, render.DoctorFault{
			What:   "secret " + s.Name,
			Reason: strings.TrimPrefix(err.Error(), "secret "+string(s.Ref)+": "),
			Fix:    "set it where gumshoe runs; without it nothing masks it and no check can use it",
		})
	}
	return engine.NewMasker(values...)
}

// doctorState asks whether runs can be kept, without keeping one.
func (a *app) doctorState(d *render.Doctor) {
	const fix = "name a folder that can be written: `state:` in gumshoe.yaml, or XDG_STATE_HOME"
	d.State.Keep = store.Keep
	runs, err := a.runs()
	if err != nil {
		d.Faults = append(d.Faults, render.DoctorFault{What: "state", Reason: err.Error(), Fix: fix})
		return
	}
	d.State.Folder = filepath.Dir(runs.Directory())
	if err := writable(runs.Directory()); err != nil {
		d.Faults = append(d.Faults, render.DoctorFault{What: "state", Reason: "runs cannot be kept: " + err.Error(), Fix: fix})
	} else {
		d.State.Writable = true
	}
	entries, err := os.ReadDir(runs.Directory())
	if err != nil && !errors.Is(err, fs.ErrNotExist) && d.State.Writable {
		d.Warnings = append(d.Warnings, render.DoctorFault{What: "state", Reason: "kept runs cannot be listed: " + err.Error()})
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			d.State.Runs++
		}
	}
}

// doctorRunbooks loads each runbook that can be named.
func doctorRunbooks(d *render.Doctor, loader *load.Loader) {
	d.Runbooks = render.DoctorRunbooks{Folders: []render.DoctorFolder{}, Broken: []string{}}
	for _, dir := range loader.Dirs {
		folder := render.DoctorFolder{Folder: absolute(dir), Found: true}
		if _, err := os.ReadDir(dir); errors.Is(err, fs.ErrNotExist) {
			folder.Found = false // of one in gumshoe.yaml the configuration has a warning
		} else if err != nil {
			d.Warnings = append(d.Warnings, render.DoctorFault{What: "runbooks", Reason: "a folder cannot be read: " + err.Error()})
		}
		d.Runbooks.Folders = append(d.Runbooks.Folders, folder)
	}
	for _, place := range loader.List() {
		stock, named := strings.HasPrefix(place.File, "stock:"), place.File
		if stock {
			named = place.Name
		}
		faults, _ := loader.Lint(named)
		if wrong := faults.Wrong(); len(wrong) > 0 {
			more := ""
			if len(wrong) > 1 {
				more = fmt.Sprintf(" (and %d more)", len(wrong)-1)
			}
			d.Runbooks.Broken = append(d.Runbooks.Broken, place.Name)
			d.Faults = append(d.Faults, render.DoctorFault{
				What: "runbook " + place.Name, Reason: wrong[0].Error() + more, Fix: "gumshoe lint " + named + " shows all that is wrong",
			})
			continue
		}
		if stock {
			d.Runbooks.Stock++
			continue
		}
		dir := absolute(filepath.Dir(place.File))
		if i := slices.IndexFunc(d.Runbooks.Folders, func(f render.DoctorFolder) bool { return f.Folder == dir }); i >= 0 {
			d.Runbooks.Folders[i].Loaded++
		}
	}
}

// doctorChecks runs the checks that only read and need no input, some at a time.
func doctorChecks(ctx context.Context, registry *engine.Registry, masker *engine.Masker, commands int) []render.DoctorCheck {
	names := registry.Names()
	found := make([]render.DoctorCheck, len(names))
	places := make(chan struct{}, engine.DefaultParallel)
	var looks sync.WaitGroup
	for i, name := range names {
		definition, _ := registry.Lookup(name)
		looks.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found[i] = doctorCheck(ctx, definition, masker)
			if definition.Risk == engine.Change && found[i].Sees == render.NeedsInput {
				found[i].Reason = fmt.Sprintf("%d allowed", commands)
			}
		})
	}
	looks.Wait()
	return found
}

// doctorCheck runs one check with its defaults, in the shortest window that it
// has. One that needs inputs, or could cost its target something, is not run.
func doctorCheck(ctx context.Context, d *engine.Definition, masker *engine.Masker) render.DoctorCheck {
	c := render.DoctorCheck{Name: d.Name, Unread: []render.DoctorUnread{}}
	values := make(map[string]any)
	for _, f := range d.In.Fields {
		switch {
		case f.Required:
			c.Needs = append(c.Needs, f.Name)
		case f.Name == "window" && f.Kind == engine.KindDuration && f.Min > 0: // no bound is NaN
			values[f.Name] = time.Duration(f.Min * float64(time.Second)).String()
		}
	}
	if len(c.Needs) > 0 {
		c.Sees = render.NeedsInput
		return c
	}
	in, faults := d.In.Decode(values)
	if len(faults) > 0 {
		c.Sees, c.Reason = render.NeedsInput, faults[0].Error()
		return c
	}
	if risk := d.RiskOf(in); risk != engine.Read {
		c.Sees, c.Reason = render.NotRun, "its risk is "+risk.String()
		return c
	}
	return render.NewDoctorCheck(d, engine.Local(hostName())(ctx, engine.Request{
		Step: d.Name, Check: d, Input: in, Timeout: doctorTimeout,
		Incident: engine.Incident{Onset: time.Now().UTC()}, Masker: masker,
	}))
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}
