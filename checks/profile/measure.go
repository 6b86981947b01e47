package profile

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"gumshoe/checks/reach"
)

// maxTop bounds each list.
const maxTop = 20

// column gives the place of a value in the samples of a profile.
func column(p *profile.Profile, names ...string) (int, error) {
	for _, name := range names {
		if i := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == name }); i >= 0 {
			return i, nil
		}
	}
	return 0, errors.New("it has no values of " + strings.Join(names, " or "))
}

// place is a function, and the file that it is in.
type place struct{ function, file string }

func placeOf(line profile.Line) place {
	if line.Function == nil {
		return place{"unknown", ""}
	}
	return place{reach.Printable(cmp.Or(line.Function.Name, "unknown")), reach.Printable(line.Function.Filename)}
}

// walk calls a function for each function of a sample, from the innermost.
func walk(s *profile.Sample, each func(place) (goOn bool)) {
	for _, location := range s.Location {
		if len(location.Line) == 0 && !each(place{"unknown", ""}) {
			return
		}
		for _, line := range location.Line {
			if !each(placeOf(line)) {
				return
			}
		}
	}
}

// ofProgram tells whether a function is neither of the standard library nor of the
// runtime: its package is main, or the first part of its path has a dot, or is not
// among those of the library.
func ofProgram(function string) bool {
	path := function
	if i := strings.IndexAny(path, "(["); i >= 0 { // of a method, or of types
		path = path[:i]
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		first, _, _ := strings.Cut(path, "/")
		return strings.Contains(first, ".") || !ofLibrary(first)
	}
	pkg, _, _ := strings.Cut(path, ".")
	return !ofLibrary(pkg)
}

// ofLibrary tells whether a path whose first part this is belongs to Go's standard
// library or runtime.
func ofLibrary(root string) bool {
	switch root {
	case "archive", "arena", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "embed", "encoding",
		"errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter", "log", "maps", "math", "mime",
		"net", "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall",
		"testing", "text", "time", "type:", "unicode", "unique", "unsafe", "vendor", "weak", "gogo", "_rt0_amd64", "unknown":
		return true
	}
	return false
}

// culprit is the innermost function of the program in a sample, or of a library
// when there is none, or what there is.
func culprit(s *profile.Sample) place {
	var own, library, innermost place
	walk(s, func(p place) bool {
		if innermost.function == "" {
			innermost = p
		}
		if library.function == "" && !strings.HasPrefix(p.function, "runtime.") && !strings.HasPrefix(p.function, "internal/") {
			library = p
		}
		if ofProgram(p.function) {
			own = p
			return false
		}
		return true
	})
	switch {
	case own.function != "":
		return own
	case library.function != "":
		return library
	case innermost.function != "":
		return innermost
	}
	return place{"unknown", ""} // it has no stack yet
}

// interrupted is what Go's scheduler puts on top of a function that has had its
// time, by a signal. On a busy host that comes together with the profiler's: then it
// is the function below that was at work.
const interrupted = "runtime.asyncPreempt"

// cpu takes what the processor did.
func (l *look) cpu(p *profile.Profile) error {
	value, err := column(p, "cpu", "wall")
	if err != nil {
		return err
	}
	count, err := column(p, "samples", "cpu", "wall")
	if err != nil {
		return err
	}
	type share struct{ flat, cumulative int64 }
	by := map[place]*share{}
	of := func(p place) *share {
		s := by[p]
		if s == nil {
			s = &share{}
			by[p] = s
		}
		return s
	}
	var total, collecting int64
	for _, s := range p.Sample {
		total += s.Value[value]
		l.CPU.Samples += s.Value[count]
		seen := map[place]bool{}
		collects := false
		walk(s, func(p place) bool {
			if len(seen) == 0 {
				if p.function == interrupted {
					return true
				}
				of(p).flat += s.Value[value]
			}
			if !seen[p] {
				seen[p] = true
				of(p).cumulative += s.Value[value]
			}
			collects = collects || collectsGarbage(p.function)
			return true
		})
		if collects {
			collecting += s.Value[value]
		}
	}
	l.CPU.Seconds = time.Duration(p.DurationNanos).Seconds()
	if l.CPU.Seconds <= 0 {
		return errors.New("it does not say how long it took")
	}
	l.CPU.Cores = time.Duration(total).Seconds() / l.CPU.Seconds
	l.CPU.GCPercent = percent(collecting, total)
	all := make([]Function, 0, len(by))
	for at, s := range by {
		all = append(all, Function{
			Function: at.function, File: at.file, FlatPercent: percent(s.flat, total), CumulativePercent: percent(s.cumulative, total),
			FlatSeconds: time.Duration(s.flat).Seconds(),
		})
	}
	l.CPU.Top = top(all, func(f Function) (float64, string) { return f.FlatPercent, f.Function })
	own := slices.DeleteFunc(all, func(f Function) bool { return !ofProgram(f.Function) })
	l.CPU.Own = top(own, func(f Function) (float64, string) { return f.CumulativePercent, f.Function })
	return nil
}

// collectsGarbage tells whether a function is of Go's garbage collection.
func collectsGarbage(function string) bool {
	for _, prefix := range []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart", "runtime.gcMarkDone", "runtime.gcDrain"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// growth takes the second reading of a profile.
func (l *look) growth(kind string, p *profile.Profile) error {
	seconds := time.Since(l.read[kind]).Seconds()
	l.WindowSeconds = max(l.WindowSeconds, seconds)
	switch kind {
	case kindGoroutine:
		return l.goroutines(l.before[kind], p, seconds)
	case kindHeap:
		return l.heap(l.before[kind], p, seconds)
	case kindMutex:
		return l.waits(&l.Mutex, kind, p, seconds)
	default:
		return l.waits(&l.Block, kind, p, seconds)
	}
}

// sums adds up the values of a profile by what tells its samples apart.
func sums[K comparable](p *profile.Profile, column int, of func(*profile.Sample) K) (total int64, by map[K]int64) {
	by = map[K]int64{}
	for _, s := range p.Sample {
		total += s.Value[column]
		by[of(s)] += s.Value[column]
	}
	return total, by
}

// waiting is a place, and what is done there.
type waiting struct {
	place

	state string
}

func (l *look) goroutines(was, is *profile.Profile, seconds float64) error {
	now, err := column(is, "goroutine")
	if err != nil {
		return err
	}
	then, err := column(was, "goroutine")
	if err != nil {
		return err
	}
	of := func(s *profile.Sample) waiting { return waiting{culprit(s), state(s)} }
	before, byThen := sums(was, then, of)
	count, byNow := sums(is, now, of)
	l.Goroutines.Count, l.Goroutines.Growth = count, count-before
	l.Goroutines.GrowthPerSecond = float64(count-before) / seconds
	all := make([]Stack, 0, len(byNow))
	for at, n := range byNow {
		all = append(all, Stack{at.function, at.file, at.state, n, percent(n, count), n - byThen[at]})
	}
	l.Goroutines.Top = top(all, func(s Stack) (float64, string) { return float64(s.Count), s.Function + s.State })
	return nil
}

// state tells what a goroutine does from the functions of the runtime that it is in.
func state(s *profile.Sample) string {
	states := [...][2]string{
		{"runtime.chanrecv", "chan_receive"}, {"runtime.chansend", "chan_send"}, {"runtime.selectgo", "select"}, {"runtime.block", "select"},
		{"time.Sleep", "sleep"}, {"sync.(*Mutex)", "mutex"}, {"sync.(*RWMutex)", "mutex"}, {"internal/sync.(*Mutex)", "mutex"},
		{"sync.(*Cond)", "condition"}, {"sync.(*WaitGroup)", "wait_group"}, {"internal/poll.runtime_pollWait", "io"},
		{"internal/runtime/syscall.", "syscall"}, {"syscall.", "syscall"}, {"runtime.cgocall", "syscall"},
	}
	parked, found := false, ""
	walk(s, func(p place) bool {
		for i := range states {
			if strings.HasPrefix(p.function, states[i][0]) {
				found = states[i][1]
				return false
			}
		}
		parked = parked || p.function == "runtime.gopark"
		return strings.HasPrefix(p.function, "runtime.") || strings.HasPrefix(p.function, "sync.") || strings.HasPrefix(p.function, "internal/")
	})
	switch {
	case found != "":
		return found
	case parked:
		return "waiting"
	}
	return "running"
}

func (l *look) heap(was, is *profile.Profile, seconds float64) error {
	var columns [2][3]int
	for i, p := range []*profile.Profile{was, is} {
		for j, name := range []string{"inuse_space", "inuse_objects", "alloc_space"} {
			var err error
			if columns[i][j], err = column(p, name); err != nil {
				return err
			}
		}
	}
	before, byThen := sums(was, columns[0][0], culprit)
	space, byNow := sums(is, columns[1][0], culprit)
	objects, _ := sums(is, columns[1][1], culprit)
	allocatedThen, _ := sums(was, columns[0][2], culprit)
	allocated, _ := sums(is, columns[1][2], culprit)
	l.Heap.InUseBytes, l.Heap.InUseObjects, l.Heap.GrowthBytes = space, objects, space-before
	l.Heap.GrowthBytesPerSecond = float64(space-before) / seconds
	l.Heap.AllocatedBytesPerSecond = max(0, float64(allocated-allocatedThen)/seconds)
	all := make([]Allocation, 0, len(byNow))
	for at, n := range byNow {
		if n != 0 {
			all = append(all, Allocation{at.function, at.file, n, percent(n, space), n - byThen[at]})
		}
	}
	l.Heap.Top = top(all, func(a Allocation) (float64, string) { return float64(a.InUseBytes), a.Function })
	return nil
}

// waits takes what was waited for between two readings of a profile that only grows.
func (l *look) waits(w *Waits, kind string, is *profile.Profile, seconds float64) error {
	was := l.before[kind]
	var columns [2][2]int
	for i, p := range []*profile.Profile{was, is} {
		for j, name := range []string{"delay", "contentions"} {
			var err error
			if len(p.Sample) == 0 {
				continue
			}
			if columns[i][j], err = column(p, name); err != nil {
				return err
			}
		}
	}
	_, byThen := sums(was, columns[0][0], culprit)
	_, byNow := sums(is, columns[1][0], culprit)
	countThen, _ := sums(was, columns[0][1], culprit)
	count, _ := sums(is, columns[1][1], culprit)
	var total int64
	for at, n := range byNow {
		byNow[at] = max(0, n-byThen[at])
		total += byNow[at]
	}
	if total == 0 && kind == kindBlock { // of locks, counted asks; of this nothing tells the rate
		l.call.Unread(kind, "nobody waited, or the program does not count it", "call runtime.SetBlockProfileRate in the program")
	}
	w.WaitSecondsPerSecond = time.Duration(total).Seconds() / seconds
	w.ContentionsPerSecond = max(0, float64(count-countThen)/seconds)
	all := make([]Wait, 0, len(byNow))
	for at, n := range byNow {
		if n > 0 {
			all = append(all, Wait{at.function, at.file, time.Duration(n).Seconds() / seconds, percent(n, total)})
		}
	}
	w.Top = top(all, func(w Wait) (float64, string) { return w.WaitSecondsPerSecond, w.Function })
	return nil
}

// top sorts by a size, the largest first, and keeps the first few.
func top[T any](all []T, size func(T) (float64, string)) []T {
	slices.SortFunc(all, func(a, b T) int {
		x, xName := size(a)
		y, yName := size(b)
		return cmp.Or(cmp.Compare(y, x), strings.Compare(xName, yName))
	})
	return slices.Clone(all[:min(len(all), maxTop)])
}

func percent(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
