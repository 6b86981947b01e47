package livecapture

import (
	"fmt"
	"strings"
)

// NotPermittedError is that packets may not be captured. It wraps what the system
// said, so errors.Is tells that it is os.ErrPermission.
type NotPermittedError struct {
	Err error
}

// Error says what is missing.
func (e *NotPermittedError) Error() string {
	return "packets may not be captured: CAP_NET_RAW is missing: " + e.Err.Error()
}

// Unwrap gives the error of the system.
func (e *NotPermittedError) Unwrap() error { return e.Err }

// Fix is what to do about it.
func (e *NotPermittedError) Fix() string {
	return "run it as root, or allow the program to: setcap cap_net_raw+ep $(which gumshoe); in a container, add the capability NET_RAW"
}

// Problem is what is wrong with an interface.
type Problem string

// The problems of interfaces.
const (
	Missing       Problem = "does not exist"
	Down          Problem = "is down"
	Gone          Problem = "has disappeared during the capture"
	NotCapturable Problem = "has a kind of link that is not known here"
)

// InterfaceError is that an interface cannot be captured on, or no longer.
type InterfaceError struct {
	Interface string
	Problem   Problem
	// Have are the names of the interfaces that packets can be captured on.
	Have []string
}

// Error names the interface and its problem, and for one that is Missing those
// that exist, as many as a person reads.
func (e *InterfaceError) Error() string {
	text := fmt.Sprintf("interface %q %s", e.Interface, e.Problem)
	if e.Problem != Missing || len(e.Have) == 0 {
		return text
	}
	const enough = 20
	have := e.Have[:min(len(e.Have), enough)]
	text += ": there are " + strings.Join(have, ", ")
	if more := len(e.Have) - len(have); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Fix is what to do about it; "" when that is not known.
func (e *InterfaceError) Fix() string {
	switch e.Problem {
	case Missing:
		return "name one that exists, or none for all"
	case Down:
		return "switch it on, or capture on another: ip link set " + e.Interface + " up"
	case Gone:
		return "capture on all interfaces: that goes on when one disappears"
	case NotCapturable:
		return "capture on the interface below or above it"
	}
	return ""
}

// UnsupportedError is that this system cannot capture packets at all, or not so.
type UnsupportedError struct {
	Reason string
	Err    error // what the system said, or nil
}

// Error gives the reason and what the system said.
func (e *UnsupportedError) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Err.Error()
}

// Unwrap gives the error of the system.
func (e *UnsupportedError) Unwrap() error { return e.Err }
