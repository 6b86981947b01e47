package traffic

import (
	"bytes"
	"strconv"
	"strings"
)

// begin tells from a header how the message goes on, and how much of what follows in
// the segment belongs to it when no more of it is waited for.
func (a *Analysis) begin(x *stream, r *reader, in *incoming, head string) (pass int) {
	line, fields, _ := strings.Cut(head, "\n")
	line = strings.TrimSuffix(line, "\r")
	r.http = httpReader{state: inHeader}
	length, chunked, told := framing(fields)
	response := beginsResponse([]byte(line))
	bodyless, tunnel := false, false
	if response {
		_, text, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
		status, _ := strconv.Atoi(code[:min(3, len(code))])
		r.http.status = max(1, status) // a response all the same
		if len(code) < 3 {
			r.http.status = noStatus
		}
		if status = r.http.status; status >= 200 {
			a.answered(x, status)
		}
		bodyless = status < 200 || status == 204 || status == 304
		if !bodyless && !told || chunked {
			pass = len(in.data)
		}
		tunnel = x.method == methodCONNECT && status == 200
		bodyless = bodyless || x.method == methodHEAD || x.method == methodCONNECT && status < 300
	} else {
		x.method = a.asked(x, line)
		if chunked {
			pass = len(in.data)
		}
	}
	if told && !chunked {
		pass = length
	}
	switch {
	case r.http.status == 101:
		a.message(r)
		x.protocol, x.inside = noneOfOurs, true
	case tunnel: // what follows is spoken with somebody else (RFC 9110, section 9.3.6)
		a.message(r)
		x.protocol, x.inside, x.method = undecided, true, otherMethod
	case bodyless, in.fin, in.partial:
		a.message(r)
		return pass
	case chunked:
		r.http.state = inChunks
	case told && length > 0:
		r.http.state, r.skip = inBody, length
	case told, !response:
		a.message(r)
	default:
		r.http.state = untilClosed
	}
	return 0
}

// framing tells from the fields of a header how long the body is.
func framing(fields string) (length int, chunked, told bool) {
	for line := range strings.SplitSeq(fields, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "Content-Length"):
			if n, err := strconv.ParseUint(value, 10, 31); err == nil {
				length, told = int(n), true
			}
		case strings.EqualFold(name, "Transfer-Encoding"):
			const coding = "chunked"
			chunked = chunked || len(value) >= len(coding) && strings.EqualFold(value[:len(coding)], coding)
		}
	}
	return length, chunked, told
}

// chunk reads the line before a chunk, or the one behind the last.
func (a *Analysis) chunk(r *reader, data []byte) (rest []byte) {
	if r.skip > 0 {
		n := min(r.skip, len(data))
		r.skip -= n
		return data[n:]
	}
	text, rest, whole := bytes.Cut(data, []byte("\n"))
	r.kept = append(r.kept, text[:min(len(text), maxKept)]...)
	if !whole {
		r.kept = r.kept[:min(len(r.kept), maxKept)]
		return nil
	}
	size, ok := chunkSize(r.kept)
	r.kept = r.kept[:0]
	switch {
	case r.http.state == inTrailer:
		a.message(r)
	case !ok || size > 1<<31:
		a.message(r) // as it is
		return nil
	case size == 0:
		r.http.state = inTrailer
	default:
		r.skip = int(size) + len("\r\n")
	}
	return rest
}

// chunkSize reads the number that a line begins with.
func chunkSize(line []byte) (size uint64, ok bool) {
	line = bytes.TrimLeft(line, " \t\r")
	digits := 0
	for digits < len(line) && strings.IndexByte("0123456789abcdefABCDEF", line[digits]) >= 0 {
		digits++
	}
	size, err := strconv.ParseUint(string(line[:digits]), 16, 64)
	if err != nil && digits > 0 {
		size = 1 << 63 // more than there is
	}
	return size, digits > 0
}
