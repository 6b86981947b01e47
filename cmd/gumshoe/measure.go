package main

import (
	"github.com/spf13/cobra"

	"gumshoe/checks/host"
)

// measureFsync is the name of the command below.
const measureFsync = "measure-fsync"

// measureCommand is what host.disk_io runs: a process that waits for a disk in
// the kernel cannot end, so it is one of its own.
func (a *app) measureCommand() *cobra.Command {
	return &cobra.Command{
		Use:    measureFsync + " DIRECTORY",
		Short:  "Write how long syncs take in a directory (for host.disk_io)",
		Hidden: true,
		Args:   exactly("a directory", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return host.MeasureFsync(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
}
