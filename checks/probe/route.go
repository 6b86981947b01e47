package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// RouteInput are the inputs of probe.route.
type RouteInput struct {
	// Host is where the packets go, a name or an address. Of a name the first
	// address is looked at.
	Host string `json:"host" format:"host" required:"true"`
	// IP is the version of the address: any takes the first address of a name.
	IP string `json:"ip" default:"any" enum:"any,4,6"`
	// Timeout is how long looking up the name may take.
	Timeout time.Duration `json:"timeout" default:"3s" min:"10ms" max:"30s"`
}

// The outcomes of probe.route, beside those of looking up a name.
const (
	Routed    reach.Outcome = "routed"
	NoRoute   reach.Outcome = "no_route"
	Discarded reach.Outcome = "discarded"
	Forbidden reach.Outcome = "prohibited"
)

// Route is what probe.route observes: the way that packets to a host leave this
// one, as the kernel chooses it.
type Route struct {
	// Outcome is what came of it: routed; no_route (no entry of the routing table
	// fits, or one of type unreachable does); prohibited and discarded (an entry of
	// type prohibit or blackhole, which somebody put there); name_not_found;
	// name_failed.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"routed,no_route,prohibited,discarded,name_not_found,name_failed"`
	// Host is the host as asked for.
	Host string `json:"host" expr:"host"`
	// Address is the address whose route this is; unread without one.
	Address string `json:"address" expr:"address"`
	// Local tells that the address is one of this host's own. Unread unless routed,
	// as is all that follows.
	Local bool `json:"local" expr:"local"`
	// Gateway is the router that packets are handed to; "" when the host is on one
	// of our own networks.
	Gateway string `json:"gateway" expr:"gateway"`
	// NextHop is whom packets are handed to: the gateway, or the host itself.
	NextHop string `json:"next_hop" expr:"next_hop"`
	// SourceAddress is the address from which packets go; "" when the kernel does not
	// say.
	SourceAddress string `json:"source_address" expr:"source_address"`
	// Interface is the name of the network interface by which they leave.
	Interface string `json:"interface" expr:"interface"`
	// InterfaceEnabled tells that the interface is switched on.
	InterfaceEnabled bool `json:"interface_enabled" expr:"interface_enabled"`
	// LinkUp tells that its link is up: there is something at the other end.
	LinkUp bool `json:"link_up" expr:"link_up"`
	// MTUBytes is how long a packet to there may be, as far as the kernel knows: of
	// the interface, or less when a router on the way has said so.
	MTUBytes int64 `json:"mtu_bytes" expr:"mtu_bytes"`
	// InterfaceMTUBytes is how long a packet of the interface may be.
	InterfaceMTUBytes int64 `json:"interface_mtu_bytes" expr:"interface_mtu_bytes"`
	// NeighborState is what the kernel knows of next_hop on its network: reachable
	// (it answered within the last minute or so); stale, delay and probe (it did
	// before, and is being asked again when needed); incomplete (it is being asked for
	// the first time, and has not answered yet); failed (it did not answer);
	// permanent (set by hand); none (nobody asked lately, or this network needs no
	// asking). It is a memory: nothing is sent.
	NeighborState string `json:"neighbor_state" expr:"neighbor_state" enum:"reachable,stale,delay,probe,incomplete,failed,permanent,none"`
	// NeighborMAC is the hardware address of next_hop, "" when it is not known.
	NeighborMAC string `json:"neighbor_mac" expr:"neighbor_mac"`
}

// Route is the check probe.route.
//
// It asks the kernel, over netlink, and sends nothing. What it knows of the next
// hop is worth most just after somebody tried to reach the host.
//
// Example:
//
//	route: { check: probe.route, with: { host: db.example.com } }
//
// By hand:
//
//	ip route get 10.0.0.7
//	ip neighbor show to 10.0.0.1
func (p Probes) Route() engine.Check[RouteInput, Route] {
	return engine.Check[RouteInput, Route]{
		Name:      "probe.route",
		Doc:       "By which interface and gateway this host reaches another, and whether the gateway is there.",
		Cost:      20 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      func(in RouteInput) []engine.Touch { return reach.PlanName(in.Host) },
		Run:       p.lookRoute,
		Summarize: summarizeRoute,
	}
}

func summarizeRoute(o Route) string {
	host := reach.Clip(o.Host, 60)
	if o.Outcome != Routed {
		return host + ": " + o.Outcome.Words()
	}
	text := host + " is this host"
	if !o.Local {
		text = fmt.Sprintf("%s by %s", host, o.Interface)
	}
	if o.Gateway != "" {
		text += " and " + o.Gateway
	}
	switch {
	case o.Local:
	case !o.InterfaceEnabled:
		text += ", which is switched off"
	case !o.LinkUp:
		text += ", whose link is down"
	case o.NeighborState == "failed" || o.NeighborState == "incomplete":
		text += ", which does not answer"
	}
	return text
}

func (p Probes) lookRoute(ctx context.Context, call *engine.Call, in RouteInput) (Route, error) {
	o := Route{Host: in.Host}
	if err := p.allow.PermitName(in.Host, 0); err != nil {
		return o, withoutPort(err)
	}
	addr, outcome, err := p.routed(ctx, in)
	if err != nil {
		return o, err
	}
	if !addr.IsValid() {
		o.Outcome = outcome
		reason := outcome.Words()
		call.Unread("address", "there is none: "+reason, "")
		o.unread(call, reason)
		return o, nil
	}
	o.Address = addr.String()
	call.Reproduce("ip", "route", "get", o.Address)
	n, err := openNetlink(ctx)
	if err != nil {
		return o, err
	}
	defer n.close()
	route, err := n.route(addr)
	if o.Outcome = routeOutcome(err); o.Outcome == "" {
		return o, engine.Blind("the kernel does not tell the route", "", err)
	}
	if o.Outcome != Routed {
		o.unread(call, o.Outcome.Words())
		return o, nil
	}
	err = o.fill(call, n, addr, route)
	return o, err
}

// routed finds the address to look at. Nothing is sent to it, so that only its
// name is asked of the list.
func (p Probes) routed(ctx context.Context, in RouteInput) (netip.Addr, reach.Outcome, error) {
	if addr, err := netip.ParseAddr(in.Host); err == nil {
		return addr.Unmap(), "", nil
	}
	addrs, outcome, err := p.allow.Addresses(ctx, in.Host, 0, reach.InnerTimeout(ctx, in.Timeout))
	if err != nil {
		return netip.Addr{}, "", withoutPort(err)
	}
	for _, addr := range addrs {
		if addr = addr.Unmap(); in.IP == "any" || in.IP == "4" == addr.Is4() {
			return addr, "", nil
		}
	}
	if outcome == "" {
		outcome = reach.NameNotFound
	}
	return netip.Addr{}, outcome, nil
}

func (o *Route) unread(call *engine.Call, reason string) {
	for _, field := range []string{
		"local", "gateway", "next_hop", "source_address", "interface", "interface_enabled", "link_up",
		"mtu_bytes", "interface_mtu_bytes", "neighbor_state", "neighbor_mac",
	} {
		call.Unread(field, "there is no way: "+reason, "")
	}
}

// fill tells the route, its interface and its next hop.
func (o *Route) fill(call *engine.Call, n *netlink, addr netip.Addr, r kernelRoute) error {
	o.Local, o.MTUBytes = r.local, int64(r.mtu)
	if r.source.IsValid() {
		o.SourceAddress = r.source.String()
	}
	next := addr
	if r.gateway.IsValid() {
		next, o.Gateway = r.gateway, r.gateway.String()
	}
	o.NextHop = next.String()
	link, err := n.link(r.index)
	if err != nil {
		return engine.Blind("the kernel does not tell the interface", "", err)
	}
	o.Interface, o.InterfaceEnabled, o.LinkUp = link.name, link.enabled, link.up
	o.InterfaceMTUBytes = int64(link.mtu)
	if o.MTUBytes == 0 {
		o.MTUBytes = o.InterfaceMTUBytes
	}
	o.NeighborState = "none"
	if r.local || link.noNeighbors {
		return nil
	}
	call.Reproduce("ip", "neighbor", "show", "to", o.NextHop)
	state, mac, err := n.neighbor(r.index, next)
	if err != nil {
		o.NeighborState = ""
		call.Unread("neighbor_state", "the kernel does not tell it: "+err.Error(), "")
		call.Unread("neighbor_mac", "the kernel does not tell it: "+err.Error(), "")
		return nil //nolint:nilerr // the rest is known
	}
	o.NeighborState, o.NeighborMAC = state, mac
	return nil
}

// routeOutcome reads the answer to a question for a route; "" is for what is no
// answer.
func routeOutcome(err error) reach.Outcome {
	switch {
	case err == nil:
		return Routed
	case errors.Is(err, errNoRoute):
		return NoRoute
	case errors.Is(err, errProhibited):
		return Forbidden
	case errors.Is(err, errDiscarded):
		return Discarded
	}
	return ""
}
