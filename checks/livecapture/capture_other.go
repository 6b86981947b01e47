//go:build !linux

package livecapture

import (
	"context"

	"gumshoe/checks/capturefile"
)

// Capture is a capture that goes on. There is none on this system.
type Capture struct{}

func unsupported() error {
	return &UnsupportedError{Reason: "packets are captured on Linux only: read a file that tcpdump or Wireshark wrote here"}
}

// Open gives an *UnsupportedError.
func Open(Options) (*Capture, error) { return nil, unsupported() }

// Permitted gives an *UnsupportedError.
func Permitted() error { return unsupported() }

// Devices gives an *UnsupportedError.
func Devices() ([]Device, error) { return nil, unsupported() }

// Next gives an *UnsupportedError.
func (*Capture) Next(context.Context, *Packet) error { return unsupported() }

// Stop gives an *UnsupportedError.
func (*Capture) Stop() error { return unsupported() }

// Interfaces gives none.
func (*Capture) Interfaces() []capturefile.Interface { return nil }

// LeftOut gives none.
func (*Capture) LeftOut() []string { return nil }

// Statistics gives an *UnsupportedError.
func (*Capture) Statistics() (Statistics, error) { return Statistics{}, unsupported() }

// Close does nothing.
func (*Capture) Close() error { return nil }
