package metrics

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
	"gumshoe/engine/statistic"
)

const (
	stateCurrent = "current"
	stateGone    = "gone"

	maxLabels    = 64
	fewestBefore = 8 // values that a deviation needs
	highestScore = 1000
)

// judged is a series with what could not be read of it.
type judged struct {
	Series

	lastKnown bool
	step      *Step
	gaps      []engine.Unread
}

// gapf marks what ought to have a value.
func (j *judged) gapf(path, format string, args ...any) {
	j.gaps = append(j.gaps, engine.Unread{Path: path, Reason: fmt.Sprintf(format, args...)})
}

// nonef marks what such a series has no value of.
func (j *judged) nonef(path, format string, args ...any) {
	j.gaps = append(j.gaps, engine.Unread{Path: path, Reason: fmt.Sprintf(format, args...), NotAsked: true})
}

// leave marks what could not be read of a series that stands at a path.
func (j *judged) leave(call *engine.Call, path string) {
	for _, g := range j.gaps {
		if g.NotAsked {
			call.NotAsked(path+"."+g.Path, g.Reason, "")
		} else {
			call.Unread(path+"."+g.Path, g.Reason, "")
		}
	}
}

// why tells why a field could not be read.
func (j *judged) why(path string) string {
	for _, g := range j.gaps {
		if g.Path == path {
			return g.Reason
		}
	}
	return ""
}

// judge tells what a series says, and whether it has a value in the window.
func judge(f found, at span, by []string) (j judged, within bool) {
	j.Labels = make(map[string]string, len(f.Metric))
	for _, label := range slices.Sorted(maps.Keys(f.Metric)) {
		if len(j.Labels) < maxLabels {
			j.Labels[reach.Printable(label)] = reach.Printable(f.Metric[label])
		}
	}
	j.Name = name(j.Labels, by)
	start := unixFloat(at.from)
	split := 0
	if !at.instant { // the windows meet between two values
		half := at.resolution.Seconds() / 2
		split, _ = slices.BinarySearchFunc(f.Values, start+half, func(s sample, t float64) int { return cmp.Compare(s.at, t) })
	}
	before, window := f.Values[:split], f.Values[split:]
	if len(window) == 0 {
		return j, false
	}
	j.last(window, at)
	j.Window = j.stats("window", window)
	if at.instant {
		j.alone()
		return j, true
	}
	j.New = len(before) == 0
	j.Before = j.stats("before", before)
	j.compare(before)
	j.findStep(f.Values, at)
	return j, true
}

func unixFloat(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// name is how a series is called.
func name(labels map[string]string, by []string) string {
	if len(by) > 0 {
		values := make([]string, len(by))
		for i, label := range by {
			values[i] = labels[label]
		}
		return strings.Join(values, "/")
	}
	var parts []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if label != "__name__" {
			parts = append(parts, label+"="+strconv.Quote(labels[label]))
		}
	}
	if len(parts) == 0 && labels["__name__"] != "" {
		return labels["__name__"]
	}
	return reach.Clip(labels["__name__"]+"{"+strings.Join(parts, ",")+"}", 200)
}

// last fills in what the newest value says.
func (j *judged) last(window []sample, at span) {
	newest := window[len(window)-1]
	j.State = stateCurrent
	j.LastAgeSeconds = max(0, math.Round((unixFloat(at.to)-newest.at)*1000)/1000)
	switch {
	case !at.instant && j.LastAgeSeconds > at.resolution.Seconds()/2:
		j.State = stateGone
		j.gapf("last", "it has no value now; its last is %s old", time.Duration(j.LastAgeSeconds*float64(time.Second)))
	case !finite(newest.value):
		j.gapf("last", "its value now is %v", newest.value)
	default:
		j.Last, j.lastKnown = newest.value, true
	}
}

// alone marks what one value does not tell.
func (j *judged) alone() {
	for _, path := range []string{"new", "before", "change_percent", "deviation", "stepped"} {
		j.nonef(path, "one value was asked for")
	}
}

// stats fills in the statistics of a window.
func (j *judged) stats(path string, samples []sample) Stats {
	x, y := finiteOf(samples)
	s := Stats{Samples: len(y), NotFinite: len(samples) - len(y)}
	if len(y) == 0 {
		if len(samples) == 0 {
			j.nonef(path, "the series has no value there")
			return s
		}
		for _, field := range []string{"first", "min", "max", "mean", "p50", "p95", "slope_per_second"} {
			j.gapf(path+"."+field, "none of its values there is a finite number")
		}
		return s
	}
	s.First, s.Min, s.Max, s.Mean = y[0], slices.Min(y), slices.Max(y), statistic.Mean(y)
	sorted := slices.Sorted(slices.Values(y))
	s.P50 = statistic.Quantile(sorted, 0.5)
	if need := statistic.Needed(95); len(y) < need {
		j.nonef(path+".p95", "of %d values; %d are needed", len(y), need)
	} else {
		s.P95 = statistic.Quantile(sorted, 0.95)
	}
	if s.SlopePerSecond = statistic.Slope(x, y); !finite(s.SlopePerSecond) {
		s.SlopePerSecond = 0
		j.nonef(path+".slope_per_second", "of %d values", len(y))
	}
	return s
}

// finiteOf gives the times, from the first, and the values of those that are
// finite.
func finiteOf(samples []sample) (x, y []float64) {
	x, y = make([]float64, 0, len(samples)), make([]float64, 0, len(samples))
	for _, s := range samples {
		if finite(s.value) {
			x, y = append(x, s.at-samples[0].at), append(y, s.value)
		}
	}
	return x, y
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// compare fills in what tells the window from the one before.
func (j *judged) compare(before []sample) {
	_, old := finiteOf(before)
	if len(old) == 0 || j.Window.Samples == 0 {
		const reason = "one of the windows has no values"
		j.nonef("change_percent", reason)
		j.nonef("deviation", reason)
		return
	}
	if j.ChangePercent = 100 * (j.Window.Mean - j.Before.Mean) / math.Abs(j.Before.Mean); !finite(j.ChangePercent) {
		j.ChangePercent = 0
		j.nonef("change_percent", "the mean before is %s", short(j.Before.Mean))
	}
	median, mad := statistic.Spread(old)
	j.Deviation = statistic.RobustZ(j.Window.P50, median, mad)
	switch {
	case len(old) < fewestBefore:
		j.nonef("deviation", "of %d values before; %d are needed", len(old), fewestBefore)
		j.Deviation = 0
	case !finite(j.Deviation):
		j.nonef("deviation", "half of the values before are the same")
		j.Deviation = 0
	}
}

// findStep looks for a lasting change of level in both windows.
func (j *judged) findStep(samples []sample, at span) {
	_, y := finiteOf(samples)
	step, found, known := statistic.FindStep(y)
	if !known {
		j.nonef("stepped", "of %d values", len(y))
		return
	}
	if !found {
		return
	}
	j.Stepped = true
	i := 0
	for _, s := range samples { // of the finite ones
		if finite(s.value) {
			if i == step.Index {
				j.step = &Step{
					Name: j.Name, At: time.UnixMilli(int64(s.at * 1000)).UTC(), From: step.From, To: step.To,
					Score: min(step.Score, highestScore),
				}
				break
			}
			i++
		}
	}
	if !at.onset.IsZero() {
		j.step.BeforeOnsetSeconds = at.onset.Sub(j.step.At).Seconds()
	}
}
