// Package probe looks at a service from outside, as its clients do: it connects,
// and tells what the target did.
package probe

import "gumshoe/checks/reach"

// Probes makes the checks that connect to a target.
type Probes struct{ allow *reach.AllowList }

// New gives the probes that connect to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Probes { return Probes{allow} }
