package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gumshoe/engine"
)

// Interface is one network interface.
type Interface struct {
	// Name is the kernel's name for it, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// Present tells whether there is such an interface at the window's end. Of one
	// that is not, all else is unread but up.
	Present bool `json:"present" expr:"present"`
	// Enabled tells whether it was switched on (ip link set up).
	Enabled bool `json:"enabled" expr:"enabled"`
	// Up tells whether it can carry packets. Enabled and not up, it has no link: no
	// cable, or nothing at its other end.
	Up bool `json:"up" expr:"up"`
	// SpeedBitsPerSecond is the speed that its driver states, for virtual ones a
	// nominal figure; 0 when it is not up. Unread when the driver states none, as
	// those of virtual machines often do.
	SpeedBitsPerSecond int64 `json:"speed_bits_per_second" expr:"speed_bits_per_second"`
	// UsedPercent is the traffic of its busier direction in percent of its speed; 0
	// when it is not up. Unread when the speed is.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`

	// RxBytesPerSecond is the rate of receiving.
	RxBytesPerSecond float64 `json:"rx_bytes_per_second" expr:"rx_bytes_per_second"`
	// TxBytesPerSecond is the rate of sending.
	TxBytesPerSecond float64 `json:"tx_bytes_per_second" expr:"tx_bytes_per_second"`
	// RxPacketsPerSecond is the rate of packets received.
	RxPacketsPerSecond float64 `json:"rx_packets_per_second" expr:"rx_packets_per_second"`
	// TxPacketsPerSecond is the rate of packets sent.
	TxPacketsPerSecond float64 `json:"tx_packets_per_second" expr:"tx_packets_per_second"`
	// RxErrorsPerSecond is the rate of packets received broken: a cable, a
	// connector, a duplex mismatch.
	RxErrorsPerSecond float64 `json:"rx_errors_per_second" expr:"rx_errors_per_second"`
	// TxErrorsPerSecond is the rate of packets that could not be sent.
	TxErrorsPerSecond float64 `json:"tx_errors_per_second" expr:"tx_errors_per_second"`
	// RxDropsPerSecond is the rate of good packets dropped on arrival, for want of
	// room in the card or in memory; packets of protocols that nobody here speaks
	// are among them.
	RxDropsPerSecond float64 `json:"rx_drops_per_second" expr:"rx_drops_per_second"`
	// TxDropsPerSecond is the rate of packets dropped before they were sent. What
	// a traffic shaper (tc) drops is not among them.
	TxDropsPerSecond float64 `json:"tx_drops_per_second" expr:"tx_drops_per_second"`

	// RxErrorsTotal is the number of packets received broken since the interface
	// was made.
	RxErrorsTotal int64 `json:"rx_errors_total" expr:"rx_errors_total"`
	// TxErrorsTotal is the number of packets that could not be sent since then.
	TxErrorsTotal int64 `json:"tx_errors_total" expr:"tx_errors_total"`
	// RxDropsTotal is the number of packets dropped on arrival since then.
	RxDropsTotal int64 `json:"rx_drops_total" expr:"rx_drops_total"`
	// TxDropsTotal is the number of packets dropped before sending since then.
	TxDropsTotal int64 `json:"tx_drops_total" expr:"tx_drops_total"`
}

// maxInterfaces bounds the list, so that all its fields can be unread (the
// engine keeps 1000). A node of Kubernetes has a veth for each pod.
const maxInterfaces = 60

// Columns of /proc/net/dev behind the name.
const (
	rxBytes, rxPackets, rxErrors, rxDrops = 0, 1, 2, 3
	txBytes, txPackets, txErrors, txDrops = 8, 9, 10, 11
	deviceColumns                         = 16
)

// netDevice is a line of /proc/net/dev.
type netDevice struct {
	name   string
	counts [deviceColumns]int64
}

func (s Source) netDevices() ([]netDevice, error) {
	path := s.proc("net/dev")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, blind(path, err)
	}
	if !strings.HasPrefix(string(text), "Inter-|") {
		return nil, blind(path, errors.New("no table of interfaces in it"))
	}
	var devices []netDevice
	for line := range strings.Lines(string(text)) {
		if d, ok := parseNetDevice(line); ok {
			devices = append(devices, d)
		}
	}
	return devices, nil
}

// parseNetDevice reads "  eth0: 1 2 …"; old kernels put no space behind the colon.
func parseNetDevice(line string) (netDevice, bool) {
	name, rest, ok := strings.Cut(line, ":")
	d := netDevice{name: strings.TrimSpace(name)}
	fields := strings.Fields(rest)
	if !ok || d.name == "" || len(fields) < deviceColumns {
		return d, false
	}
	for i := range d.counts {
		n, err := counter(fields[i])
		if err != nil {
			return d, false
		}
		d.counts[i] = n
	}
	return d, true
}

// interfaces fills in the list.
func (o *Network) interfaces(call *engine.Call, s Source, wanted []string, before, after []netDevice, seconds float64) {
	named := func(list []netDevice, name string) int {
		return slices.IndexFunc(list, func(d netDevice) bool { return d.name == name })
	}
	reports := make([]report, 0, len(after))
	for _, end := range after {
		if len(wanted) == 0 && end.name == "lo" || len(wanted) > 0 && !slices.Contains(wanted, end.name) {
			continue
		}
		r := report{Interface: Interface{Name: printable(end.name), Present: true}}
		if i := named(before, end.name); i >= 0 {
			r.rates(before[i], end, seconds)
		} else {
			r.unread("the interface appeared in the window", "look again", rateFields()...)
		}
		r.totals(end)
		r.state(s, end.name)
		reports = append(reports, r)
	}
	for i, name := range wanted {
		if named(after, name) < 0 && !slices.Contains(wanted[:i], name) {
			r := report{Interface: Interface{Name: printable(name)}}
			r.unread("there is no such interface", "name one that ip link shows", "enabled", "speed_bits_per_second", "used_percent",
				"rx_errors_total", "tx_errors_total", "rx_drops_total", "tx_drops_total")
			r.unread("there is no such interface", "name one that ip link shows", rateFields()...)
			reports = append(reports, r)
		}
	}
	slices.SortStableFunc(reports, func(a, b report) int {
		return cmp.Or(cmp.Compare(b.lossPerSecond(), a.lossPerSecond()), cmp.Compare(b.bytesPerSecond(), a.bytesPerSecond()))
	})
	reports = reports[:min(maxInterfaces, len(reports))]
	slices.SortStableFunc(reports, func(a, b report) int { return cmp.Compare(a.Name, b.Name) })
	for i, r := range reports {
		o.Interfaces = append(o.Interfaces, r.Interface)
		for _, u := range r.blanks {
			call.Unread(fmt.Sprintf("interfaces[%d].%s", i, u.Path), u.Reason, u.Fix)
		}
	}
}

// report is an interface with what could not be read of it: where it will stand
// in the list is known last.
type report struct {
	Interface

	blanks []engine.Unread
}

func (r *report) unread(reason, fix string, fields ...string) {
	for _, field := range fields {
		r.blanks = append(r.blanks, engine.Unread{Path: field, Reason: reason, Fix: fix})
	}
}

// rateFields are what two looks are needed for.
func rateFields() []string {
	return []string{
		"rx_bytes_per_second", "tx_bytes_per_second", "rx_packets_per_second", "tx_packets_per_second",
		"rx_errors_per_second", "tx_errors_per_second", "rx_drops_per_second", "tx_drops_per_second",
	}
}

func (r *report) rates(start, end netDevice, seconds float64) {
	fields := []*float64{
		&r.RxBytesPerSecond, &r.TxBytesPerSecond, &r.RxPacketsPerSecond, &r.TxPacketsPerSecond,
		&r.RxErrorsPerSecond, &r.TxErrorsPerSecond, &r.RxDropsPerSecond, &r.TxDropsPerSecond,
	}
	for i, column := range []int{rxBytes, txBytes, rxPackets, txPackets, rxErrors, txErrors, rxDrops, txDrops} {
		n, ok := grown(start.counts[column], end.counts[column])
		if !ok {
			r.unread("its counter went backwards in the window: it was made anew, or its driver was reset", "look again", rateFields()[i])
		}
		*fields[i] = float64(n) / seconds
	}
}

func (r *report) totals(end netDevice) {
	r.RxErrorsTotal, r.TxErrorsTotal = end.counts[rxErrors], end.counts[txErrors]
	r.RxDropsTotal, r.TxDropsTotal = end.counts[rxDrops], end.counts[txDrops]
}

func (i Interface) bytesPerSecond() float64 { return i.RxBytesPerSecond + i.TxBytesPerSecond }

func (i Interface) lossPerSecond() float64 {
	return i.RxErrorsPerSecond + i.TxErrorsPerSecond + i.RxDropsPerSecond + i.TxDropsPerSecond
}

// state fills in what sysfs tells of an interface.
func (r *report) state(s Source, name string) {
	flags, err := word(s.sys("class/net", name, "flags"))
	operational, err2 := word(s.sys("class/net", name, "operstate"))
	bits, err3 := strconv.ParseUint(strings.TrimPrefix(flags, "0x"), 16, 32)
	if err := errors.Join(err, err2, err3); err != nil {
		reason, fix := whyNoFile(s.sys("class/net", name), err)
		if errors.Is(err, fs.ErrNotExist) {
			fix = "mount sysfs in the network namespace that gumshoe looks at"
		}
		r.unread(reason, fix, "enabled", "up", "speed_bits_per_second", "used_percent")
		return
	}
	r.Enabled = bits&unix.IFF_UP != 0
	// Drivers without a notion of a link (lo, tun, wg) stay "unknown" while they work.
	r.Up = operational == "up" || operational == "unknown" && r.Enabled
	r.speed(s, name)
}

func (r *report) speed(s Source, name string) {
	fields := []string{"speed_bits_per_second", "used_percent"}
	digits, err := word(s.sys("class/net", name, "speed")) // EINVAL when there is no such thing
	megabits, parseErr := strconv.ParseInt(digits, 10, 64)
	_, tunErr := os.Lstat(s.sys("class/net", name, "tun_flags"))
	const unlikely = 1 << 32 // 4 Pbit/s; old kernels write -1 as 4294967295 in places
	switch {
	case !r.Up: // a spare port should not make a condition over all ports unknown
		return
	case err != nil || parseErr != nil || megabits <= 0 || megabits >= unlikely-1:
		r.unread("its driver does not state a speed", "", fields...)
		return
	case tunErr == nil: // it states 10 Mbit/s, and is as fast as the processor
		r.unread("a tunnel of a program has no speed", "", fields...)
		return
	}
	r.SpeedBitsPerSecond = megabits * 1_000_000
	for _, u := range r.blanks {
		if u.Path == "rx_bytes_per_second" || u.Path == "tx_bytes_per_second" {
			r.unread(u.Reason, u.Fix, "used_percent")
			return
		}
	}
	used := percent(8*max(r.RxBytesPerSecond, r.TxBytesPerSecond), float64(r.SpeedBitsPerSecond))
	if used > 110 { // the window's edges are not that blurred
		r.unread("it carries more than the speed that its driver states", "", "used_percent")
		return
	}
	r.UsedPercent = min(used, 100)
}

// word reads a file of one short line.
func word(path string) (string, error) {
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}
