package traffic

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	KindRetransmission   Kind = "retransmission"
	KindOutOfOrder       Kind = "out_of_order"
	KindZeroWindow       Kind = "zero_window"
	KindWindowFull       Kind = "window_full"
	KindLostSegment      Kind = "lost_segment"
	KindReset            Kind = "reset"
	KindRefused          Kind = "refused"
	KindUnanswered       Kind = "unanswered"
	KindBlackHole        Kind = "black_hole"
	KindUnreachable      Kind = "unreachable"
	KindTooBig           Kind = "fragmentation_needed"
	KindTimeExceeded     Kind = "time_exceeded"
	KindRedirect         Kind = "redirect"
	KindAddressConflict  Kind = "address_conflict"
	KindLookupFailed     Kind = "lookup_failed"
	KindLookupUnanswered Kind = "lookup_unanswered"
	KindTLSAlert         Kind = "tls_alert"
	KindCertificate      Kind = "certificate_expired"
	KindHTTPError        Kind = "http_error"
)

// Bounds of the findings.
const (
	maxFindings = 512 // that are told apart
	listed      = 50  // of them
	maxProofs   = 10
)

// Finding is something that an engineer would point at, with the packets that
// show it.
type Finding struct {
	// Kind is what it is about: retransmission, out_of_order, zero_window (the other
	// side does not read), window_full, lost_segment (not captured, though it was
	// acknowledged or went on), reset, refused (a reset in answer to a SYN),
	// unanswered (a SYN), black_hole (large segments are sent again and again, while
	// small ones come through), unreachable and fragmentation_needed and time_exceeded
	// and redirect (ICMP says so), address_conflict (two machines claim an address),
	// lookup_failed, lookup_unanswered (DNS), tls_alert, certificate_expired, http_error.
	Kind Kind `json:"kind" expr:"kind" enum:"retransmission,out_of_order,zero_window,window_full,lost_segment,reset,refused,unanswered,black_hole,unreachable,fragmentation_needed,time_exceeded,redirect,address_conflict,lookup_failed,lookup_unanswered,tls_alert,certificate_expired,http_error"`
	// About is whom it is about, such as "10.0.0.5:5432" or "example.com (A)".
	About string `json:"about" expr:"about"`
	// Text says it in a sentence.
	Text string `json:"text" expr:"text"`
	// Count is how many packets show it.
	Count int64 `json:"count" expr:"count"`
	// FirstSeconds is when the first of them came, after the first packet of all.
	FirstSeconds float64 `json:"first_seconds" expr:"first_seconds"`
	// LastSeconds is when the last came.
	LastSeconds float64 `json:"last_seconds" expr:"last_seconds"`
	// Packets are the numbers of the first ten, as Wireshark counts them.
	Packets []int64 `json:"packets" expr:"packets"`
	// PacketSeconds are their times, after the first packet of all.
	PacketSeconds []float64 `json:"packet_seconds" expr:"packet_seconds"`
	// DisplayFilter shows them in Wireshark.
	DisplayFilter string `json:"display_filter" expr:"display_filter"`
}

// subject names a finding.
type subject struct {
	kind  Kind
	about string // what it is about, when that is not a server
	to    endpoint

	byServer bool // who sent the packets
}

// proof is what was noted of a finding.
type proof struct {
	text        string
	count       int64
	first, last int64
	numbers     [maxProofs]int64
	times       [maxProofs]int64
}

// findings are bounded: of further subjects only the number of packets is kept.
type findings struct {
	by      map[subject]*proof
	dropped int64
}

// note adds the packet that is being taken apart to what shows something.
func (a *Analysis) note(s subject, text string) {
	a.noteAt(s, text, a.frame.number, a.frame.time)
}

// noteAt adds a packet by its number and time.
func (a *Analysis) noteAt(s subject, text string, number, at int64) {
	p := a.findings.by[s]
	if p == nil {
		if len(a.findings.by) >= maxFindings {
			a.findings.dropped++
			return
		}
		if a.findings.by == nil {
			a.findings.by = map[subject]*proof{}
		}
		p = &proof{text: text, first: at}
		a.findings.by[s] = p
	}
	if p.count < maxProofs {
		p.numbers[p.count], p.times[p.count] = number, at
	}
	p.count++
	p.first, p.last = min(p.first, at), max(p.last, at)
}

// list gives the findings, those that say most first.
func (f *findings) list(start int64) []Finding {
	all := make([]Finding, 0, len(f.by))
	for s, p := range f.by {
		about := s.about
		if s.to != (endpoint{}) {
			about = s.to.String()
		}
		n := min(p.count, maxProofs)
		o := Finding{
			Kind: s.kind, About: about, Text: p.text, Count: p.count,
			FirstSeconds: seconds(p.first - start), LastSeconds: seconds(p.last - start),
			Packets: make([]int64, n), PacketSeconds: make([]float64, n),
		}
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(p.numbers[i], p.numbers[j]) })
		texts := make([]string, n)
		for at, i := range order {
			o.Packets[at], o.PacketSeconds[at] = p.numbers[i], seconds(p.times[i]-start)
			texts[at] = strconv.FormatInt(p.numbers[i], 10)
		}
		o.DisplayFilter = "frame.number in {" + strings.Join(texts, ",") + "}"
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.weight(), a.weight()), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.About, b.About), cmp.Compare(a.Text, b.Text))
	})
	f.dropped += int64(max(0, len(all)-listed))
	return all[:min(len(all), listed)]
}

// weight says which come first: those that name a cause before those that may have
// many, and what may well be meant to be so after what is not.
func (f *Finding) weight() int {
	switch f.Kind {
	case KindBlackHole, KindTooBig, KindAddressConflict, KindCertificate:
		return 3
	case KindLookupFailed:
		if strings.HasPrefix(f.Text, codeName(codeNoName)) { // as of the domains that a resolver tries
			return 0
		}
		return 2
	case KindHTTPError:
		if strings.Contains(f.About, " 4") {
			return 0
		}
		return 2
	case KindRefused, KindUnanswered, KindUnreachable, KindLookupUnanswered, KindTLSAlert, KindTimeExceeded, KindRedirect:
		return 2
	case KindReset, KindZeroWindow, KindRetransmission:
		return 1
	case KindOutOfOrder, KindWindowFull, KindLostSegment:
	}
	return 0
}
