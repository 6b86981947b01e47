package profile

import (
	"encoding/binary"
	"errors"
)

// maxMemory bounds what a profile may take in memory, in bytes, by weigh.
const maxMemory = 256 << 20

// What the parser allocates, in bytes, rounded up from what was measured: a message
// of two bytes takes a hundred times as much, so that the length alone bounds little.
const (
	weightMessage = 256 // a sample, mapping, location or function
	weightInner   = 128 // a line or label
	weightText    = 96  // beside its bytes
	weightNumber  = 32
	weightPacked  = 16 // for each byte: a number has at least one
)

// The field of the message Profile that is a table of texts.
const fieldTexts = 6

var (
	errCut   = errors.New("it is cut off, or no profile")
	errHeavy = errors.New("it takes more than 256 MiB of memory")
)

// weigh estimates what parsing a profile allocates at most, without doing it. It
// stops where that is beyond maxMemory.
func weigh(body []byte) (bytes int64, err error) {
	err = fields(body, func(field uint64, inner []byte) error {
		switch {
		case inner == nil:
			bytes += weightNumber
		case field == fieldTexts:
			bytes += weightText + int64(len(inner))
		default:
			bytes += weightMessage
			// What is no message there is packed numbers, which may not read as one.
			if fields(inner, func(_ uint64, innermost []byte) error {
				if innermost == nil {
					bytes += weightNumber
				} else {
					bytes += weightInner + weightPacked*int64(len(innermost))
				}
				return nil
			}) != nil {
				bytes += weightPacked * int64(len(inner))
			}
		}
		if bytes > maxMemory {
			return errHeavy
		}
		return nil
	})
	return bytes, err
}

// fields calls a function for each field of a message in the wire format of
// protobuf; inner is nil for a number.
func fields(message []byte, each func(field uint64, inner []byte) error) error {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return errCut
		}
		message = message[n:]
		var inner []byte
		var size uint64
		switch key & 7 {
		case 0:
			if _, n = binary.Uvarint(message); n <= 0 {
				return errCut
			}
			size = uint64(n)
		case 1:
			size = 8
		case 2:
			if size, n = binary.Uvarint(message); n <= 0 {
				return errCut
			}
			message = message[n:]
			inner = message[:min(size, uint64(len(message)))]
		case 5:
			size = 4
		default:
			return errCut
		}
		if size > uint64(len(message)) {
			return errCut
		}
		message = message[size:]
		if err := each(key>>3, inner); err != nil {
			return err
		}
	}
	return nil
}
