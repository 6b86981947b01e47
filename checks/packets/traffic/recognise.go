package traffic

import "bytes"

// decide looks what is spoken, and tells whether it is anything that is looked into.
// As in Wireshark the port decides at first, and for ports that are nobody's how a
// segment begins: the first that does so tells for the connection.
func (x *stream) decide(c *connection, r *reader, data []byte) bool {
	switch {
	case x.silent:
	case bytes.HasPrefix(data, []byte("PRI * HTTP/2.0\r\n")): // RFC 9113, section 3.4
		x.protocol, x.silent = noneOfOurs, true
	case x.protocol == overTLS && len(r.pdus) == 0 && printable4(data):
		if beginsMessage(data) { // the client spoke TLS to a server of HTTP
			x.protocol = overHTTP
		}
	case x.protocol == undecided || x.protocol == noneOfOurs:
		x.protocol = recognise(c, x, data)
	}
	return x.protocol > noneOfOurs
}

// recognise tells what is spoken by the port, or by how it begins.
func recognise(c *connection, x *stream, data []byte) protocol {
	other := false
	serves := c.server()
	for _, port := range [...]uint16{c.ends[serves].port, c.ends[1-serves].port} {
		if x.inside {
			break
		}
		switch spokenOn(port) {
		case onNothing:
		case onHTTP:
			return overHTTP
		case onDNS:
			return overDNS
		case onTLS:
			if beginsTLS(data) || isHello2(data) {
				return overTLS
			}
		case onOther:
			other = true
		case onOtherOnly:
			return noneOfOurs
		case onSOCKS:
			x.inside = len(data) > 0 && (data[0] == 4 || data[0] == 5) // its version: what is asked for follows
			return noneOfOurs
		}
	}
	switch {
	case other && !x.spoke && beginsTLS(data): // without STARTTLS it is not looked for
		x.silent = true
	case beginsTLS(data) && (data[0] == recordHandshake || data[0] == recordApplication) && (!other || beginsHello(data)):
		return overTLS
	case !other && beginsHello2(data):
		return overTLS
	case !other && beginsMessage(data):
		return overHTTP
	}
	x.spoke = true
	return noneOfOurs
}

// What Wireshark takes a port of TCP for, by itself.
type portOf uint8

const (
	onNothing portOf = iota
	onHTTP
	onDNS
	onTLS
	onOther     // which TLS may follow, after STARTTLS
	onOtherOnly // of which it sees no TLS
	onSOCKS     // RFC 1928
)

func spokenOn(port uint16) portOf {
	switch port {
	case 80, 631, 1900, 2710, 2869, 3128, 3132, 3689, 5985, 8080, 8088, 11371:
		return onHTTP
	case portDNS, portMDNS:
		return onDNS
	case 443, 465, 636, 802, 853, 993, 995, 2221, 2443, 3249, 3250, 3251, 3252, 3496, 5061, 5671, 5684, 5868, 8883, 11207, 19999, 27017:
		return onTLS
	case 21, 25, 110, 119, 143, 389, 587, 3306, 5432:
		return onOther
	case 22, 23, 102, 3389, 6379, 6667:
		return onOtherOnly
	case 1080:
		return onSOCKS
	}
	return onNothing
}

// beginsMessage tells whether data begins with a line of HTTP/1: where the port does
// not say that it is HTTP, the line does.
func beginsMessage(data []byte) bool {
	line, whole := firstLine(data[:min(len(data), maxKept)])
	if !whole || len(line) == len("HTTP/1.1") {
		return false
	}
	const version = "HTTP/1."
	if len(line) > len(version) && bytes.EqualFold(line[:len(version)], []byte(version)) {
		return true
	}
	at := len(line) - len(version) - 1
	return at >= 0 && bytes.EqualFold(line[at:at+len(version)], []byte(version))
}

// firstLine is what stands before the first end of a line, and whether there is one.
// A carriage return at the end of all is none yet.
func firstLine(data []byte) (line []byte, whole bool) {
	at := bytes.IndexByte(data, '\n')
	if at < 0 {
		at = len(data)
	}
	if cr := bytes.IndexByte(data[:at], '\r'); cr >= 0 {
		return data[:cr], cr+1 < len(data)
	}
	return data[:at], at < len(data)
}

// printable4 tells whether data begins with text, which TLS does not.
func printable4(data []byte) bool {
	for _, b := range data[:min(len(data), 4)] {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return len(data) > 4
}
