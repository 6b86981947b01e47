package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gumshoe/engine/source"
)

// root is the command line as a whole.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "gumshoe COMMAND …",
		Short: "Finds out why a system is sick, and says how sure it is",
		Long: `Gumshoe runs troubleshooting runbooks: it chooses which checks to run, and says
what is wrong, how sure it is and why, or says honestly that it cannot tell.`,
		Example:               "  gumshoe run host-sick",
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:                  cobra.ArbitraryArgs,
		RunE:                  a.noCommand,
	}
	root.PersistentFlags().StringVar(&a.configFile, "config", "", "the configuration `FILE` (default ./gumshoe.yaml, else /etc/gumshoe/gumshoe.yaml)")
	root.AddGroup(
		&cobra.Group{ID: "diagnose", Title: "Diagnose"},
		&cobra.Group{ID: "write", Title: "Write runbooks"},
		&cobra.Group{ID: "look", Title: "Look things up"},
	)
	for group, commands := range map[string][]*cobra.Command{
		"diagnose": {a.runCommand(), a.planCommand(), a.checkCommand(), a.reportCommand(), a.explainCommand(), a.topologyCommand()},
		"write":    {a.newCommand(), a.lintCommand(), a.testCommand(), a.recordCommand(), a.schemaCommand()},
		"look":     {a.listCommand(), a.showCommand(), a.checksCommand(), a.doctorCommand(), a.completionCommand(), a.versionCommand()},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.measureCommand())
	root.SetHelpCommandGroupID("look")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate("{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}\n\n{{end}}{{.UsageString}}")
	root.InitDefaultHelpFlag()
	return root
}

// noCommand is run when the first argument names no command.
func (a *app) noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("there is no command %q%s (gumshoe help lists them)", args[0], source.DidYouMean(args[0], names))
}

// flagError says what is wrong with a flag, and which was meant.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown.GetSpecifiedName())
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := invalid.GetFlag()
		return fmt.Errorf("--%s: want %s, not %q", f.Name, flagWant(f), invalid.GetValue())
	}
	return fmt.Errorf("%w (gumshoe %s --help)", err, cmd.Name())
}

func unknownFlag(cmd *cobra.Command, name string) error {
	var names []string
	collect := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.Flags().VisitAll(collect)
	cmd.InheritedFlags().VisitAll(collect)
	hint := ""
	if near := source.Nearest(name, names); near != "" && len(name) > 1 {
		hint = "; did you mean --" + near + "?"
	}
	dashes := "--"
	if len(name) == 1 {
		dashes = "-"
	}
	return fmt.Errorf("%s has no flag %s%s%s (gumshoe %s --help)", cmd.CommandPath(), dashes, name, hint, cmd.Name())
}

// flagWant says what a flag's value looks like.
func flagWant(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "duration":
		return "a duration such as 30s or 15m"
	case "int":
		return "a whole number"
	case "bool":
		return "true or false"
	}
	return "a " + f.Value.Type()
}

// exactly checks the number of arguments, and says what is wanted.
func exactly(what string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("%s wants %s (gumshoe %s --help)", cmd.CommandPath(), what, cmd.Name())
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%s wants %s, and nothing after it: %s (gumshoe %s --help)", cmd.CommandPath(), what,
				strings.Join(args[most:], " "), cmd.Name())
		}
		return nil
	}
}

const usageTemplate = `Usage
  {{if .Runnable}}{{.UseLine}}{{end}}{{if .HasExample}}

Example
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Everywhere
{{.InheritedFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

gumshoe COMMAND --help says more about a command.{{end}}
`
