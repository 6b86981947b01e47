package probe

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// statusSet is which statuses are good, as ranges.
type statusSet [][2]int

func (s statusSet) has(status int) bool {
	for _, r := range s {
		if r[0] <= status && status <= r[1] {
			return true
		}
	}
	return false
}

// parseStatuses reads "200", "2xx" and "200-299", separated by commas.
func parseStatuses(text string) (statusSet, error) {
	form := regexp.MustCompile(`^([1-5])(\d\d|xx)(?:-([1-5]\d\d))?$`)
	var set statusSet
	for part := range strings.SplitSeq(text, ",") {
		m := form.FindStringSubmatch(strings.ToLower(strings.TrimSpace(part)))
		if len(m) == 0 || m[2] == "xx" && m[3] != "" {
			return nil, fmt.Errorf(`expect_status: %q is not a status; write codes, classes and ranges, such as "200", "2xx" or "200-299"`, part)
		}
		from, _ := strconv.Atoi(m[1] + strings.ReplaceAll(m[2], "x", "0"))
		to := from
		if m[2] == "xx" {
			to = from + 99
		}
		if m[3] != "" {
			to, _ = strconv.Atoi(m[3])
		}
		if to < from {
			return nil, fmt.Errorf("expect_status: the range %q ends before it begins", part)
		}
		set = append(set, [2]int{from, to})
	}
	return set, nil
}
