package packetfilter

// maxOffset bounds an offset into a packet: no capture keeps more of one. It also
// refuses negative ones, which tcpdump takes for bytes before the header or not
// depending on how the rest of the filter is written.
const maxOffset = 262144

// relation reads two arithmetic expressions and what compares them.
func (p *parser) relation() (expression, error) {
	folded := p.folded
	left, err := p.arithmetic(0)
	if err != nil {
		return nil, err
	}
	operator := p.take()
	if !operator.is("=", "!=", "<", ">", "<=", ">=") {
		return nil, p.fault(operator, "a comparison stands here, such as = or >")
	}
	right, err := p.arithmetic(0)
	if err != nil {
		return nil, err
	}
	return relation{operator.text, left, right, p.folded > folded}, nil
}

// precedence of the operators; 0 is none. The grammar of tcpdump gives none to %
// and ^, so they bind closer than any to their left, and what is to their right
// goes as far as it can: 1 % 5 * 3 is 1 % (5 * 3).
func precedence(t token) int {
	switch {
	case t.is("|"):
		return 1
	case t.is("&"):
		return 2
	case t.is("<<", ">>"):
		return 3
	case t.is("+", "-"):
		return 4
	case t.is("*", "/"):
		return 5
	}
	return 0
}

// arithmetic reads what binds closer than a precedence.
func (p *parser) arithmetic(above int) (arithmetic, error) {
	left, err := p.operand()
	for err == nil {
		operator := p.peek()
		binds := precedence(operator)
		if binds <= above {
			break
		}
		p.take()
		at := p.peek()
		var right arithmetic
		if right, err = p.arithmetic(binds); err == nil {
			left, err = p.combine(operator.text, left, right, at)
		}
	}
	return left, err
}

// operand reads a value, with a % or ^ after it.
func (p *parser) operand() (arithmetic, error) {
	t := p.peek()
	if p.accept("-") {
		if err := p.deeper(t); err != nil {
			return nil, err
		}
		of, err := p.operand()
		p.depth--
		if n, ok := of.(number); ok {
			p.folded++
			return -n, err
		}
		return negated{of}, err
	}
	left, err := p.value()
	if err != nil {
		return nil, err
	}
	operator := p.peek()
	if !p.accept("%", "^") {
		return left, nil
	}
	if err := p.deeper(operator); err != nil {
		return nil, err
	}
	at := p.peek()
	right, err := p.arithmetic(0)
	p.depth--
	if err != nil {
		return nil, err
	}
	return p.combine(operator.text, left, right, at)
}

// value reads a number, len, bytes of the packet, or something in parentheses.
func (p *parser) value() (arithmetic, error) {
	t := p.take()
	switch {
	case t.kind == tokenNumber:
		return number(t.number), nil
	case t.is("len"):
		return length{}, nil
	case t.is("("):
		if err := p.deeper(t); err != nil {
			return nil, err
		}
		a, err := p.arithmetic(0)
		p.depth--
		if err == nil {
			err = p.close(t)
		}
		return a, err
	case t.kind == tokenKeyword && p.peek().is("["):
		return p.bytes(t)
	}
	return nil, p.fault(t, "a number, len, or bytes of the packet such as tcp[13] stand here")
}

// bytes reads [index:size] after a protocol.
func (p *parser) bytes(protocol token) (arithmetic, error) {
	switch protocol.text {
	case "ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp":
	default:
		return nil, p.fault(protocol, "its bytes cannot be named")
	}
	open := p.take()
	if err := p.deeper(open); err != nil {
		return nil, err
	}
	at := p.peek()
	index, err := p.arithmetic(0)
	p.depth--
	if err != nil {
		return nil, err
	}
	if n, ok := index.(number); ok && n > maxOffset {
		return nil, p.fault(at, "an offset is 0 to %d", maxOffset)
	}
	b := packetBytes{protocol.text, index, 1, protocol.offset}
	if p.accept(":") {
		size := p.take()
		if size.kind != tokenNumber || size.number != 1 && size.number != 2 && size.number != 4 {
			return nil, p.fault(size, "the size is 1, 2 or 4 bytes")
		}
		b.size = size.number
	}
	if end := p.peek(); !p.accept("]") {
		return nil, p.fault(end, "] stands here")
	}
	return b, nil
}

// combine joins two operands; numbers are reckoned at once, with 32 bits and no
// sign, as a filter does.
func (p *parser) combine(operator string, left, right arithmetic, at token) (arithmetic, error) {
	r, ok := right.(number)
	if !ok {
		return calculation{operator, left, right, at.offset}, nil
	}
	switch operator {
	case "/", "%":
		if r == 0 {
			return nil, p.fault(at, "division by zero")
		}
	case "<<", ">>":
		if r > 31 {
			return nil, p.fault(at, "a shift is by at most 31 bits")
		}
	}
	l, ok := left.(number)
	if !ok {
		return calculation{operator, left, right, at.offset}, nil
	}
	p.folded++
	return reckonNumbers(operator, l, r), nil
}

// reckonNumbers applies an operator to two numbers; the second is not zero in a
// division.
func reckonNumbers(operator string, l, r number) number {
	return map[string]func() number{
		"+": func() number { return l + r }, "-": func() number { return l - r },
		"*": func() number { return l * r }, "/": func() number { return l / r }, "%": func() number { return l % r },
		"&": func() number { return l & r }, "|": func() number { return l | r }, "^": func() number { return l ^ r },
		"<<": func() number { return l << r }, ">>": func() number { return l >> r },
	}[operator]()
}
