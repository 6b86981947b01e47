package packets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/bpf"

	"gumshoe/checks/packetfilter"
	"gumshoe/engine"
)

// selection is which packets are wanted: a filter, or a program, and what host and
// port add to it.
type selection struct {
	text    string // "" for a program, and for all packets
	filter  *packetfilter.Filter
	program []bpf.RawInstruction
}

// selectBy joins a filter, which verifyFilter has seen, with a host and a port.
func selectBy(ctx context.Context, filter, host string, port int) (s selection, _ error) {
	if packetfilter.IsProgram(filter) {
		if host != "" || port != 0 {
			return s, engine.Blind("filter: a program of tcpdump -ddd cannot be joined with host and port", "leave host and port out, or give the filter as text", nil)
		}
		program, err := packetfilter.ParseProgram(filter)
		if err != nil {
			return s, wrongFilter(err)
		}
		return selection{program: program}, nil
	}
	text, err := narrow(ctx, filter, host, port)
	if err != nil {
		return s, err
	}
	parsed, err := packetfilter.Parse(text)
	if err != nil {
		return s, wrongFilter(err)
	}
	return selection{text: text, filter: parsed}, nil
}

// wrongFilter is the error for a filter that cannot be used.
func wrongFilter(err error) error {
	return engine.Blind("filter: "+err.Error(), "see docs/packet-filters.md for what a filter can say", nil)
}

// verifyFilter says what is wrong with a filter, and where.
func verifyFilter(filter string) error {
	if packetfilter.IsProgram(filter) {
		_, err := packetfilter.ParseProgram(filter)
		return err
	}
	_, err := packetfilter.Parse(filter)
	return err
}

// narrow adds a host and a port to a filter. They come before it: vlan and its
// like shift what stands to their right.
func narrow(ctx context.Context, filter, host string, port int) (string, error) {
	var parts []string
	if host != "" {
		addresses, err := addressesOf(ctx, host)
		if err != nil {
			return "", err
		}
		parts = append(parts, "(host "+strings.Join(addresses, " or host ")+")")
	}
	if port != 0 {
		parts = append(parts, fmt.Sprintf("port %d", port))
	}
	if strings.TrimSpace(filter) != "" {
		parts = append(parts, "("+filter+")")
	}
	return strings.Join(parts, " and "), nil
}

// addressesOf looks a name up.
func addressesOf(ctx context.Context, host string) ([]string, error) {
	if at, err := netip.ParseAddr(host); err == nil {
		return []string{at.WithZone("").Unmap().String()}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return nil, engine.Blind("host: the address of "+host+" is not known", "give the address", err)
	}
	var out []string
	for _, at := range found[:min(len(found), 16)] {
		out = append(out, at.Unmap().String())
	}
	return out, nil
}

// matcher gives what tells the packets of a link that are wanted.
func (s selection) matcher(link packetfilter.LinkType) (*packetfilter.Matcher, error) {
	if s.program != nil {
		return packetfilter.NewMatcher(s.program)
	}
	m, err := s.filter.Compile(link)
	if fault, ok := errors.AsType[*packetfilter.Error](err); ok {
		return nil, wrongFilter(fault)
	}
	if err != nil {
		return nil, engine.Blind("filter: "+err.Error(), "leave the filter out", nil)
	}
	return m, nil
}
