package capturefile

import (
	"fmt"
	"strings"
)

// Kind is how a file is not whole.
type Kind string

const (
	// Cut is a file that ends where it cannot: it was cut off, or is still being
	// written. All packets that are whole in it were read.
	Cut Kind = "cut"
	// Damaged is a file with something in it that cannot be. What follows was not
	// read: where the next packet begins is told only by the one before it.
	Damaged Kind = "damaged"
)

// DamageError says where a file stops being readable.
type DamageError struct {
	Kind Kind
	// Offset is where what cannot be read begins, in bytes; in what is unpacked, if
	// the file is packed.
	Offset int64
	// Packets were read before.
	Packets int64
	// Unread is how many bytes of the file follow from Offset on; -1 when it is not
	// known, as of a packed file.
	Unread int64
	// Growing is set when the file became larger while it was read.
	Growing bool
	// Reason is a sentence without a period.
	Reason string
}

func (d *DamageError) Error() string {
	var b strings.Builder
	if d.Kind == Damaged {
		fmt.Fprintf(&b, "the file is damaged at byte %d: ", d.Offset)
	}
	b.WriteString(d.Reason)
	switch {
	case d.Kind == Cut && d.Growing:
		b.WriteString(": it is still being written")
	case d.Kind == Cut:
		b.WriteString(": it was cut off, or is still being written")
	}
	fmt.Fprintf(&b, "; %d %s before that", d.Packets, plural(d.Packets, "packet was read", "packets were read"))
	if d.Unread > 0 {
		fmt.Fprintf(&b, ", and %d %s not", d.Unread, plural(d.Unread, "byte was", "bytes were"))
	}
	return b.String()
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// cut is for a file that ends inside of what begins at an offset. It is not
// final: the file may grow.
func (r *Reader) cut(offset int64, reason string) *DamageError {
	return &DamageError{
		Kind: Cut, Offset: offset, Packets: r.packets, Unread: r.unread(offset),
		Growing: r.Grew(), Reason: reason,
	}
}

// damage is for what cannot be, and is the end of reading.
func (r *Reader) damage(offset int64, reason string) *DamageError {
	d := &DamageError{
		Kind: Damaged, Offset: offset, Packets: r.packets, Unread: r.unread(offset),
		Growing: r.Grew(), Reason: reason,
	}
	r.err = d
	return d
}

func (r *Reader) unread(offset int64) int64 {
	if size := r.size(); size >= 0 && r.packing == "none" {
		return max(0, size-offset)
	}
	return -1
}

func lengthsDiffer(first, second uint32) string {
	return fmt.Sprintf("a block says in its beginning that it has %d bytes, and at its end that it has %d", first, second)
}
