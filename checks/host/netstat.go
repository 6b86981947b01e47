package host

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"gumshoe/engine"
)

// mib is the content of one of the kernel's files of protocol counters, by the
// names that nstat gives them: TcpRetransSegs, TcpExtListenOverflows.
type mib struct {
	path   string
	err    error
	values map[string]int64
}

// mib reads /proc/net/NAME, and others to go with it, which may be missing: IPv6
// has its own, and may be switched off.
func (s Source) mib(name string, others ...string) mib {
	m := mib{path: s.proc("net", name), values: make(map[string]int64)}
	text, err := os.ReadFile(m.path)
	if err != nil {
		m.err = err
		return m
	}
	m.pairs(string(text))
	for _, other := range others {
		if text, err := os.ReadFile(s.proc("net", other)); err == nil {
			m.lines(string(text))
		}
	}
	return m
}

// pairs reads pairs of lines, "Tcp: OutSegs RetransSegs" above "Tcp: 20 1". What
// is not a whole number from 0 is passed over.
func (m mib) pairs(text string) {
	var above []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(above) == 0 || above[0] != fields[0] {
			above = fields
			continue
		}
		prefix := strings.TrimSuffix(fields[0], ":")
		for i := 1; i < min(len(fields), len(above)); i++ {
			if n, err := counter(fields[i]); err == nil {
				m.values[prefix+above[i]] = n
			}
		}
		above = nil
	}
}

// lines reads lines such as "Udp6InErrors 7".
func (m mib) lines(text string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		if n, err := counter(fields[1]); err == nil {
			m.values[fields[0]] = n
		}
	}
}

// counter reads an unsigned number of the kernel. Half of 64 bits is more than
// any of them counts to.
func counter(digits string) (int64, error) {
	n, err := strconv.ParseUint(digits, 10, 64)
	return int64(min(n, math.MaxInt64)), err
}

// change is what two looks at the same counters tell.
type change struct {
	call          *engine.Call
	before, after mib
}

// of gives by how much counters have grown, together. What depends on it is
// unread when the kernel does not have the first of them, or one went backwards;
// the others may be missing.
func (c change) of(names []string, paths ...string) (int64, bool) {
	if c.missing(names[0], paths...) {
		return 0, false
	}
	var sum int64
	for _, name := range names {
		n, ok := grown(c.before.values[name], c.after.values[name])
		if !ok {
			unread(c.call, "the counter "+name+" went backwards in the window", "look again", paths...)
			return 0, false
		}
		sum += n
	}
	return sum, true
}

// total gives what a counter stands at.
func (c change) total(name, path string) int64 {
	if c.missing(name, path) {
		return 0
	}
	return c.after.values[name]
}

func (c change) missing(name string, paths ...string) bool {
	for _, m := range []mib{c.before, c.after} {
		if m.err != nil {
			reason, fix := whyNoFile(m.path, m.err)
			unread(c.call, reason, fix, paths...)
			return true
		}
		if _, ok := m.values[name]; !ok {
			unread(c.call, "this kernel does not count "+name, "", paths...)
			return true
		}
	}
	return false
}

// grown gives by how much a counter has grown. A fall from near the end of 32
// bits to near 0 is an overflow, as some drivers and 32-bit kernels have it; any
// other fall means that the counter began anew, and what it missed is not known.
func grown(from, to int64) (int64, bool) {
	const near = 1 << 30
	switch {
	case to >= from:
		return to - from, true
	case from <= math.MaxUint32 && from > math.MaxUint32-near && to < near:
		return to + math.MaxUint32 + 1 - from, true
	}
	return 0, false
}

// whyNoFile says why a file of procfs that has a part of the answer is not there.
func whyNoFile(path string, err error) (reason, fix string) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "may not read " + path, "run gumshoe as a user that may read it"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no " + path, "run gumshoe where the kernel's own procfs is mounted, outside a sandbox"
	}
	return fmt.Sprintf("cannot read %s: %v", path, err), "run gumshoe where the kernel's own procfs is mounted, outside a sandbox"
}

// softnet is how the processors fared with incoming packets.
type softnet struct {
	path        string
	err         error
	byProcessor map[uint64]softnetCounts
}

type softnetCounts struct{ dropped, squeezed uint32 }

// softnet reads /proc/net/softnet_stat: a line for each processor that is online,
// in hexadecimal. The second column counts drops, the third squeezes; since
// Linux 5.10 the thirteenth is the processor, before it is the line.
func (s Source) softnet() softnet {
	found := softnet{path: s.proc("net/softnet_stat"), byProcessor: make(map[uint64]softnetCounts)}
	text, err := os.ReadFile(found.path)
	if err != nil {
		found.err = err
		return found
	}
	var number uint64
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		dropped, err := strconv.ParseUint(fields[1], 16, 32)
		squeezed, err2 := strconv.ParseUint(fields[2], 16, 32)
		processor := number
		if len(fields) > 12 {
			if n, err := strconv.ParseUint(fields[12], 16, 32); err == nil {
				processor = n
			}
		}
		number++
		if err == nil && err2 == nil {
			found.byProcessor[processor] = softnetCounts{uint32(dropped), uint32(squeezed)}
		}
	}
	if len(found.byProcessor) == 0 {
		found.err = errors.New("no processors in it")
	}
	return found
}

// why says why two looks cannot be compared; "" when they can.
func (before softnet) why(after softnet) (reason, fix string) {
	for _, look := range []softnet{before, after} {
		if look.err != nil {
			return whyNoFile(look.path, look.err)
		}
	}
	changed := len(before.byProcessor) != len(after.byProcessor)
	for processor := range after.byProcessor {
		_, known := before.byProcessor[processor]
		changed = changed || !known
	}
	if changed {
		return "a processor went on- or offline in the window", "look again"
	}
	return "", ""
}
