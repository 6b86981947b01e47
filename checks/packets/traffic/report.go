package traffic

import (
	"slices"
	"time"
)

// TCP is what the headers of TCP say.
type TCP struct {
	// Segments are all packets of it.
	Segments int64 `json:"segments" expr:"segments"`
	// DataSegments are those that can be sent again: with data, SYN or FIN.
	DataSegments int64 `json:"data_segments" expr:"data_segments"`
	// Connections are how many were seen, whole or in part.
	Connections int64 `json:"connections" expr:"connections"`
	// SYNs are segments that ask for a connection, each time that they are sent.
	SYNs int64 `json:"syns" expr:"syns"`
	// SYNACKs are segments that grant one.
	SYNACKs int64 `json:"syn_acks" expr:"syn_acks"`
	// Handshakes are connections whose whole handshake was seen.
	Handshakes int64 `json:"handshakes" expr:"handshakes"`
	// Refused are connections whose SYN was answered by a reset.
	Refused int64 `json:"refused" expr:"refused"`
	// Unanswered are connections to whose SYN nothing came back over TCP. An error of
	// ICMP may have: icmp.errors.
	Unanswered int64 `json:"unanswered" expr:"unanswered"`
	// UnansweredLate are those of them whose SYN was sent in the last second: their
	// answer may still be on its way.
	UnansweredLate int64 `json:"unanswered_late" expr:"unanswered_late"`
	// Resets are segments with RST. Many programs end a connection by one that has
	// said all: aborted_by_server and aborted_by_client count those that had not.
	Resets int64 `json:"resets" expr:"resets"`
	// AbortedByServer are connections that the server, or a device in its name, reset
	// while they were open: before the client ended them, or while it waited.
	AbortedByServer int64 `json:"aborted_by_server" expr:"aborted_by_server"`
	// AbortedByClient are connections that the client, or a device in its name, reset
	// while they were open: before the server ended them.
	AbortedByClient int64 `json:"aborted_by_client" expr:"aborted_by_client"`
	// Retransmitted are segments that were sent before: as they were lost, or their
	// acknowledgement was, or took too long.
	Retransmitted int64 `json:"retransmitted" expr:"retransmitted"`
	// RetransmittedPercent is the share of data_segments that were sent again. Unread
	// without any.
	RetransmittedPercent float64 `json:"retransmitted_percent" expr:"retransmitted_percent"`
	// FastRetransmitted are those of them that answer duplicate ACKs.
	FastRetransmitted int64 `json:"fast_retransmitted" expr:"fast_retransmitted"`
	// SpuriousRetransmitted are those of them whose data was acknowledged already.
	SpuriousRetransmitted int64 `json:"spurious_retransmitted" expr:"spurious_retransmitted"`
	// OutOfOrder are segments that came late, and were not sent twice.
	OutOfOrder int64 `json:"out_of_order" expr:"out_of_order"`
	// DuplicateACKs are segments that acknowledge the same again: after it something
	// is missing.
	DuplicateACKs int64 `json:"duplicate_acks" expr:"duplicate_acks"`
	// ZeroWindows are segments in which a side says that it takes no more: its program
	// does not read.
	ZeroWindows int64 `json:"zero_windows" expr:"zero_windows"`
	// WindowFull are segments that fill the window of the other side.
	WindowFull int64 `json:"window_full" expr:"window_full"`
	// KeepAlives are segments that ask whether the other side is still there.
	KeepAlives int64 `json:"keep_alives" expr:"keep_alives"`
	// LostSegments are segments before which some are missing: they were lost before
	// the capture, or by it.
	LostSegments int64 `json:"lost_segments" expr:"lost_segments"`
	// ReusedPorts are connections that begin anew between the same ports.
	ReusedPorts int64 `json:"reused_ports" expr:"reused_ports"`
	// BlackHoled are connections in which large segments, of at least 1000 bytes, were
	// sent again three times or more and never acknowledged, or only in smaller parts,
	// though their receiver was there: as when a link on the way takes only small
	// packets and nobody says so. It sends something in the meantime, on this
	// connection or another: a receiver that is silent may have died, and is not in it.
	// In it are those too in which a large one never came this far and a small one
	// behind it did, when the sender was heard two seconds later.
	BlackHoled int64 `json:"black_holed" expr:"black_holed"`
	// ToServers is what happened to the segments to servers. What retransmitted and
	// out_of_order tell by the time alone, as Wireshark does, is told here by what was
	// captured before.
	ToServers Way `json:"to_servers" expr:"to_servers"`
	// ToClients is what happened to the segments to clients.
	ToClients Way `json:"to_clients" expr:"to_clients"`
	// Handshake is the time from the SYN, the last one, to the ACK that ends the
	// handshake. What was lost before that SYN is in retransmitted.
	Handshake Latency `json:"handshake" expr:"handshake"`
	// HandshakeToServer is the part of it from the SYN to the SYN-ACK: the way from
	// where the packets were captured to the server and back.
	HandshakeToServer Latency `json:"handshake_to_server" expr:"handshake_to_server"`
	// HandshakeToClient is the part from the SYN-ACK to the ACK: the way to the client
	// and back.
	HandshakeToClient Latency `json:"handshake_to_client" expr:"handshake_to_client"`
	// Response is the time from the last segment of a request to the first of its
	// response.
	Response Latency `json:"response" expr:"response"`
	// Wait is what the time of requests was spent on.
	Wait Wait `json:"wait" expr:"wait"`
	// NotFollowed are segments of connections beyond the 65536 that are followed: they
	// are in no count but segments.
	NotFollowed int64 `json:"not_followed" expr:"not_followed"`
}

// Reference are counts of connections that tshark can be made to print, where ours
// say something else: docs/packet-counts.md has the reasons.
type Reference struct {
	// Handshakes are those that were complete before the last segment.
	Handshakes int64
	// Refused are those with a SYN, no SYN-ACK and a reset by whichever side, and
	// Unanswered those with a SYN alone.
	Refused, Unanswered int64
}

// Report is what an analysis found.
type Report struct {
	Packets, Bytes int64
	// Shortened are packets that were not captured whole, Undecoded those of links that
	// are not known, and Fragments those of IP packets that never were complete.
	Shortened, Undecoded, Fragments int64
	// Elsewhere are packets of what was seen on another interface first.
	Elsewhere   int64
	First, Last time.Time
	// UDP are its datagrams.
	UDP      int64
	TCP      TCP
	DNS      DNS
	TLS      TLS
	HTTP     HTTP
	ICMP     ICMP
	ARP      ARP
	Servers  []Server
	Flows    []Flow
	Talkers  []Talker
	Rate     []Interval
	Findings []Finding
	// Dropped tells what was not kept as there was too much, such as "flows"; by how
	// many.
	Dropped map[string]int64
	// LookupsDue are the queries to DNS servers that dns.unanswered_percent is of.
	LookupsDue int64
	// MedianHandshake is exact, in nanoseconds: the lower one of two. It is 0 without
	// any.
	MedianHandshake int64
	// Reference are counts as tests compare them with tshark's.
	Reference Reference
}

// Finish ends the analysis and tells what it found. Nothing can be taken after it.
func (a *Analysis) Finish() *Report {
	a.finish()
	c := &a.counts
	o := &Report{
		Packets: a.frames, Bytes: a.bytes, Shortened: a.shortened, Undecoded: a.unknownLinks, Fragments: a.fragments, Elsewhere: a.elsewhere,
		First: time.Unix(0, a.first).UTC(), Last: time.Unix(0, a.last).UTC(), UDP: a.udp,
		DNS: a.lookups.report(), TLS: a.tls.report(), HTTP: a.http.report(), ICMP: a.icmps.report(), ARP: a.reportARP(),
		Servers: a.reportServers(), Flows: a.reportFlows(), Talkers: a.reportTalkers(), Rate: a.rate.report(a.last), Findings: a.findings.list(a.first),
		Reference: a.reference, LookupsDue: a.lookups.all.queries - a.lookups.all.late,
		Dropped: map[string]int64{},
	}
	if n := len(a.rtts); n > 0 {
		slices.Sort(a.rtts)
		o.MedianHandshake = a.rtts[(n+1)/2-1]
	}
	o.TCP = TCP{
		Segments: a.segments + a.unfollowed, DataSegments: a.sequenced, Connections: a.streams, SYNs: a.syn, SYNACKs: a.synACK, Handshakes: a.handshakes,
		Refused: a.refused, Unanswered: a.unanswered, UnansweredLate: a.unansweredLate, Resets: a.resets,
		AbortedByServer: a.abortedByServer, AbortedByClient: a.abortedByClient,
		Retransmitted: int64(c.retransmitted), RetransmittedPercent: percent(int64(c.retransmitted), a.sequenced),
		FastRetransmitted: int64(c.fast), SpuriousRetransmitted: int64(c.spurious), OutOfOrder: int64(c.outOfOrder), DuplicateACKs: int64(c.duplicateACK),
		ZeroWindows: int64(c.zeroWindow), WindowFull: int64(c.windowFull), KeepAlives: int64(c.keepAlive), LostSegments: int64(c.lost),
		ReusedPorts: int64(c.reused), BlackHoled: a.holes,
		Handshake: a.handshakeTime.latency(), HandshakeToServer: a.toServer.latency(), HandshakeToClient: a.toClient.latency(),
		ToServers: a.ways[0].report(), ToClients: a.ways[1].report(),
		Response: a.responses.latency(), Wait: a.waits.report(), NotFollowed: a.unfollowed,
	}
	for what, n := range map[string]int64{
		"connections": a.unfollowed, "streams": int64(a.streamsClosed), "servers": a.serversDropped, "conversations": a.conversationsDropped,
		"talkers": a.talkersDropped, "findings": a.findings.dropped, "lookups": int64(a.lookups.forgotten), "black_holes": a.stuckDropped,
		"lookup_servers": a.lookups.serversDropped, "lookup_names": a.lookups.namesDropped, "server_names": a.tls.namesDropped,
		"tls_alerts": a.tls.alertsDropped, "certificates": a.tls.certificatesDropped, "http_kinds": a.http.dropped, "icmp_errors": a.icmps.dropped,
		"addresses": a.addresses.dropped, "quic": a.quicsDropped, "fragments": a.decoder.fragments.dropped, "open_messages": a.keptDropped,
		"gaps": a.gaps.forgotten,
	} {
		if n > 0 {
			o.Dropped[what] = n
		}
	}
	return o
}
