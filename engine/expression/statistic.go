package expression

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gumshoe/engine/statistic"
)

// Bounds of the robust z-score; see the package's doc.
const (
	outlierScore = 3.5
	minOutlier   = 3
	minHistory   = 8
)

// percentile needs so many samples that one of them is expected beyond it.
func percentile(c *callArgs, rank float64) (any, *cause) {
	numbers, why := c.list(0).numbers()
	if why != nil {
		return nil, why
	}
	need := statistic.Needed(rank)
	if len(numbers) < need {
		return nil, c.label.because("of %d values; %d are needed", len(numbers), need)
	}
	if why := c.run.charge(8 * len(numbers)); why != nil {
		return nil, why
	}
	slices.Sort(numbers)
	return statistic.Quantile(numbers, rank/100), nil
}

func outlier(c *callArgs) (any, *cause) {
	numbers, why := c.list(0).numbers()
	if why != nil {
		return nil, why
	}
	if len(numbers) < minOutlier {
		return nil, c.label.because("of %d values; %d are needed", len(numbers), minOutlier)
	}
	if why := c.run.charge(16 * len(numbers)); why != nil {
		return nil, why
	}
	median, mad := statistic.Spread(numbers)
	if mad == 0 {
		if slices.Min(numbers) == slices.Max(numbers) {
			return false, nil
		}
		return nil, c.label.because("more than half of the values are the same, so that there is no scale to judge the others by")
	}
	return slices.ContainsFunc(numbers, func(x float64) bool {
		return math.Abs(statistic.RobustZ(x, median, mad)) > outlierScore
	}), nil
}

// unusualNode is the robust z-score of a number against its history.
type unusualNode struct {
	of   node
	path string
}

func (n *unusualNode) eval(e *run) (value, *cause) {
	v, why := e.eval(n.of)
	if why != nil {
		return value{}, why
	}
	step, _, _ := strings.Cut(n.path, ".")
	fix := "run " + step + " a few more times while all is well"
	if e.env.history == nil {
		return value{}, &cause{"there is no history of " + n.path + " to compare with", fix}
	}
	before := slices.DeleteFunc(slices.Clone(e.env.history(n.path)), func(x float64) bool { return !finite(x) })
	if len(before) < minHistory {
		return value{}, &cause{fmt.Sprintf("there are %d earlier values of %s; %d are needed", len(before), n.path, minHistory), fix}
	}
	median, mad := statistic.Spread(before)
	if mad == 0 {
		return value{}, &cause{reason: "the earlier values of " + n.path + " do not vary, so that there is no scale to judge this one by"}
	}
	z := statistic.RobustZ(float(v.x), median, mad)
	if !finite(z) {
		return value{}, &cause{reason: "unusual(" + n.path + "): not a finite number"}
	}
	return value{x: z}, nil
}
