package livecapture

import "gumshoe/checks/capturefile"

// Kinds of interfaces, as Linux numbers them (ARPHRD_…).
const (
	hardwareEthernet  = 1
	hardwareSLIP      = 256
	hardwareCSLIP     = 257
	hardwareSLIP6     = 258
	hardwareCSLIP6    = 259
	hardwareAdapt     = 264
	hardwarePPP       = 512
	hardwareCiscoHDLC = 513
	hardwareRawIP     = 519
	hardwareTunnel    = 768 // IP in IPv4
	hardwareTunnel6   = 769 // IP in IPv6
	hardwareLoopback  = 772
	hardwareSIT       = 776 // IPv6 in IPv4
	hardwareGRE       = 778
	hardwareWiFi      = 801
	hardwareRadiotap  = 803
	hardwareGRE6      = 823
	hardwareNone      = 65534 // tun, WireGuard
)

// rawIP are the kinds whose packets begin with an IP header. PPP is one of them:
// the kernel's PPP takes its header off before a packet socket sees the packet.
// GRE is too: where it shows a header at all, that is the outer IP header.
func rawIP() []uint16 {
	return []uint16{
		hardwareNone, hardwareTunnel, hardwareTunnel6, hardwareSIT, hardwareGRE, hardwareGRE6, hardwarePPP, hardwareRawIP,
		hardwareSLIP, hardwareCSLIP, hardwareSLIP6, hardwareCSLIP6, hardwareAdapt,
	}
}

// linkTypeOf is how packets of a kind of interface begin; not ok when that is not
// known.
func linkTypeOf(hardware uint16) (link capturefile.LinkType, ok bool) {
	switch hardware {
	case hardwareEthernet, hardwareLoopback:
		return capturefile.Ethernet, true
	case hardwareCiscoHDLC:
		return capturefile.CiscoHDLC, true
	case hardwareWiFi:
		return capturefile.WiFi, true
	case hardwareRadiotap:
		return capturefile.Radiotap, true
	case hardwareNone, hardwareTunnel, hardwareTunnel6, hardwareSIT, hardwareGRE, hardwareGRE6, hardwarePPP, hardwareRawIP,
		hardwareSLIP, hardwareCSLIP, hardwareSLIP6, hardwareCSLIP6, hardwareAdapt:
		return capturefile.Raw, true
	}
	return 0, false
}
