package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gumshoe/engine"
	"gumshoe/engine/source"
	"gumshoe/integrations/store"
)

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print the completion script of a shell",
		Long:      "Prints a script with which a shell completes commands, flags, runbooks, checks\nand their inputs.",
		Example:   "  source <(gumshoe completion bash)",
		Args:      exactly("one of bash, zsh, fish", 1, 1),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			write := map[string]func(io.Writer) error{
				"bash": func(w io.Writer) error { return cmd.Root().GenBashCompletionV2(w, true) },
				"zsh":  cmd.Root().GenZshCompletion,
				"fish": func(w io.Writer) error { return cmd.Root().GenFishCompletion(w, true) },
			}[args[0]]
			if write == nil {
				return fmt.Errorf("there is no completion for %q%s (there are: %s)", args[0],
					source.DidYouMean(args[0], shells), strings.Join(shells, ", "))
			}
			return a.print(write)
		},
	}
}

// completeFormats completes the values of --format. Registering can only fail for a
// flag that is not there or registered twice, which any run of the program shows.
func completeFormats(cmd *cobra.Command, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

// completeRunbook completes the name of a runbook; a file does as well.
func (a *app) completeRunbook(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	loader, err := a.loader()
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for _, place := range loader.List() {
		names = append(names, place.Name)
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completeRunbookAndInputs completes the inputs of a runbook once it is named.
func (a *app) completeRunbookAndInputs(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeRunbook(cmd, args, typed)
	}
	book, err := a.load(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var inputs []input
	for _, in := range book.Inputs.List {
		values := in.Values
		if in.Type == engine.InputBool {
			values = []string{"true", "false"}
		}
		inputs = append(inputs, input{in.Name, in.About, values})
	}
	return completeInputs(inputs, args[1:], typed)
}

// input is what can be completed of an input.
type input struct {
	name, about string
	values      []string
}

func (a *app) completeCheck(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	registry, err := a.registry()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, name := range registry.Names() {
		if d, ok := registry.Lookup(name); ok {
			names = append(names, cobra.CompletionWithDesc(name, d.Doc))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeCheckAndInputs completes the inputs of a check once it is named.
func (a *app) completeCheckAndInputs(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeCheck(cmd, args, typed)
	}
	d, err := a.lookupCheck(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var inputs []input
	for _, f := range d.In.Fields {
		values := f.Enum
		if f.Kind == engine.KindBool {
			values = []string{"true", "false"}
		}
		inputs = append(inputs, input{f.Name, f.Doc(), values})
	}
	return completeInputs(inputs, args[1:], typed)
}

// completeInputs completes name= and, where they are known, the values.
func completeInputs(inputs []input, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	if name, _, hasValue := strings.Cut(typed, "="); hasValue {
		for _, in := range inputs {
			if in.name != name || len(in.values) == 0 {
				continue
			}
			var all []string
			for _, v := range in.values {
				all = append(all, name+"="+v)
			}
			return all, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveDefault // a path, perhaps
	}
	var names []string
	for _, in := range inputs {
		taken := false
		for _, arg := range given {
			taken = taken || strings.HasPrefix(arg, in.name+"=")
		}
		if !taken {
			names = append(names, cobra.CompletionWithDesc(in.name+"=", in.about))
		}
	}
	return names, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

// completeRun completes the newest runs.
func (a *app) completeRun(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	runs, err := a.runs()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, _, err := runs.List(20)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := []string{store.Last}
	for _, s := range list {
		names = append(names, cobra.CompletionWithDesc(s.Run, s.Runbook+": "+s.Headline))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
