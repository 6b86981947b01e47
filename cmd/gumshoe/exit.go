package main

import (
	"errors"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/source"
	"gumshoe/integrations/render"
)

// The exit statuses, which scripts rely on.
const (
	exitHealthy     = 0 // healthy; and good, for what has no verdict
	exitFound       = 1 // confirmed or contributing; a test or a check's target failed
	exitUsage       = 2 // usage or invalid input: nothing was run
	exitUndecided   = 3 // inconclusive, likely or not reproduced
	exitRefused     = 4 // refused by policy
	exitInterrupted = 5 // interrupted or aborted
	exitInternal    = 7 // internal error (6, "something was left behind", is for chaos)
)

// exitOf is the exit status of a run's verdict.
func exitOf(r *engine.Report) int {
	switch r.Status {
	case engine.StatusHealthy:
		return exitHealthy
	case engine.StatusConfirmed:
		return exitFound
	case engine.StatusLikely, engine.StatusNotReproduced, engine.StatusInconclusive:
		return exitUndecided
	case engine.StatusInterrupted:
		return exitInterrupted
	case engine.StatusError:
	}
	return exitInternal
}

// statusError is an error that ends the program with a status. Without an Err it
// ends silently: what there is to say has been said.
type statusError struct {
	Status int
	Err    error
}

func (e *statusError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *statusError) Unwrap() error { return e.Err }

func failWith(status int, err error) error { return &statusError{status, err} }

// explainError gives the exit status of an error and what to print, a line each.
// An error that says no status is one of usage: what the engine meets is
// reported, and bugs panic. Faults stand as file:line:column: message, as editors
// want them; the last line says what came of them.
func explainError(err error) (status int, lines []string) {
	status = exitUsage
	if failed, ok := errors.AsType[*statusError](err); ok {
		status = failed.Status
		if failed.Err == nil {
			return status, nil
		}
	}
	if faulty, ok := errors.AsType[*faultyError](err); ok {
		for _, f := range faulty.faults {
			prefix := ""
			if f.Position.String() == "" {
				prefix = "gumshoe: "
			}
			lines = append(lines, prefix+render.Clean(f.Error()))
		}
		if faulty.message == "" {
			return status, lines
		}
		return status, append(lines, "gumshoe: "+render.Clean(faulty.message))
	}
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, "gumshoe: "+render.Clean(strings.TrimRight(line, "\n")))
	}
	return status, lines
}

// faultyError is the error of files that cannot be used.
type faultyError struct {
	faults  source.Faults
	message string // what it means; "" when the faults say it all
}

func (e *faultyError) Error() string { return e.message }

// faultsError makes an error of faults, or nil when they are only warnings.
func faultsError(faults source.Faults, message string) error {
	wrong := faults.Wrong()
	if len(wrong) == 0 {
		return nil
	}
	if len(wrong) == 1 && wrong[0].Position.String() == "" {
		message = ""
	}
	return &faultyError{wrong, message}
}
