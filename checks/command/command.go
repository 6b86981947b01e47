// Package command runs programs that policy allows, as checks. There is no
// shell: a program gets exactly the arguments that policy names, an almost empty
// environment, no input, and no more time than its step.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"gumshoe/engine"
)

// Input are the inputs of command.
type Input struct {
	// Argv is the program and its arguments, each on its own; nothing in them is
	// expanded. The program is a bare name, found in PATH, or an absolute path.
	Argv []string `json:"argv" required:"true"`
	// Timeout is how long the program may take before it is killed with its
	// children.
	Timeout time.Duration `json:"timeout" default:"10s" min:"50ms" max:"5m"`
	// Format says how to read fields from the standard output: not at all (text),
	// as one JSON value (json), or as lines of key=value or key: value (keyvalue).
	Format string `json:"format" default:"text" enum:"text,json,keyvalue"`
}

// Output is what command observes.
type Output struct {
	// Outcome is how the program ended: exited, signaled (killed by a signal that
	// was not ours), or timed_out (killed by us).
	Outcome Outcome `json:"outcome" expr:"outcome" enum:"exited,signaled,timed_out"`
	// ExitCode is the exit status, 0 to 255; unread unless exited.
	ExitCode int `json:"exit_code" expr:"exit_code"`
	// Signal is the signal that ended it, such as "killed"; "" unless signaled.
	Signal string `json:"signal" expr:"signal"`
	// Stdout is the standard output, its first 64 KiB, in valid UTF-8. Unread when
	// there was more or the program did not end by itself: the text is then a
	// part of it.
	Stdout string `json:"stdout" expr:"stdout"`
	// Stderr is the standard error, its first 64 KiB, likewise.
	Stderr string `json:"stderr" expr:"stderr"`
	// StdoutTruncated tells whether there was more standard output.
	StdoutTruncated bool `json:"stdout_truncated" expr:"stdout_truncated"`
	// StderrTruncated tells whether there was more standard error.
	StderrTruncated bool `json:"stderr_truncated" expr:"stderr_truncated"`
	// Lines is the number of lines of standard output.
	Lines int `json:"lines" expr:"lines"`
	// ElapsedSeconds is how long the program ran.
	ElapsedSeconds float64 `json:"elapsed_seconds" expr:"elapsed_seconds"`
	// Fields are the values that format json or keyvalue found, by their path:
	// disks.0.name. Values that are not text are written as in JSON. At most 1000.
	Fields map[string]string `json:"fields" expr:"fields"`
	// Numbers are those of the fields that are finite numbers.
	Numbers map[string]float64 `json:"numbers" expr:"numbers"`
}

// Outcome is how a program ended.
type Outcome string

// The ways in which a program can end.
const (
	Exited   Outcome = "exited"
	Signaled Outcome = "signaled"
	TimedOut Outcome = "timed_out"
)

// New gives the check command, which runs what is allowed and nothing else. Each
// run's risk is what its entry declares; of commands that are not allowed it is
// engine.Change.
//
// The commands are allowed in gumshoe.yaml, argument by argument. A command gets
// PATH and LANG=C.UTF-8 as its environment and / as its directory. At the
// timeout it is killed with all its process group.
//
// Example:
//
//	space: { check: command, with: { argv: [df, -P] } }
//
// By hand:
//
//	df -P
func New(allowed []Allowed) engine.Check[Input, Output] {
	policy := policy(slices.Clone(allowed))
	return engine.Check[Input, Output]{
		Name:      "command",
		Doc:       "What an allowed program prints and how it ends. A change, unless policy declares that exact command to be less.",
		Cost:      200 * time.Millisecond,
		Risk:      engine.Change,
		RiskOf:    func(in Input) engine.Risk { return policy.risk(in.Argv) },
		Allow:     func(in Input) string { return entryFor(in.Argv) },
		Plan:      plan,
		Run:       policy.run,
		Summarize: summarize,
	}
}

func summarize(o Output) string {
	text := fmt.Sprintf("exit status %d", o.ExitCode)
	switch o.Outcome {
	case Signaled:
		text = "ended by signal: " + o.Signal
	case TimedOut:
		text = "killed at its timeout"
	case Exited:
	}
	text += fmt.Sprintf(", %d lines", o.Lines)
	said := o.Stdout
	if o.ExitCode != 0 && o.Stderr != "" {
		said = o.Stderr
	}
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" {
			return text + ": " + clip(printable(line))
		}
	}
	return text
}

func plan(in Input) []engine.Touch {
	return []engine.Touch{
		{Kind: engine.TouchCommand, What: first(in.Argv), How: "run", Argv: in.Argv},
		{Kind: engine.TouchFile, What: os.DevNull, How: "read as the program's input"},
	}
}

// entryFor says how policy would let a command run.
func entryFor(argv []string) string {
	return fmt.Sprintf("add {argv: %s, risk: read} to commands: in gumshoe.yaml, if it only reads", written(argv))
}

func (p policy) run(ctx context.Context, call *engine.Call, in Input) (Output, error) {
	if _, ok := p.find(in.Argv); !ok {
		return Output{}, engine.Refused(
			fmt.Sprintf("the command %s is not allowed", written(in.Argv)),
			entryFor(in.Argv))
	}
	program, err := locate(in.Argv[0])
	if err != nil {
		return Output{}, err
	}
	call.Reproduce(in.Argv...)
	return execute(ctx, call, program, in)
}

// afterKill is how long to wait for the output of a program that has ended
// while a child of it holds the pipes open.
const afterKill = 200 * time.Millisecond

func execute(ctx context.Context, call *engine.Call, program string, in Input) (Output, error) {
	o := Output{Outcome: Exited, Fields: map[string]string{}, Numbers: map[string]float64{}}
	if err := ctx.Err(); err != nil {
		return o, err
	}
	inner, stop := context.WithTimeout(ctx, innerTimeout(ctx, in.Timeout))
	defer stop()
	var stdout, stderr head
	cmd := exec.CommandContext(inner, program, in.Argv[1:]...)
	cmd.Args[0] = in.Argv[0]
	cmd.Env = []string{"PATH=" + searchPath(), "LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killed := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killed
	cmd.WaitDelay = afterKill
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return o, engine.Blind("cannot start "+program, "see that it runs by hand, as gumshoe's user", err)
	}
	err := cmd.Wait()
	o.ElapsedSeconds = time.Since(started).Seconds()
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if errors.Is(err, exec.ErrWaitDelay) { // a child holds the pipes: its group still exists
		_ = killed()
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case inner.Err() != nil && status.Signaled():
		o.Outcome = TimedOut
		unread(call, "the program was killed at its timeout", "set a longer timeout", "exit_code", "stdout", "stderr", "lines", "fields", "numbers")
	case status.Signaled():
		o.Outcome, o.Signal = Signaled, status.Signal().String()
		unread(call, "the program was ended by a signal", "", "exit_code", "stdout", "stderr", "lines", "fields", "numbers")
	default:
		o.ExitCode = status.ExitStatus()
	}
	o.read(call, in.Format, &stdout, &stderr)
	return o, nil
}

// read takes over what the program printed.
func (o *Output) read(call *engine.Call, format string, stdout, stderr *head) {
	o.Stdout, o.StdoutTruncated = stdout.text(), stdout.dropped > 0
	o.Stderr, o.StderrTruncated = stderr.text(), stderr.dropped > 0
	o.Lines = stdout.lines()
	if o.StdoutTruncated {
		unread(call, fmt.Sprintf("%d bytes more than the first 64 KiB", stdout.dropped), "let the program print less", "stdout")
	}
	if o.StderrTruncated {
		unread(call, fmt.Sprintf("%d bytes more than the first 64 KiB", stderr.dropped), "let the program print less", "stderr")
	}
	call.Excerpt("standard output", o.Stdout)
	if o.Stderr != "" {
		call.Excerpt("standard error", o.Stderr)
	}
	if o.Outcome == Exited {
		o.parse(call, format)
	}
}

func unread(call *engine.Call, reason, fix string, paths ...string) {
	for _, path := range paths {
		call.Unread(path, reason, fix)
	}
}

// innerTimeout shortens a timeout so that killing and waiting fit into ctx.
func innerTimeout(ctx context.Context, timeout time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		return min(timeout, max(left*8/10, left-2*afterKill))
	}
	return timeout
}

func first(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return argv[0]
}
