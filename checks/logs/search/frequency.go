package search

import (
	"math"
	"strings"
)

// frequency is the share of a byte, and where fold is 0x20 of the one too that is
// the same but for this bit.
func frequency(b, fold byte) float64 {
	one := func(b byte) float64 {
		if b >= 128 {
			return 0.00005
		}
		return float64(perTenThousand(b)) / 10000
	}
	if fold != 0 {
		return one(b) + one(b&^fold)
	}
	return one(b)
}

// cost is about how often one of the literals is met, per byte of a log; +Inf when
// they cannot be looked for. A byte says less where others are known: bytes of a
// word come together.
func cost(set []literal) float64 {
	sum := 0.0
	for _, l := range set {
		if len(l.bytes) == 0 || len(l.bytes) == 1 && len(set) > 1 {
			return math.Inf(1)
		}
		logarithm := 0.0
		for i, b := range l.bytes {
			part := math.Log(frequency(b, l.fold[i]))
			if i > 0 {
				part *= 0.7
			}
			logarithm += part
		}
		sum += math.Exp(logarithm)
	}
	return sum
}

// common are pairs that are more frequent than their bytes are: those of English, and
// of addresses and times.
const common = "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic ne ea ra ce " +
	"li ch ll be ma si om ur ec ct us ap pp et tr ho el la ta ti TT tp ht :/ // /1 .0 0. 1. 00 20 T0 :0 +0 =\" \": ,\" 10 .c ms ex"

// share is about how frequent a pair is, in all cases if it ignores case.
func (f *finder) share(p pair) float64 {
	share := frequency(p.first, f.fold) * frequency(p.second, f.fold)
	if strings.Contains(common, string([]byte{p.first, p.second})) {
		share *= 4
	}
	return share
}

// perTenThousand is how many of 10,000 bytes of a log are this byte, about: an
// estimate for access logs, key=value lines and messages in English.
func perTenThousand(ascii byte) uint16 {
	return max(1, [128]uint16{
		'\t': 10, '\n': 70, '\r': 5, ' ': 900, '!': 2, '"': 190, '#': 3, '$': 2, '%': 4, '&': 6, '\'': 10,
		'(': 22, ')': 22, '*': 3, '+': 22, ',': 50, '-': 200, '.': 260, '/': 230, ':': 240, ';': 35,
		'<': 4, '=': 130, '>': 4, '?': 10, '@': 6, '[': 40, '\\': 4, ']': 40, '_': 45, '{': 8, '|': 4, '}': 8,
		'0': 620, '1': 560, '2': 480, '3': 330, '4': 330, '5': 330, '6': 280, '7': 270, '8': 270, '9': 270,
		'A': 40, 'B': 12, 'C': 22, 'D': 16, 'E': 40, 'F': 20, 'G': 38, 'H': 20, 'I': 28, 'J': 5, 'K': 20, 'L': 22, 'M': 28,
		'N': 24, 'O': 24, 'P': 34, 'Q': 2, 'R': 24, 'S': 30, 'T': 56, 'U': 12, 'V': 5, 'W': 18, 'X': 14, 'Y': 3, 'Z': 8,
		'a': 370, 'b': 100, 'c': 190, 'd': 210, 'e': 520, 'f': 90, 'g': 100, 'h': 110, 'i': 330, 'j': 14, 'k': 65, 'l': 220,
		'm': 150, 'n': 270, 'o': 350, 'p': 170, 'q': 14, 'r': 310, 's': 310, 't': 400, 'u': 130, 'v': 60, 'w': 60, 'x': 26, 'y': 50, 'z': 14,
	}[ascii])
}
