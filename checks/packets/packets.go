// Package packets makes the checks that read captured packets: those of a file,
// and those that pass an interface now.
package packets

import (
	"fmt"
	"strings"
	"time"

	"gumshoe/checks/packets/traffic"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Traffic is what packets.file and packets.capture observe.
type Traffic struct {
	// Packets are those that match the filter.
	Packets int64 `json:"packets" expr:"packets"`
	// Bytes are how many these had on the wire.
	Bytes int64 `json:"bytes" expr:"bytes"`
	// Seen are all packets that were read.
	Seen int64 `json:"seen" expr:"seen"`
	// Lost are packets that the capturing machine has lost while it captured. Unread
	// when a file does not say. With any, what is missing in the packets may not be
	// missing on the wire: tcp.retransmitted_percent, tcp.lost_segments and all that
	// is unanswered are unread.
	Lost int64 `json:"lost" expr:"lost"`
	// Shortened are packets of which only the beginning was captured. What stands
	// further behind, such as HTTP, is then not seen.
	Shortened int64 `json:"shortened" expr:"shortened"`
	// Undecoded are packets of links that are not known here.
	Undecoded int64 `json:"undecoded" expr:"undecoded"`
	// Fragments are parts of IP packets that never were complete.
	Fragments int64 `json:"fragments" expr:"fragments"`
	// Elsewhere are packets that are counted in tcp, udp and what is made of them on
	// another interface, where they were seen first. In a file all are counted.
	Elsewhere int64 `json:"elsewhere" expr:"elsewhere"`
	// Asked is how often ask's traffic was begun; 0 for a file.
	Asked int64 `json:"asked" expr:"asked"`
	// Answered is how often the program here that asked got an answer, a refusal too.
	// What the packets show besides was dropped on its way to it.
	Answered int64 `json:"answered" expr:"answered"`
	// Complete tells whether all packets were read. It is false for a file that is
	// damaged, cut off or still being written, and for a capture that reached its
	// limits before its window ended.
	Complete bool `json:"complete" expr:"complete"`
	// Incomplete says why, or is "".
	Incomplete string `json:"incomplete" expr:"incomplete"`
	// Source is the file, or the interface.
	Source string `json:"source" expr:"source"`
	// Format is how the packets were written: that of the file, or live.
	Format string `json:"format" expr:"format"`
	// Links are where they were captured.
	Links []Link `json:"links" expr:"links"`
	// From is the time of the first packet, and To that of the last. Both are unread
	// without packets, as are seconds and bits_per_second.
	From time.Time `json:"from" expr:"from"`
	// To is the time of the last packet.
	To time.Time `json:"to" expr:"to"`
	// Seconds is the time from the first to the last.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// BitsPerSecond is the mean rate over that time.
	BitsPerSecond float64 `json:"bits_per_second" expr:"bits_per_second"`

	// TCP is what the headers of TCP say.
	TCP traffic.TCP `json:"tcp" expr:"tcp"`
	// UDP are the datagrams.
	UDP int64 `json:"udp" expr:"udp"`
	// DNS is what is said of name lookups.
	DNS traffic.DNS `json:"dns" expr:"dns"`
	// TLS is what is said before all is encrypted.
	TLS traffic.TLS `json:"tls" expr:"tls"`
	// HTTP is what is said in HTTP/1 that is not encrypted.
	HTTP traffic.HTTP `json:"http" expr:"http"`
	// ICMP is what was said by ICMP.
	ICMP traffic.ICMP `json:"icmp" expr:"icmp"`
	// ARP is what was said by ARP.
	ARP traffic.ARP `json:"arp" expr:"arp"`

	// Servers are the TCP servers, those with which most is wrong first; at most 20.
	Servers []traffic.Server `json:"servers" expr:"servers"`
	// Flows are the largest flows of TCP and UDP; at most 20.
	Flows []traffic.Flow `json:"flows" expr:"flows"`
	// Talkers are the addresses that sent and were sent most; at most 20.
	Talkers []traffic.Talker `json:"talkers" expr:"talkers"`
	// Rate is what came when, in at most 60 equal parts of the time.
	Rate []traffic.Interval `json:"rate" expr:"rate"`
	// Findings are what an engineer would point at, with the packets that show it; at
	// most 50.
	Findings []traffic.Finding `json:"findings" expr:"findings"`
	// NotKept tells what was counted no further as there was too much of it, such as
	// flows, and how many were left out.
	NotKept map[string]int64 `json:"not_kept" expr:"not_kept"`
}

// Link is an interface that packets were captured on.
type Link struct {
	// Name is that of the interface; "" when a file does not say.
	Name string `json:"name" expr:"name"`
	// Type is the kind of link, such as Ethernet.
	Type string `json:"type" expr:"type"`
	// Packets are those that were read from it.
	Packets int64 `json:"packets" expr:"packets"`
}

// fill takes what the analysis found, and tells what it cannot say.
func (o *Traffic) fill(call *engine.Call, r *traffic.Report) {
	o.Packets, o.Bytes, o.Shortened, o.Undecoded, o.Fragments = r.Packets, r.Bytes, r.Shortened, r.Undecoded, r.Fragments
	o.Elsewhere = r.Elsewhere
	o.TCP, o.UDP, o.DNS, o.TLS, o.HTTP, o.ICMP, o.ARP = r.TCP, r.UDP, r.DNS, r.TLS, r.HTTP, r.ICMP, r.ARP
	o.Servers, o.Flows, o.Talkers, o.Rate, o.NotKept = r.Servers, r.Flows, r.Talkers, r.Rate, r.Dropped
	o.Findings = r.Findings
	if o.Packets == 0 {
		o.Rate = []traffic.Interval{}
		for _, field := range []string{"from", "to", "seconds", "bits_per_second"} {
			call.NotAsked(field, "there are no packets", "")
		}
	} else {
		o.From, o.To = r.First, r.Last
		if o.Seconds = r.Last.Sub(r.First).Seconds(); o.Seconds > 0 {
			o.BitsPerSecond = float64(o.Bytes) * 8 / o.Seconds
		} else {
			call.NotAsked("bits_per_second", "all packets have the same time", "")
		}
	}
	if r.LookupsDue == 0 {
		call.NotAsked("dns.unanswered_percent", "there is no query to a DNS server that could have been answered", "")
	}
	o.lackAll(call)
}

// lackAll names the fields that have no value as nothing of theirs was seen.
func (o *Traffic) lackAll(call *engine.Call) {
	if o.TCP.DataSegments == 0 {
		call.NotAsked("tcp.retransmitted_percent", "there is no TCP segment that could be sent again", "")
	}
	o.lackWays(call)
	o.lackLatencies(call)
	for i, s := range o.Servers {
		if s.DataSegments == 0 {
			call.NotAsked(fmt.Sprintf("servers[%d].retransmitted_percent", i), "there is no segment that could be sent again", "")
		}
	}
	if o.Lost > 0 {
		for _, field := range o.lossy() {
			call.Unread(field, fmt.Sprintf("the capture has lost %d packets", o.Lost), "capture less: a narrower filter, or a shorter snap length")
		}
	}
	o.excerpt(call)
}

// lackWays names the directions in which nothing was sent that can be lost.
func (o *Traffic) lackWays(call *engine.Call) {
	lack := func(w traffic.Way, format string, args ...any) {
		if w.DataSegments == 0 {
			call.NotAsked(fmt.Sprintf(format, args...)+".lost_percent", "there is no segment that could be sent again", "")
		}
	}
	lack(o.TCP.ToServers, "tcp.to_servers")
	lack(o.TCP.ToClients, "tcp.to_clients")
	for i, s := range o.Servers {
		lack(s.ToServer, "servers[%d].to_server", i)
		lack(s.FromServer, "servers[%d].from_server", i)
	}
}

// lackLatencies names those of which there is none.
func (o *Traffic) lackLatencies(call *engine.Call) {
	lack := func(l traffic.Latency, format string, args ...any) {
		if l.Count > 0 {
			return
		}
		for _, field := range []string{"p50_seconds", "p95_seconds", "max_seconds"} {
			call.NotAsked(fmt.Sprintf(format, args...)+"."+field, "there is none", "")
		}
	}
	lack(o.TCP.Handshake, "tcp.handshake")
	lack(o.TCP.HandshakeToServer, "tcp.handshake_to_server")
	lack(o.TCP.HandshakeToClient, "tcp.handshake_to_client")
	lack(o.TCP.Response, "tcp.response")
	lack(o.DNS.Latency, "dns.latency")
	lack(o.HTTP.Latency, "http.latency")
	for i, s := range o.Servers {
		lack(s.Handshake, "servers[%d].handshake", i)
		lack(s.Response, "servers[%d].response", i)
	}
	for i, s := range o.DNS.Servers {
		lack(s.Latency, "dns.servers[%d].latency", i)
	}
	for i, n := range o.DNS.Names {
		lack(n.Latency, "dns.names[%d].latency", i)
	}
}

// lossy are the fields that say something of packets that are not there.
func (o *Traffic) lossy() []string {
	fields := []string{
		"tcp.retransmitted_percent", "tcp.to_servers", "tcp.to_clients", "tcp.lost_segments", "tcp.unanswered", "tcp.unanswered_late", "tcp.black_holed",
		"dns.unanswered", "dns.unanswered_percent", "tls.unanswered", "http.unanswered",
	}
	for i := range o.Servers {
		for _, field := range []string{"retransmitted_percent", "to_server", "from_server", "unanswered", "black_holed"} {
			fields = append(fields, fmt.Sprintf("servers[%d].%s", i, field))
		}
	}
	for i := range o.DNS.Servers {
		fields = append(fields, fmt.Sprintf("dns.servers[%d].unanswered", i))
	}
	for i := range o.DNS.Names {
		fields = append(fields, fmt.Sprintf("dns.names[%d].unanswered", i))
	}
	return fields
}

// excerpt shows the findings as a person would note them.
func (o *Traffic) excerpt(call *engine.Call) {
	var b strings.Builder
	for _, f := range o.Findings[:min(len(o.Findings), 10)] {
		fmt.Fprintf(&b, "%s: %s (%d packets, from %.3f s; %s)\n", f.About, f.Text, f.Count, f.FirstSeconds, f.DisplayFilter)
	}
	if b.Len() > 0 {
		call.Excerpt("findings, with display filters for Wireshark", b.String())
	}
}

// summarize reads out what stands out.
func summarize(o Traffic) string {
	text := fmt.Sprintf("%d packets", o.Packets)
	if o.Seconds > 0 {
		text += fmt.Sprintf(" in %s", span(o.Seconds))
	}
	var parts []string
	for _, part := range []struct {
		n    int64
		text string
	}{
		{o.Lost, "lost by the capture"},
		{o.TCP.BlackHoled, "connections in a black hole"},
		{o.TCP.Refused, "refused"},
		{o.TCP.Unanswered, "SYNs unanswered"},
		{o.TCP.Retransmitted, "retransmitted"},
		{o.TCP.AbortedByServer + o.TCP.AbortedByClient, "reset"},
		{o.DNS.Errors, "DNS errors"},
		{o.TLS.Failures, "TLS failures"},
		{o.HTTP.ServerErrors, "HTTP 5xx"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.text))
		}
	}
	if len(parts) == 0 {
		return text
	}
	return reach.Clip(text+": "+strings.Join(parts, ", "), 100)
}

func span(seconds float64) string {
	switch {
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	case seconds < 120:
		return fmt.Sprintf("%.1f s", seconds)
	}
	return fmt.Sprintf("%.0f min", seconds/60)
}
