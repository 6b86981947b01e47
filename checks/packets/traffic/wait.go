package traffic

// waits are what the time between requests and the ends of their responses was
// spent on, in nanoseconds.
type waits struct {
	server int64 // it works, or does not read the request
	wire   int64 // round trips, and what was lost is sent again
	client int64 // it sends slowly, or does not read the response
	idle   int64 // before a request
}

func (w *waits) add(o waits) {
	w.server += o.server
	w.wire += o.wire
	w.client += o.client
	w.idle += o.idle
}

// Where a connection spends its time.
const (
	idle       = iota // nothing was asked, as far as it shows
	opened            // the handshake is over: who speaks first?
	requested         // a request waits for its response
	responding        // some of the response came
)

// longestControl is how long what a client sends over TLS may be that asks for
// nothing: an alert, or HTTP/2's WINDOW_UPDATE and acknowledgements, in a record.
const longestControl = 42

// turns is who has to speak on a connection, and since when.
type turns struct {
	phase  uint8
	closed uint8  // the sides whose window is 0, as bits
	full   uint8  // the sides whose window the last data filled
	end    uint32 // of the request
	since  int64  // when data came last that was not sent before; 0 is not known
	asked  int64  // when the last segment of the request came
	left   int64  // when the client sent its FIN; 0 for not yet
}

// wait tells, when a segment begins a response, how long after its request it came,
// and adds the time since the data before to what it was spent on. What fits into
// a round trip was on the wire. Beyond that, whoever had to send was slow, unless
// the other's window was closed. After the data of a response it shows only later
// whether somebody waits: the next data tells.
func (c *connection) wait(side int, s *segment, m marks) (response int64, is bool) {
	t, server := &c.turns, c.server()
	c.waitForWindow(server, s.time)
	data := s.length > 0 && m&(keepAlive|zeroWindowProbe) == 0
	switch {
	case s.has(flagSYN) || m&spurious != 0:
	case m&(retransmission|outOfOrder) != 0:
		if data && t.phase >= requested {
			c.waits.wire += c.pause(s.time)
			t.since = s.time
		}
	case data && side == server:
		response, is = s.time-t.asked, t.phase == requested
		c.answer(s, m, server)
	case data && s.length <= longestControl && c.stream != nil && c.stream.protocol == overTLS:
	case data:
		c.ask(s, m, server)
	case t.phase == idle && t.since == 0 && c.rtt > 0 && c.complete():
		t.phase, t.since = opened, s.time
	}
	if s.has(flagFIN) && side != server && t.left == 0 {
		t.left = s.time
	}
	if s.has(flagRST) || s.has(flagFIN) && side == server {
		c.giveUp(s.time, side == server)
	}
	if !s.has(flagSYN | flagRST) {
		t.closed &^= 1 << side
		if s.window == 0 {
			t.closed |= 1 << side
		}
	}
	return response, is
}

// pause is the time since data came last.
func (c *connection) pause(now int64) int64 {
	if c.turns.since == 0 {
		return 0
	}
	return max(0, now-c.turns.since)
}

// waitForWindow adds the time since the last segment to who did not read in it.
func (c *connection) waitForWindow(server int, now int64) {
	t, gap := &c.turns, now-c.lastTime()
	if t.closed == 0 || gap <= 0 || t.since == 0 {
		return
	}
	switch {
	case t.phase == responding && t.closed>>(1-server)&1 == 1:
		c.waits.client += gap
	case t.phase == requested && t.closed>>server&1 == 1:
		c.waits.server += gap
	default:
		return
	}
	t.since += gap
}

// ask takes data of the client.
func (c *connection) ask(s *segment, m marks, server int) {
	t, pause := &c.turns, c.pause(s.time)
	switch onWire := min(pause, c.rtt); {
	case t.phase != requested:
		c.waits.idle += pause
	case t.full>>server&1 == 1:
		c.waits.wire += onWire
		c.waits.server += pause - onWire
	default: // more of the request
		c.waits.wire += onWire
		c.waits.client += pause - onWire
	}
	t.phase, t.since, t.asked, t.end = requested, s.time, s.time, s.seq+s.length
	t.fills(server, m)
}

// answer takes data of the server.
func (c *connection) answer(s *segment, m marks, server int) {
	t, pause := &c.turns, c.pause(s.time)
	onWire := min(pause, c.toServer())
	if t.phase == responding { // it may have waited for an acknowledgement
		onWire = min(pause, c.rtt)
	}
	switch {
	case t.phase == idle:
	case t.phase == responding && t.full>>(1-server)&1 == 1:
		c.waits.wire += onWire
		c.waits.client += pause - onWire
	default:
		c.waits.wire += onWire
		c.waits.server += pause - onWire
	}
	t.phase, t.since = responding, s.time
	t.fills(1-server, m)
}

// fills notes whether data filled the window of a side.
func (t *turns) fills(side int, m marks) {
	t.full &^= 1 << side
	if m&windowFull != 0 {
		t.full |= 1 << side
	}
}

// giveUp ends the wait for a response that did not come: until the client went, or
// until now. When the request did not come through, it was the wire's.
func (c *connection) giveUp(now int64, byServer bool) {
	t, server := &c.turns, c.server()
	if t.left != 0 {
		now = min(now, t.left)
	}
	if pause := c.pause(now); t.phase == requested && c.packets[server] > 0 {
		onWire := pause
		if byServer || !before(c.sides[server].lastACK, t.end) {
			onWire = min(pause, c.toServer())
		}
		c.waits.wire += onWire
		c.waits.server += pause - onWire
	}
	t.phase = idle
}

// answered ends a response that is known to be complete.
func (t *turns) answered(now int64) { t.phase, t.since = idle, now }

// toServer is the round trip from where the packets were captured to the server; 0
// when it is not known.
func (c *connection) toServer() int64 {
	if c.synTime == 0 || c.backTime < c.synTime {
		return 0
	}
	return c.backTime - c.synTime
}

// waited is what the connection's time was spent on. Where the server never says
// anything to a client that goes on sending, as to a collector of logs, nobody waits
// for a response.
func (c *connection) waited() waits {
	w := c.waits
	if w.client > 0 && c.bytes[c.server()] == 0 {
		return waits{wire: w.wire, idle: w.idle + w.client + w.server}
	}
	return w
}

// Wait is what the time from requests to the ends of their responses was spent
// on, in all TCP connections together. A request is what the client sends after the
// server, a response what the server sends after the client: the handshake of TLS
// has them too, and what a server sends of itself counts as a slow response.
// Without the handshake of a connection its round trips are not known, and count as
// the server's.
type Wait struct {
	// Where is what took most of it: server (it works before it responds, or does not
	// read the request), wire (round trips, and data that was lost is sent again) or
	// client (it sends its request slowly, or does not read the response); none when
	// nobody waited.
	Where string `json:"where" expr:"where" enum:"server,wire,client,none"`
	// ServerSeconds is what servers took, those included that did not respond until the
	// client left or the packets end.
	ServerSeconds float64 `json:"server_seconds" expr:"server_seconds"`
	// WireSeconds is what the network took.
	WireSeconds float64 `json:"wire_seconds" expr:"wire_seconds"`
	// ClientSeconds is what clients took.
	ClientSeconds float64 `json:"client_seconds" expr:"client_seconds"`
	// IdleSeconds is the time before a request in which nothing was asked on its
	// connection, and for which nobody waits.
	IdleSeconds float64 `json:"idle_seconds" expr:"idle_seconds"`
}

func (w *waits) report() Wait {
	o := Wait{Where: "none", ServerSeconds: seconds(w.server), WireSeconds: seconds(w.wire), ClientSeconds: seconds(w.client), IdleSeconds: seconds(w.idle)}
	switch max(w.server, w.wire, w.client) {
	case 0:
	case w.server:
		o.Where = "server"
	case w.wire:
		o.Where = "wire"
	default:
		o.Where = "client"
	}
	return o
}
