package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gumshoe/checks"
	"gumshoe/checks/backups"
	"gumshoe/checks/command"
	"gumshoe/checks/host"
	"gumshoe/checks/reach"
	"gumshoe/checks/topology"
	"gumshoe/engine"
	"gumshoe/engine/load"
	"gumshoe/engine/source"
	"gumshoe/integrations/config"
	"gumshoe/integrations/store"
	"gumshoe/runbooks"
)

// systemRunbooks is where an operator puts the runbooks of a machine.
const systemRunbooks = "/etc/gumshoe/runbooks"

// app is one run of the program. What it needs from outside is made when a
// command first asks for it, so that a command pays only for what it uses.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	configFile     string
	// status is the exit status of a command that had no error.
	status int

	cachedConfig   *config.Config
	cachedRegistry *engine.Registry
	cachedObserver engine.Observer
	// services are what gumshoe.yaml declares, once the registry has been made.
	services []*engine.Service
}

// config gives the configuration, an empty one when there is none.
func (a *app) config() (*config.Config, error) {
	if a.cachedConfig != nil {
		return a.cachedConfig, nil
	}
	path, found := config.Find(a.configFile)
	if !found {
		a.cachedConfig = &config.Config{}
		return a.cachedConfig, nil
	}
	c, faults := config.Load(path)
	if err := faultsError(faults, "the configuration cannot be used; nothing was run"); err != nil {
		return nil, err
	}
	a.cachedConfig = c
	return c, nil
}

// registry gives the checks, as policy allows them.
func (a *app) registry() (*engine.Registry, error) {
	if a.cachedRegistry != nil {
		return a.cachedRegistry, nil
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	var deps checks.Dependencies
	if self, err := os.Executable(); err == nil {
		deps.Host.FsyncCommand = []string{self, measureFsync}
	}
	for _, allowed := range c.Commands {
		deps.AllowedCommands = append(deps.AllowedCommands, command.Allowed{Argv: allowed.Argv, Risk: allowed.Risk})
	}
	if c.Allow.Set {
		deps.Probes = reach.NewAllowList(c.Allow.Targets)
	}
	deps.Backups = backups.New(declaredBackups(c), deps.Probes)
	if !c.Services.IsZero() { // they name checks, and one check walks them
		deps.Topology = topology.New(func() []*engine.Service { return a.services }, a.observer())
	}
	registry, err := checks.Builtin(deps)
	if err != nil {
		return nil, failWith(exitInternal, err)
	}
	if !c.Services.IsZero() {
		var faults source.Faults
		a.services, faults = (&load.Loader{Registry: registry}).Services(c.Services)
		if err := faultsError(faults, "the configuration cannot be used; nothing was run"); err != nil {
			return nil, err
		}
	}
	a.cachedRegistry = registry
	return registry, nil
}

// observer gives what looks from this host, politely whoever asks.
func (a *app) observer() engine.Observer {
	if a.cachedObserver == nil {
		a.cachedObserver = engine.NewManners(engine.Local(hostName()), host.Source{}.UnderPressure).Observe
	}
	return a.cachedObserver
}

// loader gives what finds and loads runbooks.
func (a *app) loader() (*load.Loader, error) {
	registry, err := a.registry()
	if err != nil {
		return nil, err
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	dirs := append(append([]string(nil), c.Runbooks...), systemRunbooks)
	return &load.Loader{Registry: registry, Dirs: dirs, Stock: runbooks.FS}, nil
}

// load loads a runbook by its name or path.
func (a *app) load(ref string) (*engine.Runbook, error) {
	loader, err := a.loader()
	if err != nil {
		return nil, err
	}
	book, faults := loader.Load(ref)
	message := "the runbook cannot be used; nothing was run"
	if n := len(faults.Wrong()); n > 1 {
		message = fmt.Sprintf("the runbook cannot be used: %d faults; nothing was run", n)
	}
	if err := faultsError(faults, message); err != nil {
		return nil, err
	}
	return book, nil
}

// secrets reads the configured secrets, which are blotted out of every report.
// One that cannot be read cannot leak either.
func (a *app) secrets() ([]engine.Secret, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	var secrets []engine.Secret
	for _, s := range c.Secrets {
		if secret, err := s.Ref.Resolve(); err == nil {
			secrets = append(secrets, secret)
		}
	}
	return secrets, nil
}

// stateDir is where runs are kept.
func (a *app) stateDir() (string, error) {
	c, err := a.config()
	if err != nil {
		return "", err
	}
	if c.State != "" {
		return filepath.Abs(c.State)
	}
	return store.Dir()
}

func (a *app) runs() (*store.Runs, error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return store.Open(dir), nil
}

// prepared is a runbook with the inputs of one run.
type prepared struct {
	book    *engine.Runbook
	inputs  *engine.InputValues
	given   map[string]string
	secrets []engine.Secret
	target  string
}

// prepare loads a runbook and reads its inputs. Whatever is wrong with what the
// user gave is told here, before anything runs.
func (a *app) prepare(ref string, args []string, on string) (*prepared, error) {
	p := &prepared{target: hostName()}
	if err := here(on, p.target); err != nil {
		return nil, err
	}
	var err error
	if p.given, err = nameValues(args); err != nil {
		return nil, err
	}
	if p.book, err = a.load(ref); err != nil {
		return nil, err
	}
	var faults []*engine.InputError
	if p.inputs, faults = p.book.Inputs.Resolve(p.given); len(faults) > 0 {
		return nil, inputErrors(p.book.Name, faults)
	}
	if p.secrets, err = a.secrets(); err != nil {
		return nil, err
	}
	return p, nil
}

// ownTouches lists what Gumshoe itself reads and writes in a run of a runbook,
// beside what its checks do.
func (a *app) ownTouches(book *engine.Runbook, steps []engine.PlannedStep) ([]engine.Touch, error) {
	var own []engine.Touch
	read := func(path string) {
		if strings.HasPrefix(path, "stock:") {
			return // in the program itself
		}
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		own = append(own, engine.Touch{Kind: engine.TouchFile, What: path, How: "read"})
	}
	read(book.File)
	for _, used := range book.Uses {
		read(used)
	}
	if a.configFile != "" {
		read(a.configFile)
	} else {
		for _, place := range config.Places() {
			read(place)
		}
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	for _, dir := range append(append([]string(nil), c.Runbooks...), systemRunbooks) {
		for _, ext := range []string{".yaml", ".yml"} {
			read(filepath.Join(dir, book.Name+ext))
		}
	}
	for _, s := range c.Secrets {
		if path, isFile := strings.CutPrefix(string(s.Ref), "file:"); isFile {
			read(path)
		}
	}
	for _, s := range steps {
		for _, t := range s.Touches {
			if t.Kind == engine.TouchCommand && len(t.Argv) > 0 && !strings.Contains(t.Argv[0], "/") {
				own = append(own, lookedFor(t.Argv[0])...)
			}
		}
	}
	read("/etc/localtime")
	// Without a folder for them the run says that it is not recorded.
	if runs, err := a.runs(); err == nil {
		own = append(own, engine.Touch{Kind: engine.TouchFile, What: runs.Directory(), How: "write its record"})
	}
	return own, nil
}

// lookedFor lists the places in PATH at which a program is looked for.
func lookedFor(program string) []engine.Touch {
	var touches []engine.Touch
	found, _ := exec.LookPath(program)
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, program)
		touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: path, How: "look for the program"})
		if path == found {
			break
		}
	}
	return touches
}

// beside gives the folder of a runbook's file, where its cases are, and how paths
// in it begin in messages.
func beside(book *engine.Runbook) (folder fs.FS, display string) {
	if strings.HasPrefix(book.File, "stock:") {
		return runbooks.FS, "stock:"
	}
	dir := filepath.Dir(book.File)
	return os.DirFS(dir), dir + string(filepath.Separator)
}
