package traffic

import (
	"bytes"
	"strconv"
	"strings"
)

// How a message goes on after its header.
const (
	inHeader = iota
	inBody
	inChunks
	inTrailer
	untilClosed
)

// noStatus is that of a response whose status was not captured: it does not count.
const noStatus = -1

// httpReader is how far the messages of one direction are understood.
type httpReader struct {
	state  uint8
	status int // of the response whose body is read; 0 for a request
}

// method is a method of requests, as far as it matters for the response.
type method uint8

const (
	otherMethod method = iota
	methodHEAD
	methodCONNECT
)

// beginsRequest tells whether data begins with a method that Wireshark 4.0 knows.
func beginsRequest(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("M-")) // RFC 2774
	const longest = 16
	line, _ := firstLine(data[:min(len(data), longest+1)])
	word, _, _ := bytes.Cut(line, []byte(" "))
	switch string(word) {
	case "GET", "PUT", "COPY", "HEAD", "LOCK", "MOVE", "POLL", "POST", "BCOPY", "BMOVE", "MKCOL", "TRACE", "PATCH", "LABEL", "MERGE",
		"DELETE", "SEARCH", "UNLOCK", "REPORT", "UPDATE", "NOTIFY", "BDELETE", "CONNECT", "OPTIONS", "CHECKIN", "PROPFIND", "CHECKOUT",
		"CCM_POST", "SUBSCRIBE", "PROPPATCH", "BPROPFIND", "BPROPPATCH", "UNCHECKOUT", "MKACTIVITY", "MKWORKSPACE", "RPC_CONNECT",
		"RPC_IN_DATA", "UNSUBSCRIBE", "RPC_OUT_DATA", "VERSION-CONTROL", "BASELINE-CONTROL", "SSTP_DUPLEX_POST":
		return true
	}
	return false
}

func beginsResponse(data []byte) bool {
	return bytes.HasPrefix(data, []byte("HTTP/")) || bytes.HasPrefix(data, []byte("ICY"))
}

func beginsHTTP(data []byte) bool { return beginsRequest(data) || beginsResponse(data) }

// readHTTP reads messages (RFC 9112). One counts in the frame in which it ends.
func (a *Analysis) readHTTP(x *stream, in *incoming) {
	r := &x.sides[in.side]
	for data := in.data; len(data) > 0 && x.protocol == overHTTP; {
		before := len(data)
		data = a.httpPiece(x, r, in, data)
		r.took(before-len(data), overHTTP)
	}
	if r.http.state != inHeader && in.partial || r.http.state == inChunks && in.fin {
		a.message(r) // nobody waits for the rest of it
		r.size, r.kept = 0, r.kept[:0]
	}
}

func (a *Analysis) httpPiece(x *stream, r *reader, in *incoming, data []byte) (rest []byte) {
	switch r.http.state {
	case inHeader:
		return a.header(x, r, in, data)
	case inBody:
		n := min(r.skip, len(data))
		if r.skip -= n; r.skip == 0 {
			a.message(r)
		}
		return data[n:]
	case inChunks, inTrailer:
		return a.chunk(r, data)
	}
	return nil
}

// missingHTTP tells what is missing of the message that is read.
func (r *reader) missingHTTP() wants {
	switch r.http.state {
	case inBody:
		return wants{bytes: uint32(r.skip)}
	case inChunks, inTrailer:
		return wants{segment: true}
	case untilClosed:
		return wants{untilFIN: true}
	}
	return wants{segment: len(r.kept) > 0}
}

// header reads up to the end of a header. It gives the rest of the data. What begins
// otherwise is the middle of something: a later segment may begin anew.
func (a *Analysis) header(x *stream, r *reader, in *incoming, data []byte) (rest []byte) {
	if len(r.kept) == 0 {
		if len(data) > 3 && data[0] == '\r' && data[1] == '\n' {
			data = data[2:]
		}
		if data[0] < ' ' || data[0] > '~' {
			return nil
		}
	}
	had := len(r.kept)
	r.kept = append(r.kept, data[:min(len(data), maxKept-had)]...)
	if _, whole := firstLine(r.kept); !whole && !in.partial {
		if len(r.kept) >= maxKept {
			r.kept = r.kept[:maxKept/2]
		}
		return nil
	}
	if !beginsHTTP(r.kept) {
		pass := continuation(r.kept) - had
		r.kept = r.kept[:0]
		return data[min(max(0, pass), len(data)):]
	}
	end := headerEnd(r.kept, max(0, had-3))
	switch {
	case end < 0 && in.partial:
		end, rest = len(r.kept), nil
	case end < 0:
		if len(r.kept) >= maxKept {
			r.kept = squeeze(r.kept)
			return data[maxKept-had:]
		}
		return nil
	default:
		rest = data[end-had:]
	}
	head := string(r.kept[:end])
	r.kept = r.kept[:0]
	pass := a.begin(x, r, in, head)
	return rest[min(pass, len(rest)):]
}

// continuation tells how much of data that begins in the middle of something belongs to
// that: all of it, but when it looks like the fields of a header that tell the length of
// the body.
func continuation(data []byte) int {
	const all = 1 << 30
	at := 0
	for {
		line, whole := firstLine(data[at:])
		if !whole || len(line) > 0 && bytes.IndexByte(line, ':') < 0 {
			return all
		}
		if at += len(line) + 1; data[at-1] == '\r' && data[at] == '\n' {
			at++
		}
		if len(line) == 0 {
			break
		}
	}
	length, chunked, told := framing(string(data[:at]))
	if chunked || !told {
		return all
	}
	return at + length
}

// squeeze leaves of a long header what is looked at: the beginning of its first line,
// and the fields that tell how long the body is.
func squeeze(head []byte) []byte {
	const longest = 256
	kept := make([]byte, 0, maxKept)
	for i := 0; ; i++ {
		line, rest, whole := bytes.Cut(head, []byte("\n"))
		if !whole { // its end is still to come
			return append(append(kept, line[:min(len(line), longest)]...), line[max(min(len(line), longest), len(line)-3):]...)
		}
		if i == 0 || len(line) < longest && (hasPrefixFold(line, "content-length:") || hasPrefixFold(line, "transfer-encoding:")) && len(kept) < maxKept/2 {
			kept = append(append(kept, line[:min(len(line), longest)]...), '\n')
		}
		head = rest
	}
}

func hasPrefixFold(data []byte, prefix string) bool {
	return len(data) >= len(prefix) && strings.EqualFold(string(data[:len(prefix)]), prefix)
}

// headerEnd is where the empty line ends that a header ends with; -1 while there is
// none. A line may end without a carriage return (RFC 9112, section 2.2).
func headerEnd(data []byte, from int) int {
	for {
		at := bytes.IndexByte(data[from:], '\n')
		if at < 0 {
			return -1
		}
		from += at + 1
		switch rest := data[from:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return from + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return from + 2
		}
	}
}

// discovery takes a message in a datagram.
func (a *Analysis) discovery(data []byte) {
	if beginsRequest(data) {
		a.message(&reader{})
		return
	}
	_, text, _ := strings.Cut(string(data[:min(len(data), 16)]), " ")
	status, _ := strconv.Atoi(text[:min(3, len(text))])
	a.message(&reader{progress: progress{http: httpReader{status: max(1, status)}}})
}

// message takes a message that is whole. A frame counts by the first in it.
func (a *Analysis) message(r *reader) {
	status := r.http.status
	r.http, r.skip = httpReader{}, 0
	switch {
	case status == noStatus:
	case status == 0 && !a.frame.request:
		a.frame.request = true
		a.http.requests++
	case status != 0 && !a.frame.response:
		a.frame.response = true
		a.http.responses++
		if status >= 400 {
			a.http.errors++
		}
	}
}
