package traffic

import (
	"maps"
	"strconv"
	"strings"
)

// Bounds of what is kept of HTTP.
const (
	maxMethods  = 20
	maxStatuses = 50
)

// httpCounts are numbers of frames, and what was said in them.
type httpCounts struct {
	requests, responses, errors int
	serverErrors                int64
	unanswered                  int64
	dropped                     int64 // methods and statuses beyond those that are kept
	methods                     map[string]int64
	statuses                    map[int]int64
	latency                     durations
}

// asked notes a request, by its first line.
func (a *Analysis) asked(x *stream, line string) method {
	name, _, _ := strings.Cut(line, " ")
	a.http.dropped += count(&a.http.methods, printable(name), maxMethods)
	if x.asked < maxAsked {
		x.begun[x.asked] = a.frame.time
		x.asked++
	}
	switch name {
	case "HEAD":
		return methodHEAD
	case "CONNECT":
		return methodCONNECT
	}
	return otherMethod
}

// answered notes a response that is no interim one.
func (a *Analysis) answered(x *stream, status int) {
	a.http.dropped += count(&a.http.statuses, status, maxStatuses)
	if x.asked > 0 {
		a.http.latency.add(a.frame.time - x.begun[0])
		copy(x.begun[:], x.begun[1:])
		x.asked--
	}
	if status >= 500 {
		a.http.serverErrors++
	}
	if status >= 400 {
		a.note(subject{kind: KindHTTPError, about: a.frame.server.String() + " " + strconv.Itoa(status)}, "the server answers with status "+strconv.Itoa(status))
	}
}

// HTTP is what is said in HTTP/1, as far as it is not encrypted.
type HTTP struct {
	// Requests are packets with which a request is complete.
	Requests int64 `json:"requests" expr:"requests"`
	// Responses are packets with which a response is complete, interim ones included.
	Responses int64 `json:"responses" expr:"responses"`
	// Errors are responses with a status from 400 on.
	Errors int64 `json:"errors" expr:"errors"`
	// ServerErrors are responses with a status from 500 on.
	ServerErrors int64 `json:"server_errors" expr:"server_errors"`
	// Unanswered are connections that end with a request that has no response, but for
	// those of the last second.
	Unanswered int64 `json:"unanswered" expr:"unanswered"`
	// Latency is the time from the end of a request's header to that of its response's,
	// interim ones passed over.
	Latency Latency `json:"latency" expr:"latency"`
	// Methods are those of the requests, and how often they came; the first 20.
	Methods map[string]int64 `json:"methods" expr:"methods"`
	// Statuses are those of the responses, as "200", and how often they came; the first
	// 50.
	Statuses map[string]int64 `json:"statuses" expr:"statuses"`
}

func (h *httpCounts) report() HTTP {
	o := HTTP{
		Requests: int64(h.requests), Responses: int64(h.responses), Errors: int64(h.errors), ServerErrors: h.serverErrors,
		Unanswered: h.unanswered, Latency: h.latency.latency(), Methods: map[string]int64{}, Statuses: map[string]int64{},
	}
	maps.Copy(o.Methods, h.methods)
	for status, n := range h.statuses {
		o.Statuses[strconv.Itoa(status)] = n
	}
	return o
}
