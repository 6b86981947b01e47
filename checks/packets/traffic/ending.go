package traffic

import "math"

// close counts what came of a connection.
func (a *Analysis) close(c *connection) {
	if c.complete() {
		a.handshakes++
	}
	if handshake := uint8(stageSYN | stageSYNACK | stageACK); c.earlier&handshake == handshake {
		a.reference.Handshakes++
	}
	refused, unanswered := c.asReference()
	if refused {
		a.reference.Refused++
	}
	if unanswered {
		a.reference.Unanswered++
	}
	if c.refused() {
		a.refused++
	}
	if c.unanswered() {
		a.unanswered++
	}
	if c.rttSeen && len(a.rtts) < maxConnections {
		a.rtts = append(a.rtts, c.rtt)
	}
	if x := c.stream; x != nil {
		late := a.last-c.turns.asked < pendingWithin // a response may still be on its way
		if x.hello&(saidHello|answeredHello) == saidHello && c.bytes[c.server()] == 0 && !late {
			a.tls.unanswered++
		}
		if x.protocol == overHTTP && x.asked > 0 && !late {
			a.http.unanswered++
		}
		a.release(x)
		a.streamsOpen--
	}
	a.sumUp(c)
	for i := range c.sizes {
		if c.sizes[i].stuck != nil {
			a.stuck--
		}
	}
}

// finish counts what came of what is still followed.
func (a *Analysis) finish() {
	a.hear()
	for _, slab := range a.slabs {
		for i := range slab {
			slab[i].giveUp(a.last, false)
			a.close(&slab[i])
		}
	}
	for _, c := range a.inOrder {
		a.flow(c.flow())
	}
	a.endLookups(math.MaxInt64)
}

// guess tells from other connections who is the client of one that begins with s.
func (a *Analysis) guess(c *connection, s *segment) {
	if s.has(flagSYN) {
		return // it says so itself
	}
	for side := range c.ends {
		if a.listeners[c.ends[side]] && !a.listeners[c.ends[1-side]] {
			c.client = int8(1 - side)
		}
	}
}

// listens notes that somebody wants to connect to an endpoint.
func (a *Analysis) listens(at endpoint) {
	if len(a.listeners) >= maxServers || a.listeners[at] {
		return
	}
	if a.listeners == nil {
		a.listeners = map[endpoint]bool{}
	}
	a.listeners[at] = true
}
