// Command gumshoe runs troubleshooting runbooks: it decides which checks to
// run, and says what is wrong, how sure it is and why.
//
// This package wires the others together and turns their results into text and
// exit statuses. Each subcommand has a file;
// exit.go has the exit statuses.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal cancels, and the run prints what is known by then; from
	// then on the next one ends the process at once.
	context.AfterFunc(ctx, stop)
	// A reader that goes away must not kill a run before it is recorded: writes
	// then fail with EPIPE, which write knows. It is not ignored by the process,
	// because programs that checks start would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// Libraries of clients have their say in the results, not between the lines.
	log.SetOutput(io.Discard)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it. It returns the exit
// status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "gumshoe: internal error: %v\n\n%s\ngumshoe: this is a bug; please report it with the lines above\n", p, debug.Stack())
			status = exitInternal
		}
	}()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return a.status
	}
	status, lines := explainError(err)
	for _, line := range lines {
		fmt.Fprintln(stderr, line)
	}
	return status
}
