package traffic

import (
	"bytes"
	"encoding/binary"
)

// Types of records and of handshake messages (RFC 8446).
const (
	recordCipherSpec  = 20
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23
	recordHeartbeat   = 24
	recordHeader      = 5
	maxRecord         = 1<<14 + 2048
	shortestEncrypted = 16

	handshakeClientHello = 1
	handshakeServerHello = 2
	handshakeCertificate = 11
	extensionServerName  = 0
	extensionVersions    = 43
)

// tlsReader is how far the records of one direction are understood.
type tlsReader struct {
	inside  int    // bytes of a handshake message that go on in the next record
	message []byte // what came of it, when it has certificates
}

// beginsTLS tells whether data begins with a record.
func beginsTLS(data []byte) bool {
	return len(data) >= recordHeader && data[0] >= recordCipherSpec && data[0] <= recordApplication && data[1] == 3 && data[2] <= 4 &&
		int(binary.BigEndian.Uint16(data[3:])) <= maxRecord && binary.BigEndian.Uint16(data[3:]) > 0
}

// looksLikeRecord tells whether a header is that of a record, where one is awaited.
// Once the version is known to be less than 1.3, Wireshark looks at the type alone.
func looksLikeRecord(header []byte) bool {
	return header[0] >= recordCipherSpec && header[0] <= recordHeartbeat && header[1] == 3 && header[2] <= 3
}

// isHello2 tells whether a ClientHello begins in the form of SSL 2, as old clients say it
// to servers of either version (RFC 5246, appendix E.2).
func isHello2(data []byte) bool {
	return len(data) >= 3 && data[0] == 0x80 && data[2] == handshakeClientHello
}

// beginsHello2 tells the same of data on a port that is nobody's.
func beginsHello2(data []byte) bool {
	const shortest, challenge = 46, 32
	if len(data) < shortest || !isHello2(data) {
		return false
	}
	ciphers, session := binary.BigEndian.Uint16(data[5:]), binary.BigEndian.Uint16(data[7:])
	return ciphers > 0 && ciphers%3 == 0 && (session == 0 || session == 16) && binary.BigEndian.Uint16(data[9:]) == challenge
}

// beginsHello tells whether data begins with a record that begins with a
// ClientHello.
func beginsHello(data []byte) bool {
	return len(data) > recordHeader+4 && data[0] == recordHandshake && beginsTLS(data) && data[recordHeader] == handshakeClientHello && data[recordHeader+1] == 0
}

// readTLS reads records. Only those of handshakes and alerts are kept until they
// are whole.
func (a *Analysis) readTLS(c *connection, x *stream, in *incoming) {
	r := &x.sides[in.side]
	from := 0
	if x.fromServer(c, in.side) {
		from = 1
	}
	for data := in.data; len(data) > 0; {
		before := len(data)
		data = a.tlsPiece(x, r, from, data)
		r.took(before-len(data), overTLS)
	}
	// Of TLS 1.3 alone Wireshark does not try to decrypt a handshake, for which all of it
	// has to be there.
	if in.partial && x.tls13 && len(r.kept) > recordHeader+4 && r.kept[0] == recordHandshake &&
		recordHeader+int(binary.BigEndian.Uint16(r.kept[3:]))-len(r.kept) <= in.missing {
		a.record(r)
	}
}

// fromServer tells whether data is that of the server, as Wireshark has it: the
// ClientHello tells, or the port.
func (x *stream) fromServer(c *connection, side int) bool {
	if x.helloFrom > 0 {
		return side != int(x.helloFrom-1)
	}
	return spokenOn(c.ends[side].port) == onTLS
}

func (a *Analysis) tlsPiece(x *stream, r *reader, from int, data []byte) (rest []byte) {
	if r.skip > 0 {
		n := min(r.skip, len(data))
		if r.skip -= n; r.skip == 0 && len(r.kept) > 0 { // the rest of what was too long to keep
			a.record(r)
		}
		return data[n:]
	}
	var whole bool
	if data, whole = r.take(data, recordHeader); !whole {
		return data
	}
	if isHello2(r.kept) {
		length := 2 + (int(r.kept[0]&0x7f)<<8 | int(r.kept[1]))
		r.kept = r.kept[:0]
		if length -= recordHeader; length <= len(data) {
			a.handshake(handshakeClientHello, nil)
		}
		return data[min(max(0, length), len(data)):]
	}
	if !looksLikeRecord(r.kept) && (!x.tlsKnown || r.kept[0] < recordCipherSpec || r.kept[0] > recordHeartbeat) {
		r.kept = r.kept[:0]
		return nil // what it is will show with the next segment
	}
	x.tlsKnown = !x.tls13 && (x.tlsKnown || r.kept[0] != recordHandshake || x.hello&answeredHello != 0)
	length := int(binary.BigEndian.Uint16(r.kept[3:]))
	looked := r.kept[0] == recordAlert
	switch r.kept[0] {
	case recordHandshake:
		// A record that is so short has no room for what encryption adds.
		looked = length < shortestEncrypted || x.ciphers[from] == 0 || x.ciphers[from] == a.frames
	case recordCipherSpec:
		if x.ciphers[from] == 0 && !x.tls13 { // where it means nothing
			x.ciphers[from] = a.frames
		}
	}
	if !looked {
		r.kept, r.skip = r.kept[:0], length
		return data
	}
	keep := min(length, maxKept-recordHeader)
	if data, whole = r.take(data, recordHeader+keep); !whole {
		return data
	}
	if r.skip = length - keep; r.skip == 0 {
		a.record(r)
	}
	return data
}

// readable tells whether a handshake record does not look encrypted, as Wireshark has
// it.
func readable(body []byte) bool {
	if len(body) < shortestEncrypted {
		return true
	}
	switch body[0] {
	case 0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 67: // hello request … next protocol
		return body[1] == 0 && !bytes.Equal(body[:5], make([]byte, 5))
	}
	return false
}

// record takes a record that is whole.
func (a *Analysis) record(r *reader) {
	record := r.kept
	r.kept = r.kept[:0]
	if record[0] == recordAlert {
		if !a.frame.alert {
			a.frame.alert = true
			a.tls.alerts++
		}
		a.readAlert(record[recordHeader:])
		return
	}
	body := record[recordHeader:]
	if skip := min(r.tls.inside, len(body)); skip > 0 {
		if r.tls.message != nil {
			r.tls.message = append(r.tls.message, body[:min(skip, maxKept-len(r.tls.message))]...)
		}
		if r.tls.inside -= skip; r.tls.inside == 0 && r.tls.message != nil {
			a.readCertificate(r.tls.message)
			r.tls.message = nil
		}
		body = body[skip:]
	}
	if r.tls.inside == 0 && len(record) == recordHeader+len(body) && !readable(body) {
		return
	}
	for len(body) >= 4 {
		length := int(body[1])<<16 | int(body[2])<<8 | int(body[3])
		a.handshake(body[0], body[4:min(len(body), 4+length)])
		if 4+length > len(body) {
			r.tls.inside = 4 + length - len(body)
			if body[0] == handshakeCertificate && !leaf(body[4:]) {
				r.tls.message = bytes.Clone(body[4:])
			}
			return
		}
		body = body[4+length:]
	}
}

// handshake takes a handshake message. A frame counts by the first in it.
func (a *Analysis) handshake(kind byte, body []byte) {
	first := !a.frame.handshake
	a.frame.handshake = true
	switch kind {
	case handshakeClientHello:
		if first {
			a.tls.clientHello++
		}
		if a.frame.stream != nil {
			a.frame.stream.hello |= saidHello
			a.frame.stream.helloFrom = uint8(1 + a.frame.side)
		}
		if name := serverName(body); name != "" {
			if !a.frame.serverName {
				a.frame.serverName = true
				a.tls.serverName++
			}
			a.tls.namesDropped += count(&a.tls.names, printable(name), maxNames)
		}
	case handshakeServerHello:
		if first {
			a.tls.serverHello++
		}
		if a.frame.stream != nil {
			a.frame.stream.hello |= answeredHello
		}
		version := serverVersion(body)
		if x := a.frame.stream; x != nil {
			x.tls13 = version == 0x0304
		}
		a.tls.namesDropped += count(&a.tls.versions, version, maxVersions)
	case handshakeCertificate:
		a.readCertificate(body)
	}
}

// leaf tells whether the first of the certificates of a message is whole.
func leaf(body []byte) bool {
	return len(body) >= 6 && len(body)-6 >= int(body[3])<<16|int(body[4])<<8|int(body[5])
}

// Who said hello on a connection.
const (
	saidHello = 1 << iota
	answeredHello
)

// serverName is that which a ClientHello asks for; "" for none (RFC 6066).
func serverName(hello []byte) string {
	skip := func(n int) bool {
		if len(hello) < n {
			hello = nil
			return false
		}
		hello = hello[n:]
		return true
	}
	sized := func(bytes int) bool { // a list behind its length
		if len(hello) < bytes {
			return false
		}
		n := 0
		for _, b := range hello[:bytes] {
			n = n<<8 | int(b)
		}
		return skip(bytes + n)
	}
	if !skip(2+32) || !sized(1) || !sized(2) || !sized(1) || !skip(2) { // version, random, session, ciphers, compression
		return ""
	}
	for len(hello) >= 4 {
		kind, length := binary.BigEndian.Uint16(hello), int(binary.BigEndian.Uint16(hello[2:]))
		if !skip(4) || length > len(hello) {
			return ""
		}
		if kind == extensionServerName && length >= 5 {
			n := int(binary.BigEndian.Uint16(hello[3:]))
			return string(hello[5:min(length, 5+n)])
		}
		skip(length)
	}
	return ""
}
