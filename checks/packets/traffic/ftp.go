package traffic

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

const (
	portFTP     = 21
	maxExpected = 1 << 10 // connections that were agreed on, and did not come
)

// ftp looks where a server awaits the next connection for data (RFC 959, RFC 2428).
// Wireshark makes that connection then, so that it does not begin with its SYN.
func (a *Analysis) ftp(from endpoint, data []byte) {
	const longest = 128
	line, _ := firstLine(data[:min(len(data), longest)])
	code, rest, _ := bytes.Cut(line, []byte(" "))
	var at endpoint
	switch string(code) {
	case "227":
		at = numbered(rest)
	case "229":
		at = extended(string(rest), from.address)
	}
	if at.port == 0 || len(a.expected) >= maxExpected {
		return
	}
	if a.expected == nil {
		a.expected = map[endpoint]bool{}
	}
	a.expected[at] = true
}

// numbered reads six numbers: four of an address, and two of a port.
func numbered(text []byte) (at endpoint) {
	begin := bytes.IndexAny(text, "0123456789")
	if begin < 0 {
		return at
	}
	text = text[begin:]
	if end := bytes.IndexFunc(text, func(c rune) bool { return (c < '0' || c > '9') && c != ',' }); end >= 0 {
		text = text[:end]
	}
	var numbers [6]byte
	fields := strings.Split(string(text), ",")
	if len(fields) != len(numbers) {
		return at
	}
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 8)
		if err != nil {
			return at
		}
		numbers[i] = byte(n)
	}
	return endpoint{netip.AddrFrom4([4]byte(numbers[:])), uint16(numbers[4])<<8 | uint16(numbers[5])}
}

// extended reads a protocol, an address and a port between bars. Without an address it
// is that of who says so.
func extended(text string, address netip.Addr) (at endpoint) {
	fields := strings.Split(text, "|")
	if len(fields) < 4 {
		return at
	}
	if told, err := netip.ParseAddr(fields[2]); err == nil {
		address = told
	}
	port, err := strconv.ParseUint(fields[3], 10, 16)
	if err != nil {
		return at
	}
	return endpoint{address, uint16(port)}
}
