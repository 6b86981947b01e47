package packetfilter

import (
	"fmt"
)

// generate makes a comparison of two arithmetic expressions. It holds only of
// packets that have the protocols whose bytes are named: tcp[0] != 5 is false of
// a packet that is not TCP.
func (e relation) generate(g *generator) (condition, error) {
	for _, a := range []arithmetic{e.left, e.right} {
		if at := zeroDivisor(reduced(a)); at >= 0 {
			return nil, g.fault(at, "division by zero")
		}
	}
	has, err := g.guard(e.left)
	if err != nil {
		return nil, err
	}
	right, err := g.guard(e.right)
	if err != nil {
		return nil, err
	}
	if right != always(true) {
		has = behindGuard(has, right)
	}
	t := test{operator: equals}
	negate := false
	switch e.operator {
	case "!=":
		negate = true
	case ">":
		t.operator = greater
	case "<=":
		t.operator, negate = greater, true
	case ">=":
		t.operator = atLeast
	case "<":
		t.operator, negate = atLeast, true
	}
	t = g.compare(t, e.left, e.right)
	if e.reckoned && t.settled != never {
		t.settled = atLast
	}
	var c condition = t
	if negate {
		c = inverse{c}
	}
	return behindGuard(has, c), nil
}

// compare finishes a test of two values.
func (g *generator) compare(t test, left, right arithmetic) test {
	l, isLeft := left.(number)
	r, isRight := right.(number)
	switch {
	case isLeft && isRight:
		t.load, t.value = g.named(left), uint32(r)
		t.settled, t.outcome = atFirst, t.operator.holds(uint32(l), uint32(r))
		if t.operator == equals {
			t.settled = atSecond
		}
	case isRight:
		t.load, t.value = g.named(left), uint32(r)
		if t.load.code != "" {
			g.last(&t, reduced(left), right)
		}
	default:
		t.load, t.register, t.right = g.named(left), true, fmt.Sprint(g.code(right, 0))
		g.last(&t, reduced(left), reduced(right))
	}
	if t.operator == equals { // libpcap subtracts, at first
		t.first = load{written: true, code: fmt.Sprint(t.load, t.value, t.right)}
	}
	return t
}

// named is the load that an expression is, or one that tells its value from
// others.
func (g *generator) named(a arithmetic) load {
	if l, ok := g.simple(a); ok {
		l.written = l.mode != wireLength
		return l
	}
	return load{written: true, code: fmt.Sprint(g.code(a, 0))}
}

// last makes the instructions of a test, of what is left of its two sides.
func (g *generator) last(t *test, left, right arithmetic) {
	l, isLeft := left.(number)
	r, isRight := right.(number)
	switch {
	case isLeft && isRight:
		t.settled, t.outcome = atLast, t.operator.holds(uint32(l), uint32(r))
	case isRight:
		t.code = g.code(left, 0)
		if t.register {
			t.fixed, t.value = true, uint32(r)
		}
	default:
		t.code = g.pair(left, right, 0)
	}
}

// holds compares two values.
func (o operator) holds(left, right uint32) bool {
	switch o {
	case equals:
		return left == right
	case greater:
		return left > right
	case atLeast:
		return left >= right
	case anyBit:
	}
	return left&right != 0
}

// guard is that a packet has the protocols whose bytes an expression names.
func (g *generator) guard(a arithmetic) (condition, error) {
	switch a := a.(type) {
	case negated:
		return g.guard(a.of)
	case calculation:
		if _, constant := a.right.(number); g.live && !constant && (a.operator == "<<" || a.operator == ">>") {
			return nil, g.fault(a.at, "a shift by a number that is not constant differs from kernel to kernel")
		}
		if _, err := g.guard(a.right); err != nil { // libpcap drops this one: only the left operand's protocol is asked for
			return nil, err
		}
		return g.guard(a.left)
	case packetBytes:
		inner, err := g.guard(a.index)
		if err != nil {
			return nil, err
		}
		return g.guardBytes(a, inner)
	}
	return always(true), nil
}

func (g *generator) guardBytes(a packetBytes, inner condition) (condition, error) {
	self := protocolTest{a.protocol, a.at}
	switch a.protocol {
	case "ether":
		return inner, nil
	case "ip", "arp", "rarp", "ip6":
		has, err := self.generate(g)
		return behindGuard(inner, has), err
	case "icmp6":
		has, err := g.etherType(etherIPv6, a.at)
		return both(behindGuard(inner, has), equal(g.at(6, 1), protocolICMPv6)), err
	}
	isIP, err := g.etherType(etherIPv4, a.at)
	if err != nil {
		return nil, err
	}
	has, err := self.generate(g)
	whole := inverse{test{load: g.at(6, 2), operator: anyBit, value: 0x1fff}}
	return both(isIP, behindGuard(inner, both(has, whole))), err
}

// behindGuard asks for something after a guard, if there is one.
func behindGuard(guard, c condition) condition {
	if guard == always(true) {
		return c
	}
	return both(guard, c)
}

// base is where a protocol's bytes begin. With behind, that is behind the header
// of IPv4 that begins there.
func (g *generator) base(protocol string) (offset uint32, behind bool) {
	switch protocol {
	case "ether":
		return g.start, false
	case "ip", "arp", "rarp", "ip6":
		return g.network(), false
	case "icmp6":
		return g.network() + 40, false
	}
	return g.network(), true
}
