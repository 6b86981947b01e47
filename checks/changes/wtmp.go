package changes

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Types of records of utmp(5).
const (
	runLevel    = 1
	bootTime    = 2
	userProcess = 7
	accounting  = 9 // the greatest
)

// record is a record of wtmp.
type record struct {
	kind int16
	user string
	line string
	host string
	time time.Time
}

// layout is how struct utmp lies in memory. With glibc, x86-64 keeps the times of
// 32-bit programs, and arm64 does not.
type layout struct {
	size, seconds int
	wide          bool
}

// layouts lists what is known, the usual one first.
func layouts() []layout {
	return []layout{{size: 384, seconds: 340}, {size: 400, seconds: 344, wide: true}}
}

// parseWtmp takes the records of a wtmp. Its layout is the one in which more
// records make sense; beheaded tells that its beginning is missing, which then was
// cut anywhere. Records that make no sense are left out.
func parseWtmp(all []byte, beheaded bool) []record {
	var best []record
	for _, layout := range layouts() {
		starts := 1
		if beheaded {
			starts = layout.size
		}
		for start := 0; start < starts && start < len(all); start += 4 { // all records are of a multiple of 4
			probe := all[start:min(len(all), start+64*layout.size)]
			if beheaded && len(layout.records(probe)) < len(probe)/layout.size*3/4 {
				continue
			}
			if records := layout.records(all[start:]); len(records) > len(best) {
				best = records
			}
		}
	}
	return best
}

func (y layout) records(all []byte) []record {
	var found []record
	for ; len(all) >= y.size; all = all[y.size:] {
		if r, ok := y.record(all[:y.size]); ok {
			found = append(found, r)
		}
	}
	return found
}

// record takes one record; false when it is none.
func (y layout) record(raw []byte) (record, bool) {
	r := record{kind: int16(binary.NativeEndian.Uint16(raw))}
	var seconds int64
	if y.wide {
		seconds = int64(binary.NativeEndian.Uint64(raw[y.seconds:]))
	} else {
		seconds = int64(binary.NativeEndian.Uint32(raw[y.seconds:])) // unsigned: it lasts until 2106
	}
	// Zeros after type and before process id: two bytes that nothing uses.
	sane := r.kind > 0 && r.kind <= accounting && raw[2] == 0 && raw[3] == 0 && seconds > 0 && seconds <= 1<<32
	if !sane {
		return r, false
	}
	r.line, r.user, r.host, r.time = word(raw[8:40]), word(raw[44:76]), word(raw[76:332]), time.Unix(seconds, 0)
	return r, true
}

// word gives a text that zeros fill up.
func word(raw []byte) string {
	if end := bytes.IndexByte(raw, 0); end >= 0 {
		raw = raw[:end]
	}
	return string(raw)
}
