package packetfilter

// startsIdentifier says whether a bare address or port begins at a token,
// perhaps in parentheses or negated.
func (p *parser) startsIdentifier(at int) bool {
	for ; ; at++ {
		switch t := p.tokens[at]; {
		case t.is("!"):
		case t.is("("):
			if p.arithmeticAfter(p.closing[at]) {
				return false
			}
		case t.kind == tokenNumber:
			return !p.arithmeticAfter(at)
		default:
			return t.kind != tokenKeyword && t.kind != tokenEnd
		}
	}
}

func (p *parser) firstOfIdentifier() token {
	at := p.at
	for p.tokens[at].is("!", "(") {
		at++
	}
	return p.tokens[at]
}

// startsArithmetic says whether an arithmetic expression begins at a token.
func (p *parser) startsArithmetic(at int) bool {
	t := p.tokens[at]
	switch {
	case t.kind == tokenNumber:
		return p.arithmeticAfter(at)
	case t.is("("):
		return p.arithmeticAfter(p.closing[at])
	case t.is("-", "len"):
		return true
	}
	return t.kind == tokenKeyword && p.tokens[min(at+1, len(p.tokens)-1)].is("[")
}

// arithmeticAfter says whether an operator of arithmetic follows a token.
func (p *parser) arithmeticAfter(at int) bool {
	return at >= 0 && p.tokens[at+1].is("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "=", "!=", "<", ">", "<=", ">=")
}
