package packetfilter

import (
	"fmt"
	"slices"
)

// Bounds of a filter.
const (
	maxText  = 64 << 10 // bytes
	maxDepth = 100      // of parentheses and of not
)

// Parse reads a filter in tcpdump's syntax; an empty one matches every packet.
// The error is an *Error: what the grammar does not cover is refused with its
// place, and never guessed.
func Parse(text string) (*Filter, error) {
	if len(text) > maxText {
		return nil, &Error{Column: maxText + 1, Found: "…", Reason: fmt.Sprintf("a filter has at most %d bytes", maxText)}
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	p.matchParentheses()
	if p.peek().kind == tokenEnd {
		return &Filter{text: text}, nil
	}
	root, err := p.expression(qualifiers{})
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		if t.is(")") {
			return nil, p.fault(t, "there is no ( for it")
		}
		return nil, p.fault(t, "join it to what is before it with and, or with or")
	}
	return &Filter{text: text, root: root}, nil
}

type parser struct {
	text    string
	tokens  []token
	at      int
	depth   int
	folded  int   // how many operations were reckoned at once
	closing []int // for each "(", where its ")" is; -1 without one
}

// qualifiers are what stands before an address or a port, and is inherited by
// the next one that has none.
type qualifiers struct {
	protocol  string
	direction direction
	kind      string // host, net, port, portrange, proto, or "" for none
	given     bool   // there are any to be inherited
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

// accept takes the next token if it is one of these words.
func (p *parser) accept(texts ...string) bool {
	if p.peek().is(texts...) {
		p.at++
		return true
	}
	return false
}

// fault refuses what stands at a token. A word of tcpdump's that we do not know
// has its own reason.
func (p *parser) fault(t token, format string, args ...any) *Error {
	reason := fmt.Sprintf(format, args...)
	if t.kind == tokenKeyword {
		if why := unsupported(t.text); why != "" {
			reason = why
		}
	}
	found := p.text[t.offset : t.offset+t.length]
	return faultAt(p.text, t.offset, found, reason)
}

func (p *parser) matchParentheses() {
	p.closing = slices.Repeat([]int{-1}, len(p.tokens))
	var open []int
	for i, t := range p.tokens {
		switch {
		case t.is("("):
			open = append(open, i)
		case t.is(")") && len(open) > 0:
			p.closing[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
}

// deeper counts a level of nesting; the caller takes it off again.
func (p *parser) deeper(t token) error {
	p.depth++
	if p.depth > maxDepth {
		return p.fault(t, "a filter is nested at most %d deep", maxDepth)
	}
	return nil
}

func (p *parser) close(open token) error {
	if t := p.peek(); !p.accept(")") {
		if t.kind == tokenEnd {
			return p.fault(open, "it has no )")
		}
		return p.fault(t, "join it to what is before it with and, or with or")
	}
	return nil
}

// expression reads operands and what joins them: and binds as or does, from
// the left.
func (p *parser) expression(inherited qualifiers) (expression, error) {
	left, q, err := p.term(inherited)
	if err != nil {
		return nil, err
	}
	for p.peek().is("and", "or") {
		operator := p.take().text
		var right expression
		if p.startsIdentifier(p.at) {
			if !q.given {
				return nil, p.fault(p.firstOfIdentifier(), "what it is has to be said, as in host, net or port")
			}
			right, err = p.identifier(q)
		} else {
			right, q, err = p.term(q)
		}
		if err != nil {
			return nil, err
		}
		left = logical{operator, left, right}
	}
	return left, nil
}

// term reads one operand that is not a bare address or port.
func (p *parser) term(inherited qualifiers) (expression, qualifiers, error) {
	t := p.peek()
	switch {
	case p.startsArithmetic(p.at):
		e, err := p.relation()
		return e, qualifiers{}, err
	case p.startsIdentifier(p.at):
		return nil, inherited, p.fault(p.firstOfIdentifier(), "what it is has to be said, as in host, net or port")
	case t.is("!"):
		p.take()
		if err := p.deeper(t); err != nil {
			return nil, inherited, err
		}
		e, q, err := p.term(inherited)
		p.depth--
		return negation{e}, q, err
	case t.is("("):
		p.take()
		if err := p.deeper(t); err != nil {
			return nil, inherited, err
		}
		e, err := p.expression(inherited)
		p.depth--
		if err == nil {
			err = p.close(t)
		}
		return e, inherited, err
	}
	return p.primitive()
}

// primitive reads what begins with a word: a protocol, qualifiers with what they
// qualify, or a test with a name of its own.
func (p *parser) primitive() (expression, qualifiers, error) {
	first := p.peek()
	q := qualifiers{}
	if first.kind == tokenKeyword && protocolWord(first.text) {
		q.protocol = p.take().text
	}
	t := p.peek()
	if t.is("broadcast", "multicast") {
		e, err := p.cast(q.protocol, first)
		return e, qualifiers{}, err
	}
	if q.protocol == "" {
		if e, found, err := p.special(); found || err != nil {
			return e, qualifiers{}, err
		}
	}
	var directed bool
	q.direction, directed = p.direction()
	switch qualifier := p.peek(); {
	case qualifier.is("host", "net", "port", "portrange"), qualifier.is("proto") && !directed:
		q.kind = p.take().text
	case directed:
		// As in src 10.0.0.1.
	case q.protocol != "":
		if n := p.peek(); n.kind != tokenEnd && !n.is("and", "or", ")") {
			return nil, q, p.fault(n, "after %s stands and, or, or a qualifier such as host or port", q.protocol)
		}
		if q.protocol == "ether" {
			return nil, q, p.fault(first, "host, proto, broadcast, multicast or [ follows it")
		}
		return protocolTest{q.protocol, first.offset}, qualifiers{}, nil
	default:
		return nil, q, p.fault(qualifier, "a condition stands here, such as host, port or tcp")
	}
	q.given = true
	e, err := p.identifier(q)
	return e, q, err
}

// direction reads src, dst, or both with and or or, if they are there.
func (p *parser) direction() (direction, bool) {
	t := p.peek()
	if !p.accept("src", "dst") {
		return eitherWay, false
	}
	other := map[string]string{"src": "dst", "dst": "src"}[t.text]
	if joined := p.peek(); joined.is("and", "or") && p.tokens[p.at+1].is(other) {
		p.at += 2
		if joined.text == "and" {
			return bothWays, true
		}
		return eitherWay, true
	}
	return direction(t.text), true
}

func (p *parser) cast(protocol string, first token) (expression, error) {
	t := p.take()
	if protocol == "" {
		protocol = "ether"
	}
	switch {
	case t.text == "broadcast" && protocol == "ip":
		return nil, p.fault(t, "it depends on the network's mask, which a capture does not hold; give the address, as in dst host 10.0.0.255")
	case protocol == "ether", t.text == "multicast" && (protocol == "ip" || protocol == "ip6"):
		return castTest{protocol, t.text == "broadcast", first.offset}, nil
	}
	return nil, p.fault(t, "%s has none", protocol)
}

// special reads what begins with a word of its own: less 100, vlan 5. Not
// found is that something else stands there.
func (p *parser) special() (e expression, found bool, err error) {
	t := p.peek()
	switch {
	case t.is("less", "greater"):
		p.take()
		n := p.take()
		if n.kind != tokenNumber {
			return nil, false, p.fault(n, "%s is followed by a length in bytes", t.text)
		}
		return lengthTest{t.text == "greater", n.number}, true, nil
	case t.is("pppoed"):
		p.take()
		return encapsulation{kind: t.text, at: t.offset}, true, nil
	case t.is("vlan", "mpls", "pppoes"):
		p.take()
		n, value, err := p.plainNumber()
		if err != nil {
			return nil, false, err
		}
		limit := map[string]uint32{"vlan": 0xfff, "mpls": 0xfffff, "pppoes": 0xffff}[t.text]
		if value > limit {
			return nil, false, p.fault(n, "the number of %s is at most %d", t.text, limit)
		}
		return encapsulation{t.text, value, n.kind == tokenNumber, t.offset}, true, nil
	}
	return nil, false, nil
}

// plainNumber reads a number, perhaps in parentheses, if there is one.
func (p *parser) plainNumber() (token, uint32, error) {
	var open []token
	at := p.at
	for p.peek().is("(") {
		open = append(open, p.take())
	}
	n := p.peek()
	if n.kind != tokenNumber {
		p.at = at
		return token{}, 0, nil
	}
	p.take()
	for _, o := range slices.Backward(open) {
		if err := p.close(o); err != nil {
			return n, 0, err
		}
	}
	return n, n.number, nil
}
