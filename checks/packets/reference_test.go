package packets

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/packets/traffic"
)

// columns are those of a REFERENCE.tsv, which tshark 4.0.17 made, and what we have
// for them. docs/packet-counts.md says what a column is, and where we differ.
func columns(o *Traffic, r *traffic.Report) map[string]any {
	rtt := "-"
	if r.MedianHandshake > 0 {
		rtt = fmt.Sprintf("%.3f", float64(r.MedianHandshake)/1e6)
	}
	return map[string]any{
		"packets":                             o.Seen,
		"retr(tcp.analysis.retransmission)":   r.TCP.Retransmitted,
		"fast":                                r.TCP.FastRetransmitted,
		"spurious":                            r.TCP.SpuriousRetransmitted,
		"ooo":                                 r.TCP.OutOfOrder,
		"dupack":                              r.TCP.DuplicateACKs,
		"zerowin":                             r.TCP.ZeroWindows,
		"keepalive":                           r.TCP.KeepAlives,
		"lostseg":                             r.TCP.LostSegments,
		"reused":                              r.TCP.ReusedPorts,
		"rst(frames)":                         r.TCP.Resets,
		"refused(RST answering SYN; streams)": r.Reference.Refused,
		"syn":                                 r.TCP.SYNs,
		"synack":                              r.TCP.SYNACKs,
		"handshakes(streams with completeness&7==7)": r.Reference.Handshakes,
		"syn_noanswer(streams)":                      r.Reference.Unanswered,
		"irtt_ms_median":                             rtt,
		"udp":                                        r.UDP,
		"tcp_streams":                                r.TCP.Connections,
		"icmp_unreach(v4 t3+v6 t1)":                  r.ICMP.Unreachable,
		"frag_needed(v4 3/4+v6 t2)":                  r.ICMP.FragmentationNeeded,
		"arp_dup":                                    r.ARP.Conflicts,
		"tls_client_hello":                           r.TLS.ClientHellos,
		"tls_sni":                                    r.TLS.ServerNames,
		"tls_server_hello":                           r.TLS.ServerHellos,
		"tls_alert":                                  r.TLS.Alerts,
		"http_req":                                   r.HTTP.Requests,
		"http_resp":                                  r.HTTP.Responses,
		"http_4xx5xx":                                r.HTTP.Errors,
		"dns_q":                                      r.DNS.Queries,
		"dns_r":                                      r.DNS.Responses,
		"dns_rcode!=0":                               r.DNS.Errors,
		"dns_noanswer":                               r.DNS.Unanswered,
	}
}

// captures is the folder of captures with a REFERENCE.tsv, and its lines.
func captures(t testing.TB) (folder string, header []string, lines [][]string) {
	t.Helper()
	folder = cmp.Or(os.Getenv("GUMSHOE_CAPTURES"), filepath.Join(os.Getenv("GUMSHOE_FIXTURES"), "captures"))
	text, err := os.ReadFile(filepath.Join(folder, "REFERENCE.tsv"))
	if err != nil {
		if os.Getenv("GUMSHOE_CAPTURES")+os.Getenv("GUMSHOE_FIXTURES") != "" {
			t.Fatal(err)
		}
		t.Skip("GUMSHOE_CAPTURES or GUMSHOE_FIXTURES has to name the captures")
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Split(line, "\t")
		if i == 0 {
			header = fields
			continue
		}
		lines = append(lines, fields)
	}
	if len(lines) == 0 {
		t.Fatal("REFERENCE.tsv names no capture")
	}
	return folder, header, lines
}

// TestReferenceCounts holds what we count in captures against what tshark does. It
// prints a table of what differs.
func TestReferenceCounts(t *testing.T) {
	folder, header, lines := captures(t)
	var table strings.Builder
	equal, compared := 0, 0
	for _, want := range lines {
		var o Traffic
		report := analyse(t, filepath.Join(folder, want[0]), &o)
		have := columns(&o, report)
		same := true
		for i, name := range header[:min(len(header), len(want))] {
			got, known := have[name]
			if !known {
				continue
			}
			compared++
			if fmt.Sprint(got) != want[i] {
				same = false
				fmt.Fprintf(&table, "%-50s %-45s %12v %12s\n", want[0], name, got, want[i])
			}
		}
		if same {
			equal++
		}
	}
	t.Logf("%d of %d captures are equal to tshark's counts in every column (%d counts)", equal, len(lines), compared)
	if table.Len() > 0 {
		t.Errorf("what differs:\n%-50s %-45s %12s %12s\n%s", "capture", "column", "gumshoe", "tshark", table.String())
	}
	if compared < len(lines)*20 {
		t.Errorf("only %d counts of %d captures were compared: has the header of REFERENCE.tsv other names?", compared, len(lines))
	}
}

// analyse reads a whole capture.
func analyse(t testing.TB, path string, o *Traffic) *traffic.Report {
	t.Helper()
	r, err := capturefile.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wanted, err := selectBy(context.Background(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	report, err := readAll(t.Context(), r, wanted, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
