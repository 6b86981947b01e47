package source

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// DidYouMean is `; did you mean "x"?` for the candidate x nearest to a
// misspelled word, and "" when none is near.
func DidYouMean(word string, candidates []string) string {
	if nearest := Nearest(word, candidates); nearest != "" {
		return fmt.Sprintf("; did you mean %q?", nearest)
	}
	return ""
}

// Nearest gives the candidate closest to a misspelled word, or "" when none is
// near: by the number of letters inserted, dropped, changed or swapped with
// their neighbour, of which a third of the word's may be, and at most 3. Case
// does not count. Failing that, it gives the one candidate whose last dotted
// part is the word ("cpu" finds "host.cpu"). The order of the candidates does
// not matter.
func Nearest(word string, candidates []string) string {
	lower := strings.ToLower(word)
	length := utf8.RuneCountInString(word)
	limit := min((length+2)/3, 3)
	best, bestDistance, bestPrefix := "", limit+1, 0
	for _, candidate := range candidates {
		other := strings.ToLower(candidate)
		if candidate == "" || abs(utf8.RuneCountInString(other)-length) > limit {
			continue
		}
		distance, prefix := editDistance(lower, other), commonPrefix(lower, other)
		if distance > 0 && distance >= length {
			continue // nothing of the word is left
		}
		if distance < bestDistance || distance == bestDistance && distance <= limit &&
			(prefix > bestPrefix || prefix == bestPrefix && candidate < best) {
			best, bestDistance, bestPrefix = candidate, distance, prefix
		}
	}
	if best == "" {
		return onlyWithLastPart(lower, candidates)
	}
	return best
}

func onlyWithLastPart(word string, candidates []string) string {
	found := ""
	for _, candidate := range candidates {
		if word != "" && strings.HasSuffix(strings.ToLower(candidate), "."+word) {
			if found != "" && found != candidate {
				return ""
			}
			found = candidate
		}
	}
	return found
}

// editDistance is the Damerau–Levenshtein distance in its optimal string
// alignment form: no part is edited twice.
func editDistance(a, b string) int {
	from, to := []rune(a), []rune(b)
	before, above, row := make([]int, len(to)+1), make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(from); i++ {
		row[0] = i
		for j := 1; j <= len(to); j++ {
			change := 1
			if from[i-1] == to[j-1] {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(to)]
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func abs(n int) int { return max(n, -n) }
