package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"gumshoe/checks/reach"
)

// dnsQuery is one question to one server.
type dnsQuery struct {
	allow *reach.AllowList
	// host is the server as asked for, to is its address; own tells that this host's
	// own configuration names it.
	host string
	own  bool
	to   netip.AddrPort
	// name is what is asked for, with the dot at its end.
	name string
	kind uint16
	tcp  bool
	// unchecked asks whatever DNSSEC says.
	unchecked bool
}

// control asks the list about the address that is connected to; a server of this
// host's own configuration is let through to its port, see Probes.DNS.
func (q *dnsQuery) control() func(network, address string, raw syscall.RawConn) error {
	permit := q.allow.Control(q.host)
	return func(network, address string, raw syscall.RawConn) error {
		if q.own && address == q.to.String() {
			return nil
		}
		return permit(network, address, raw)
	}
}

// dnsReply is what came of one question.
type dnsReply struct {
	outcome reach.Outcome
	// error says more, when outcome does not say it all.
	error     string
	message   *dns.Msg // nil without a response
	truncated bool
	seconds   float64
}

const (
	// udpBytes is how long an answer by UDP may be: it fits into one packet on any
	// network (DNS flag day 2020).
	udpBytes = 1232
	// maxStrays is how many datagrams that are no answer to a question are read
	// while waiting for one that is.
	maxStrays = 100
)

// askServer asks one server as often as the input says, until the end.
func (p Probes) askServer(ctx context.Context, q dnsQuery, target dnsTarget, in DNSInput, end time.Time) (askedServer, error) {
	s := newAskedServer(target.String())
	for s.Asked < in.Queries && ctx.Err() == nil {
		left := time.Until(end)
		if s.Asked > 0 && left < in.Timeout {
			break
		}
		one, stop := context.WithTimeout(ctx, min(left, in.Timeout))
		reply, err := p.askOnce(one, &q, target)
		stop()
		if q.to.IsValid() {
			s.Server, s.Address, s.Local = q.to.String(), q.to.Addr().String(), q.to.Addr().IsLoopback()
		}
		if err != nil {
			return s, err
		}
		s.add(q, reply)
		if reply.outcome == ServerNotFound {
			break
		}
	}
	return s, nil
}

func (p Probes) askOnce(ctx context.Context, q *dnsQuery, target dnsTarget) (dnsReply, error) {
	if !q.to.IsValid() {
		if addr, err := netip.ParseAddr(target.host); err == nil && q.own {
			q.to = netip.AddrPortFrom(addr.Unmap(), uint16(target.port))
			return q.timed(ctx)
		}
		deadline, _ := ctx.Deadline()
		addrs, outcome, err := p.allow.Addresses(ctx, target.host, target.port, time.Until(deadline))
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return dnsReply{outcome: ServerNotFound, error: "the name service gives no answer for the server's own name"}, nil
		case err != nil:
			return dnsReply{}, err
		case len(addrs) == 0:
			return dnsReply{outcome: ServerNotFound, error: "the server's own name: " + outcome.Words()}, nil
		}
		q.to = netip.AddrPortFrom(addrs[0].Unmap(), uint16(target.port))
	}
	return q.timed(ctx)
}

func (q *dnsQuery) timed(ctx context.Context) (dnsReply, error) {
	started := time.Now()
	reply, err := q.ask(ctx)
	if errors.Is(err, syscall.EAFNOSUPPORT) {
		return dnsReply{outcome: reach.Unreachable, error: "this host cannot speak to this kind of address"}, nil
	}
	reply.seconds = time.Since(started).Seconds()
	return reply, err
}

// ask puts the question, and again without EDNS to a server that does not know
// it (RFC 6891, 6.2.2).
func (q *dnsQuery) ask(ctx context.Context) (dnsReply, error) {
	reply, err := q.transport(ctx, true)
	if err == nil && (reply.outcome == FormatError || reply.outcome == NotImplemented) && reply.message.IsEdns0() == nil {
		return q.transport(ctx, false)
	}
	return reply, err
}

// transport asks over UDP, and over TCP what does not fit or was to be.
func (q *dnsQuery) transport(ctx context.Context, edns bool) (dnsReply, error) {
	if q.tcp {
		return q.exchange(ctx, "tcp", edns)
	}
	reply, err := q.exchange(ctx, "udp", edns)
	if err != nil || !reply.truncated {
		return reply, err
	}
	again, err := q.exchange(ctx, "tcp", edns)
	again.truncated = true
	if again.message == nil {
		again.error = strings.TrimSuffix("the answer does not fit into UDP, and this is what came of TCP: "+again.error, ": ")
	}
	return again, err
}

// exchange sends the question once and reads until the answer to it comes.
func (q *dnsQuery) exchange(ctx context.Context, network string, edns bool) (dnsReply, error) {
	question := new(dns.Msg).SetQuestion(q.name, q.kind)
	question.AuthenticatedData = true // tell us what is checked (RFC 6840, 5.7)
	question.CheckingDisabled = q.unchecked
	if edns {
		question.SetEdns0(udpBytes, false)
	}
	packed, err := question.Pack()
	if err != nil {
		return dnsReply{}, fmt.Errorf("name: %w", err)
	}
	dialer := net.Dialer{Control: q.control(), KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, network, q.to.String())
	if err != nil {
		return failedReply(ctx, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if network == "tcp" {
		packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
	}
	if _, err := conn.Write(packed); err != nil {
		return failedReply(ctx, err)
	}
	var stray error
	for range maxStrays {
		text, err := readDNS(conn, network)
		if err != nil {
			if reply, err := failedReply(ctx, err); stray == nil || err != nil || reply.outcome != reach.TimedOut {
				return reply, err
			}
			break
		}
		reply, err := readReply(question, text)
		if err == nil {
			return reply, nil
		}
		if stray = err; network == "tcp" {
			break // nobody else can have sent it
		}
	}
	return dnsReply{outcome: Invalid, error: reach.Printable(stray.Error())}, nil
}

func readDNS(conn net.Conn, network string) ([]byte, error) {
	if network == "udp" {
		text := make([]byte, dns.MaxMsgSize)
		n, err := conn.Read(text)
		return text[:n], err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	text := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, text)
	return text, err
}

// failedReply tells what the server or the network did from an error.
func failedReply(ctx context.Context, err error) (dnsReply, error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return dnsReply{}, ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return dnsReply{outcome: reach.Reset, error: "it closes the connection without an answer"}, nil
	case ctx.Err() != nil:
		return dnsReply{outcome: reach.TimedOut}, nil //nolint:nilerr // its silence is what we observe
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return dnsReply{}, err
	}
	outcome, err := reach.OutcomeOf(err)
	return dnsReply{outcome: outcome}, err
}

// readReply reads a message as the answer to a question. An error means that it
// is no answer to it: a client takes such a message for somebody else's.
func readReply(question *dns.Msg, text []byte) (dnsReply, error) {
	m := new(dns.Msg)
	err := m.Unpack(text)
	asked := question.Question[0]
	same := func(got dns.Question) bool {
		return strings.EqualFold(got.Name, asked.Name) && got.Qtype == asked.Qtype && got.Qclass == asked.Qclass
	}
	switch {
	case len(text) < 12:
		return dnsReply{}, fmt.Errorf("an answer of %d bytes", len(text))
	case m.Id != question.Id:
		return dnsReply{}, errors.New("an answer with the number of another question")
	case !m.Response:
		return dnsReply{}, errors.New("a question instead of an answer")
	case m.Truncated && len(m.Question) == 1 && same(m.Question[0]): // what is left of the rest may be cut anywhere
		return dnsReply{truncated: true, message: m, outcome: NoData}, nil
	case err != nil:
		return dnsReply{}, fmt.Errorf("an answer that cannot be read: %w", err)
	case len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError: // which servers may leave out then
	case len(m.Question) != 1 || !same(m.Question[0]):
		return dnsReply{}, errors.New("an answer to another question")
	}
	return dnsReply{outcome: dnsOutcome(m, asked), message: m}, nil
}

// dnsOutcome tells what a message says about a question.
func dnsOutcome(m *dns.Msg, asked dns.Question) reach.Outcome {
	switch m.Rcode {
	case dns.RcodeSuccess:
	case dns.RcodeNameError:
		return reach.NameNotFound
	case dns.RcodeFormatError:
		return FormatError
	case dns.RcodeNotImplemented:
		return NotImplemented
	case dns.RcodeRefused:
		return RefusedQuery
	case dns.RcodeServerFailure:
		return ServerFailure
	default:
		return OtherError
	}
	records, chain, _ := recordsOf(m, asked)
	has := func(kind uint16) bool {
		return slices.ContainsFunc(m.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == kind })
	}
	switch {
	case len(records) > 0:
		return Answered
	case has(dns.TypeSOA):
		return NoData
	case has(dns.TypeNS) && !m.Authoritative, len(chain) > 0 && !m.RecursionAvailable:
		return Referral
	}
	return NoData
}
