package search

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// classify puts bytes and characters that no instruction tells apart into classes, and
// sets the width of rows and a byte of each class.
func (m *maker) classify() {
	c := &classifier{}
	for _, in := range m.program.Inst {
		switch in.Op { //nolint:exhaustive // the others look at no character
		case syntax.InstEmptyWidth:
			m.bounds = m.bounds || syntax.EmptyOp(in.Arg)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
		case syntax.InstRune, syntax.InstRune1:
			c.instruction(&in)
		}
	}
	if m.bounds {
		c.runes('0', '9')
		c.runes('A', 'Z')
		c.runes('_', '_')
		c.runes('a', 'z')
	}
	c.runes('\n', '\n') // no line has it; it must not stand for others
	// What a byte can be in UTF-8 (RFC 3629, section 4).
	for _, b := range []int{0x80, 0x90, 0xa0, 0xc0, 0xc2, 0xe0, 0xe1, 0xed, 0xee, 0xf0, 0xf1, 0xf4, 0xf5} {
		c.begins[b] = true
	}
	m.bytes = []int{0}
	for b := 1; b < 256; b++ {
		if c.begins[b] && !(m.ascii && b > utf8.RuneSelf) {
			m.bytes = append(m.bytes, b)
		}
		m.class[b] = uint8(len(m.bytes) - 1)
	}
	m.width = len(m.bytes) + 1
	c.bounds = append(c.bounds, 0)
	m.runes = c.bounds
	slices.Sort(m.runes)
	m.runes = slices.Compact(m.runes)
}

// classifier notes which bytes and which characters begin a class.
type classifier struct {
	begins [257]bool
	bounds []rune
}

// instruction notes the characters that an instruction tells apart.
func (c *classifier) instruction(in *syntax.Inst) {
	if len(in.Rune) == 1 {
		c.runes(in.Rune[0], in.Rune[0])
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for _, r := range orbit(in.Rune[0]) {
				c.runes(r, r)
			}
		}
		return
	}
	for i := 0; i < len(in.Rune); i += 2 {
		c.runes(in.Rune[i], in.Rune[i+1])
	}
}

// runes notes a range of characters. At each bound beyond ASCII, each byte of the
// last one before and the first one after it is a class of its own.
func (c *classifier) runes(low, high rune) {
	c.bound(low)
	c.bound(high + 1)
}

// bound notes that r is told apart from r-1.
func (c *classifier) bound(r rune) {
	c.bounds = append(c.bounds, r)
	if r <= utf8.RuneSelf {
		c.begins[r] = true
		return
	}
	if r > utf8.MaxRune {
		return
	}
	for _, one := range []rune{r - 1, r} {
		if !utf8.ValidRune(one) {
			continue // a surrogate, which UTF-8 has not
		}
		for _, b := range utf8.AppendRune(nil, one) {
			c.begins[b], c.begins[int(b)+1] = true, true
		}
	}
}
