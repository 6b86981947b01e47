package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/beevik/ntp"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// NTPInput are the inputs of probe.ntp.
type NTPInput struct {
	// Server is the time server, a name or an address.
	Server string `json:"server" format:"host" required:"true"`
	// Port is its UDP port.
	Port int `json:"port" default:"123" min:"1" max:"65535"`
	// Samples is how often to ask, half a second apart. The answer with the
	// shortest round trip counts: waiting in queues falsifies it least (RFC 5905,
	// 10, the clock filter).
	Samples int `json:"samples" default:"3" min:"1" max:"8"`
	// Timeout is how long one answer may take.
	Timeout time.Duration `json:"timeout" default:"2s" min:"10ms" max:"30s"`
}

// The outcomes that only probe.ntp has.
const (
	Answered    reach.Outcome = "answered"
	KissOfDeath reach.Outcome = "kiss_of_death"
	Invalid     reach.Outcome = "invalid"
)

// NTP is what probe.ntp observes: how our clock compares with a server's.
type NTP struct {
	// Outcome is what came of it: answered; kiss_of_death (it asks us not to ask:
	// see kiss_code); invalid (something answers that a client must not use: see
	// error); refused (nothing serves time there); timed_out; unreachable;
	// name_not_found; name_failed. With several answers it is answered if one was.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"answered,kiss_of_death,invalid,refused,timed_out,unreachable,name_not_found,name_failed"`
	// Server is the server as asked for.
	Server string `json:"server" expr:"server"`
	// Error says what is wrong with an invalid answer, else "".
	Error string `json:"error" expr:"error"`
	// KissCode is why it asks us not to ask, such as RATE or DENY, else "".
	KissCode string `json:"kiss_code" expr:"kiss_code"`
	// Answers is the number of answers that could be used.
	Answers int `json:"answers" expr:"answers"`
	// OffsetSeconds is how far our clock is ahead of the server's, negative when it
	// is behind. Unread unless it answered, as is all that follows.
	OffsetSeconds float64 `json:"offset_seconds" expr:"offset_seconds"`
	// UncertaintySeconds is how wrong offset_seconds can be: half the round trip,
	// when the ways there and back differ as much as they can.
	UncertaintySeconds float64 `json:"uncertainty_seconds" expr:"uncertainty_seconds"`
	// RoundTripSeconds is the time from the question to the answer, without what the
	// server took.
	RoundTripSeconds float64 `json:"round_trip_seconds" expr:"round_trip_seconds"`
	// Stratum is how far the server is from a reference clock: 1 has one.
	Stratum int `json:"stratum" expr:"stratum"`
	// Reference is what the server itself follows: a kind of clock such as GPS for
	// stratum 1, else the IPv4 address of its server or a hash of another.
	Reference string `json:"reference" expr:"reference"`
	// RootDistanceSeconds is how wrong the server's own clock can be (RFC 5905,
	// 11.2). Clients do not use a server beyond 1.5.
	RootDistanceSeconds float64 `json:"root_distance_seconds" expr:"root_distance_seconds"`
	// Leap says whether the server announces a leap second.
	Leap string `json:"leap" expr:"leap" enum:"none,insert,delete"`
}

// NTP is the check probe.ntp.
//
// It asks the server for the time as a client does (NTP 4), and sets nothing.
//
// Example:
//
//	reference: { check: probe.ntp, with: { server: time.example.com } }
//
// By hand:
//
//	ntpdate -q time.example.com
//	chronyd -Q -t 3 "server time.example.com iburst"
func (p Probes) NTP() engine.Check[NTPInput, NTP] {
	return engine.Check[NTPInput, NTP]{
		Name:      "probe.ntp",
		Doc:       "How far our clock is from a time server's, and whether that server is fit to be followed.",
		Cost:      1100 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in NTPInput) string { return reach.JoinPort(in.Server, in.Port) },
		Plan:      planNTP,
		Run:       p.lookNTP,
		Summarize: summarizeNTP,
	}
}

func summarizeNTP(o NTP) string {
	server := reach.Clip(o.Server, 60)
	switch o.Outcome {
	case Answered:
		side := "ahead of"
		if o.OffsetSeconds < 0 {
			side = "behind"
		}
		return fmt.Sprintf("our clock is %s %s %s, give or take %s", reach.Milliseconds(math.Abs(o.OffsetSeconds)), side, server, reach.Milliseconds(o.UncertaintySeconds))
	case KissOfDeath:
		return fmt.Sprintf("%s asks us not to ask (%s)", server, o.KissCode)
	case Invalid:
		return fmt.Sprintf("%s gives an answer that cannot be used: %s", server, o.Error)
	default:
	}
	return server + " " + o.Outcome.Words()
}

func planNTP(in NTPInput) []engine.Touch {
	at := reach.JoinPort(in.Server, in.Port)
	return append(reach.PlanName(in.Server), engine.Touch{Kind: engine.TouchNetwork, What: at + " udp", How: "ask for the time"})
}

// betweenSamples is the time between two questions: servers take more for an
// attack, and answer with a kiss of death (RFC 8633, 3.1).
const betweenSamples = 500 * time.Millisecond

func (p Probes) lookNTP(ctx context.Context, call *engine.Call, in NTPInput) (NTP, error) {
	o := NTP{Server: in.Server}
	call.Reproduce("ntpdate", "-q", in.Server)
	if err := p.allow.PermitName(in.Server, in.Port); err != nil {
		return o, err
	}
	addrs, outcome, err := p.allow.Addresses(ctx, in.Server, in.Port, reach.InnerTimeout(ctx, in.Timeout))
	if err != nil {
		return o, err
	}
	if len(addrs) == 0 {
		o.Outcome = outcome
		o.notAnswered(call)
		return o, nil
	}
	answers, err := p.sample(ctx, &o, in, addrs)
	if err != nil {
		return o, err
	}
	if len(answers) == 0 {
		o.notAnswered(call)
		return o, nil
	}
	o.Outcome, o.Error, o.KissCode, o.Answers = Answered, "", "", len(answers)
	o.fill(slices.MinFunc(answers, func(a, b *ntp.Response) int { return cmp.Compare(a.RTT, b.RTT) }))
	return o, nil
}

// sample asks the first address that can be reached at all, and gives the answers
// that can be used.
func (p Probes) sample(ctx context.Context, o *NTP, in NTPInput, addrs []netip.Addr) ([]*ntp.Response, error) {
	var answers []*ntp.Response
	silent, at := 0, 0
	end := time.Now().Add(reach.InnerTimeout(ctx, time.Hour))
	for asked := range in.Samples {
		if asked > 0 {
			// An answer, or silence, that we have seen is worth more than one more sample.
			if time.Until(end) < 2*betweenSamples {
				break
			}
			if err := pause(ctx, betweenSamples); err != nil {
				return nil, err
			}
		}
		answer, ok, err := p.ask(ctx, o, in, addrs[at], end)
		for err == nil && !ok && o.Outcome == reach.Unreachable && at < len(addrs)-1 && len(answers) == 0 {
			at++ // as where a name has an IPv6 address, and we have no route
			answer, ok, err = p.ask(ctx, o, in, addrs[at], end)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, err
		case ok:
			answers = append(answers, answer)
			continue
		case o.Outcome == reach.TimedOut:
			// UDP loses a packet now and then; two are more than that.
			silent++
			if silent < 2 {
				continue
			}
		case len(answers) > 0 && o.Outcome != KissOfDeath:
			continue
		}
		break // it will not do better the next time, and may mind being asked (RFC 5905, 7.4)
	}
	return answers, nil
}

// pause lets time pass, or ends with ctx.
func pause(ctx context.Context, how time.Duration) error {
	timer := time.NewTimer(how)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask puts one question. Without an answer of use, the outcome says why.
func (p Probes) ask(ctx context.Context, o *NTP, in NTPInput, addr netip.Addr, end time.Time) (answer *ntp.Response, ok bool, err error) {
	var dialed error
	timeout := max(time.Millisecond, min(in.Timeout, time.Until(end))) // 0 would be the library's own
	answer, err = ntp.QueryWithOptions(netip.AddrPortFrom(addr, uint16(in.Port)).String(), ntp.QueryOptions{
		Timeout: timeout,
		Dialer: func(_, remote string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: timeout, Control: p.allow.Control(in.Server)}
			conn, err := dialer.DialContext(ctx, "udp", remote)
			dialed = err
			if err == nil {
				context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		},
	})
	if err == nil {
		o.KissCode = reach.Printable(answer.KissCode)
		if err = answer.Validate(); err == nil {
			return answer, true, nil
		}
	}
	var network net.Error
	var call *net.OpError
	switch {
	case errors.Is(err, ntp.ErrInvalidLeapSecond), errors.Is(err, ntp.ErrKissOfDeath) && o.KissCode == "": // stratum 0 without a code
		o.Outcome, o.Error = Invalid, "its own clock is not synchronised (leap indicator 3)"
	case errors.Is(err, ntp.ErrKissOfDeath):
		o.Outcome = KissOfDeath
	case dialed == nil && !errors.As(err, &network) && !errors.As(err, &call):
		o.Outcome, o.Error = Invalid, reach.Printable(err.Error())
	default:
		var blind error
		if o.Outcome, blind = reach.OutcomeOf(err); blind != nil {
			return nil, false, blind
		}
	}
	return nil, false, nil
}

func (o *NTP) notAnswered(call *engine.Call) {
	for _, field := range []string{
		"offset_seconds", "uncertainty_seconds", "round_trip_seconds", "stratum",
		"reference", "root_distance_seconds", "leap",
	} {
		call.Unread(field, "there was no answer of use: "+o.Outcome.Words(), "")
	}
}

func (o *NTP) fill(r *ntp.Response) {
	o.OffsetSeconds = -r.ClockOffset.Seconds() // the library's is the server's clock minus ours
	o.RoundTripSeconds, o.UncertaintySeconds = r.RTT.Seconds(), r.RTT.Seconds()/2
	o.Stratum, o.RootDistanceSeconds = int(r.Stratum), r.RootDistance.Seconds()
	o.Reference = reach.Printable(r.ReferenceString())
	o.Leap = "none"
	switch r.Leap {
	case ntp.LeapAddSecond:
		o.Leap = "insert"
	case ntp.LeapDelSecond:
		o.Leap = "delete"
	case ntp.LeapNoWarning, ntp.LeapNotInSync:
	}
}
