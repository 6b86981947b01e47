// Package runbooks holds the stock runbooks and their recorded cases. A
// runbook NAME.yaml has its cases in cases/NAME.
package runbooks

import "embed"

// FS holds the stock runbooks at its root.
//
//go:embed *.yaml cases
var FS embed.FS
