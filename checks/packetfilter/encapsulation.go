package packetfilter

// generate says that one packet is inside another, and shifts where all that
// follows is looked for.
func (e encapsulation) generate(g *generator) (condition, error) {
	switch e.kind {
	case "vlan":
		return g.vlan(e)
	case "mpls":
		return g.mpls(e)
	case "pppoed":
		return g.etherType(etherPPPoED, e.at)
	}
	c, err := g.etherType(etherPPPoES, e.at)
	if err != nil {
		return nil, err
	}
	if e.given {
		c = both(c, masked(g.at(0, 4), e.number, 0xffff))
	}
	g.link = PPP // without the address and control bytes
	g.start = g.network() + 6
	g.typeOffset, g.payload = g.start, g.start+2
	return c, nil
}

func (g *generator) vlan(e encapsulation) (condition, error) {
	switch {
	case g.labels > 0:
		return nil, g.fault(e.at, "vlan cannot stand behind mpls")
	case g.link != Ethernet:
		return nil, g.fault(e.at, "packets of "+g.link.String()+" have no VLAN tag to be compared")
	}
	g.tags++
	if g.tags == 1 {
		g.usesTag = true
		if g.inMetadata {
			if !e.given {
				return always(true), nil
			}
			return masked(load{mode: metadata, offset: vlanTag}, e.number, 0x0fff), nil
		}
	}
	tagged := load{size: 2, offset: g.typeOffset}
	c := either(either(equal(tagged, 0x8100), equal(tagged, 0x88a8)), equal(tagged, 0x9100))
	if e.given {
		c = both(c, masked(g.at(0, 2), e.number, 0x0fff))
	}
	g.typeOffset += 4
	g.payload += 4
	return c, nil
}

func (g *generator) mpls(e encapsulation) (condition, error) {
	var c condition
	switch {
	case g.labels > 0: // the one before is not the last
		c = masked(load{size: 1, offset: g.network() - 2}, 0, 0x01)
	case g.link == Ethernet:
		c = equal(load{size: 2, offset: g.typeOffset}, etherMPLS)
	case g.link == PPP:
		c = equal(load{size: 2, offset: g.typeOffset}, 0x281)
	default:
		return nil, g.fault(e.at, "packets of "+g.link.String()+" have no label of MPLS to be compared")
	}
	if e.given {
		c = both(c, masked(g.at(0, 4), e.number<<12, 0xfffff000))
	}
	g.labels++
	return c, nil
}
