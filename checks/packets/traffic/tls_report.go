package traffic

import (
	"cmp"
	"crypto/x509"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is kept of TLS.
const (
	maxCertificates = 256
	maxAlerts       = 256
	maxVersions     = 20
	longestText     = 120
)

// tlsCounts are numbers of frames, and what was said in them.
type tlsCounts struct {
	clientHello, serverHello, serverName, alerts     int
	unanswered                                       int64 // connections with a ClientHello and no more
	failures                                         int64
	namesDropped, alertsDropped, certificatesDropped int64
	versions                                         map[uint16]int64
	names                                            map[string]int64
	told                                             map[alert]int64
	certificates                                     map[uint64]*certificate
	seed                                             maphash.Seed
}

// certificate is one that a server has shown.
type certificate struct {
	server           endpoint
	subject, issuer  string
	names            []string
	notBefore, until time.Time
	at               int64 // when it was shown last
}

// serverVersion is that which a ServerHello chooses (RFC 8446, section 4.2.1).
func serverVersion(hello []byte) uint16 {
	if len(hello) < 35 {
		return 0
	}
	version := binary.BigEndian.Uint16(hello)
	rest := hello[34:]
	if len(rest) < 1+int(rest[0])+5 {
		return version
	}
	rest = rest[1+int(rest[0])+3+2:] // session, cipher, compression, length of the extensions
	for len(rest) >= 4 {
		kind, length := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if length > len(rest)-4 {
			break
		}
		if kind == extensionVersions && length == 2 {
			return binary.BigEndian.Uint16(rest[4:])
		}
		rest = rest[4+length:]
	}
	return version
}

func versionName(version uint16) string {
	switch version {
	case 0x0300:
		return "SSL 3.0"
	case 0x0301, 0x0302, 0x0303, 0x0304:
		return "TLS 1." + strconv.Itoa(int(version-0x0301))
	}
	return "0x" + strconv.FormatUint(uint64(version), 16)
}

// readCertificate takes the first certificate of a chain (RFC 5246, section
// 7.4.2), when all of it was captured.
func (a *Analysis) readCertificate(body []byte) {
	if len(body) < 6 || !a.frame.byServer { // a client may show one too
		return
	}
	length := int(body[3])<<16 | int(body[4])<<8 | int(body[5])
	if length == 0 || length > len(body)-6 {
		return
	}
	raw := body[6 : 6+length]
	if a.tls.certificates == nil {
		a.tls.certificates, a.tls.seed = map[uint64]*certificate{}, maphash.MakeSeed()
	}
	server := a.frame.server
	k := maphash.Bytes(a.tls.seed, raw) ^ maphash.Comparable(a.tls.seed, server)
	c := a.tls.certificates[k]
	if c == nil {
		if len(a.tls.certificates) >= maxCertificates {
			a.tls.certificatesDropped++
			return
		}
		c = &certificate{server: server}
		if parsed, err := x509.ParseCertificate(raw); err == nil {
			c.subject, c.issuer = printable(parsed.Subject.String()), printable(parsed.Issuer.String())
			c.notBefore, c.until = parsed.NotBefore, parsed.NotAfter
			for _, name := range parsed.DNSNames[:min(len(parsed.DNSNames), shown)] {
				c.names = append(c.names, printable(name))
			}
		}
		a.tls.certificates[k] = c
	}
	c.at = a.frame.time
	if !c.until.IsZero() && c.until.UnixNano() < a.frame.time {
		a.note(subject{kind: KindCertificate, to: server}, "shows a certificate that expired on "+c.until.UTC().Format(time.DateOnly)+": "+c.subject)
	}
}

// printable makes a text of others fit to be shown.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) <= longestText {
		return text
	}
	cut := longestText
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// TLS is what is said before all is encrypted, over TCP and QUIC.
type TLS struct {
	// ClientHellos are packets in which a client begins.
	ClientHellos int64 `json:"client_hellos" expr:"client_hellos"`
	// ServerHellos are packets in which a server goes on.
	ServerHellos int64 `json:"server_hellos" expr:"server_hellos"`
	// ServerNames are ClientHellos that say which name they want (SNI).
	ServerNames int64 `json:"server_names" expr:"server_names"`
	// Unanswered are TCP connections with a ClientHello to which the server sent
	// nothing, but for those of the last second.
	Unanswered int64 `json:"unanswered" expr:"unanswered"`
	// Alerts are packets with an alert: the reason why somebody gives up or, at the
	// end, that all was said.
	Alerts int64 `json:"alerts" expr:"alerts"`
	// Failures are alerts with a reason that can be read: those before the encryption.
	// From TLS 1.3 on, a client's are encrypted. Warnings that end nothing are not in it.
	Failures int64 `json:"failures" expr:"failures"`
	// ExpiredCertificates are certificates that were out of date when a server showed
	// them. From TLS 1.3 on they are encrypted and not seen.
	ExpiredCertificates int64 `json:"expired_certificates" expr:"expired_certificates"`
	// Versions are those that servers chose, by name, such as "TLS 1.3".
	Versions map[string]int64 `json:"versions" expr:"versions"`
	// Names are the server names that were asked for, and how often; at most 20.
	Names map[string]int64 `json:"names" expr:"names"`
	// Reasons are the alerts that can be read, most first; at most 20.
	Reasons []TLSAlert `json:"reasons" expr:"reasons"`
	// Certificates are those that servers showed, the first to expire first; at most
	// 20.
	Certificates []Certificate `json:"certificates" expr:"certificates"`
}

// TLSAlert is an alert that can be read.
type TLSAlert struct {
	// Reason is its description in RFC 8446, such as unknown_ca.
	Reason string `json:"reason" expr:"reason"`
	// By is who sent it.
	By string `json:"by" expr:"by" enum:"client,server"`
	// Fatal tells whether it ends the connection.
	Fatal bool `json:"fatal" expr:"fatal"`
	// Server is the server's address and port.
	Server string `json:"server" expr:"server"`
	// Count is how often it was sent.
	Count int64 `json:"count" expr:"count"`
}

// Certificate is one that a server showed.
type Certificate struct {
	// Server is its address and port.
	Server string `json:"server" expr:"server"`
	// Subject is whose it is.
	Subject string `json:"subject" expr:"subject"`
	// Issuer is who vouches for it.
	Issuer string `json:"issuer" expr:"issuer"`
	// Names are those that it holds for; at most 20.
	Names []string `json:"names" expr:"names"`
	// NotBefore is when it begins to hold.
	NotBefore time.Time `json:"not_before" expr:"not_before"`
	// NotAfter is when it ends.
	NotAfter time.Time `json:"not_after" expr:"not_after"`
	// LeftSeconds is the time from when it was last shown to its end; below 0 when it
	// had expired.
	LeftSeconds float64 `json:"left_seconds" expr:"left_seconds"`
}

func (c *tlsCounts) report() TLS {
	o := TLS{
		ClientHellos: int64(c.clientHello), ServerHellos: int64(c.serverHello), ServerNames: int64(c.serverName),
		Unanswered: c.unanswered, Alerts: int64(c.alerts), Failures: c.failures,
		Versions: map[string]int64{}, Names: map[string]int64{}, Reasons: []TLSAlert{}, Certificates: []Certificate{},
	}
	for version, n := range c.versions {
		o.Versions[versionName(version)] += n
	}
	for _, name := range most(c.names) {
		o.Names[name] = c.names[name]
	}
	for w, n := range c.told {
		o.Reasons = append(o.Reasons, TLSAlert{alertName(w.description), w.side(), w.level == 2, w.server.String(), n})
	}
	slices.SortFunc(o.Reasons, func(a, b TLSAlert) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.By, b.By), compareBools(a.Fatal, b.Fatal))
	})
	o.Reasons = o.Reasons[:min(len(o.Reasons), shown)]
	for _, shown := range c.certificates {
		if shown.until.IsZero() {
			continue // it cannot be read
		}
		left := shown.until.Sub(time.Unix(0, shown.at)).Seconds()
		if left < 0 {
			o.ExpiredCertificates++
		}
		o.Certificates = append(o.Certificates, Certificate{
			shown.server.String(), shown.subject, shown.issuer, append([]string{}, shown.names...), shown.notBefore.UTC(), shown.until.UTC(), left,
		})
	}
	slices.SortFunc(o.Certificates, func(a, b Certificate) int {
		return cmp.Or(cmp.Compare(a.LeftSeconds, b.LeftSeconds), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Issuer, b.Issuer), a.NotBefore.Compare(b.NotBefore), slices.Compare(a.Names, b.Names))
	})
	o.Certificates = o.Certificates[:min(len(o.Certificates), shown)]
	return o
}

// most are the keys with the highest counts.
func most(counts map[string]int64) []string {
	keys := slices.Collect(maps.Keys(counts))
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	return keys[:min(len(keys), shown)]
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// count adds one to what is counted by a key, unless there are too many keys: then
// it gives 1, as that was dropped.
func count[K comparable](counts *map[K]int64, k K, most int) (dropped int64) { //nolint:gocritic // it makes the map
	if *counts == nil {
		*counts = map[K]int64{}
	}
	if _, known := (*counts)[k]; !known && len(*counts) >= most {
		return 1
	}
	(*counts)[k]++
	return 0
}
