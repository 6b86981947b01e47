package livecapture

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/checktest"
)

// names are the interfaces of packets, and what they carry.
func names(c *Capture, packets []Packet) []string {
	var all []string
	for _, p := range packets {
		all = append(all, fmt.Sprintf("%s %s %s", c.Interfaces()[p.Interface].Name, p.Direction, payload(p)))
	}
	return all
}

// TestLoopback: each packet is given once, as it comes in.
func TestLoopback(t *testing.T) {
	n := newNamespace(t)
	n.listen("127.0.0.1:7001")
	for _, name := range []string{"lo", "", "any"} {
		c := n.open(Options{Interface: name, Filter: filter(t, "udp")})
		send(t, n.udp("127.0.0.1:7001"), "one", "two")
		packets := rest(t, c)
		if got, want := names(c, packets), []string{"lo incoming one", "lo incoming two"}; !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if s := statistics(t, c); s.Seen != 2 {
			t.Errorf("%q: got %+v, want 2 packets seen", name, s)
		}
	}
}

// frames gives what sends frames out of an interface.
func (n *namespace) frames(name string) func(frame []byte) {
	n.t.Helper()
	var fd int
	var device *net.Interface
	var err error
	n.in(func() {
		if device, err = net.InterfaceByName(name); err == nil {
			fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		}
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = unix.Close(fd) })
	return func(frame []byte) {
		n.t.Helper()
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: device.Index, Protocol: networkOrder(unix.ETH_P_ALL)}); err != nil {
			n.t.Fatal(err)
		}
	}
}

// ethernet is a frame from vb to va, with these bytes before the type of IPv4.
func ethernet(tags, text string) []byte {
	return append([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02"+tags+"\x08\x00"), datagram(text)...)
}

// TestTag: a tag is where it was on the wire, and a filter sees it. The kernel
// takes tags off as frames come in (va), and not as they go out (vb).
func TestTag(t *testing.T) {
	a, b := cable(t)
	frames := map[string][]byte{
		"plain":   ethernet("", "plain and longer than the snap length"),
		"tagged":  ethernet("\x81\x00\x60\x05", "tagged and longer than the snap length"),
		"service": ethernet("\x88\xa8\x00\x05", "of a provider and longer than the snap length"),
		"double":  ethernet("\x88\xa8\x00\x06\x81\x00\x00\x05", "twice tagged and longer than the snap length"),
	}
	send := b.frames("vb")
	for _, test := range []struct{ filter, want string }{
		{"", "plain tagged service double"},
		{"vlan", "tagged service double"},
		{"vlan 5", "tagged service"},
		{"vlan 5 and udp dst port 7001", "tagged service"},
		{"vlan 6 and vlan 5 and udp", "double"},
		{"vlan 7", ""},
		{"not vlan", "plain"},
	} {
		for _, snap := range []int{0, 15} {
			for _, at := range []*namespace{a, b} {
				name := map[*namespace]string{a: "va", b: "vb"}[at]
				t.Run(fmt.Sprint(test.filter, " ", snap, " ", name), func(t *testing.T) {
					c := at.open(Options{Interface: name, Filter: filter(t, test.filter), SnapLength: snap, Ring: MinRing})
					for _, text := range []string{"plain", "tagged", "service", "double"} {
						send(frames[text])
					}
					want := strings.Fields(test.want)
					packets := rest(t, c)
					if len(packets) != len(want) {
						t.Fatalf("got %d packets, want %q", len(packets), want)
					}
					for i, p := range packets {
						whole := frames[want[i]]
						data := whole
						if snap > 0 {
							data = whole[:snap]
						}
						if !bytes.Equal(p.Data, data) || p.WireLength != len(whole) || p.Captured != len(data) {
							t.Errorf("%s: got %d of %d bytes, want %d of %d:\n%x\n%x", want[i], p.Captured, p.WireLength, len(data), len(whole), p.Data, data)
						}
						if p.Tagged != (at == a && want[i] != "plain") {
							t.Errorf("%s: got tagged %v", want[i], p.Tagged)
						}
					}
				})
			}
		}
	}
}

// tun makes an interface without a link header, and gives what writes to it.
func (n *namespace) tun(name string) *os.File {
	n.t.Helper()
	var fd int
	n.in(func() {
		var err error
		fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		checktest.Need(n.t, "/dev/net/tun", err == nil)
		request, err := unix.NewIfreq(name)
		if err != nil {
			n.t.Error(err)
			return
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			n.t.Error(err)
		}
	})
	file := os.NewFile(uintptr(fd), name)
	n.t.Cleanup(func() { file.Close() })
	n.ip("address", "add", "10.79.0.1/24", "dev", name)
	n.ip("link", "set", name, "up")
	return file
}

// datagram is UDP over IPv4 from 10.79.0.2 to 10.79.0.1, port 7001.
func datagram(text string) []byte {
	length := 28 + len(text)
	b := []byte{0x45, 0, byte(length >> 8), byte(length), 0, 0, 0, 0, 64, 17, 0, 0, 10, 79, 0, 2, 10, 79, 0, 1}
	sum := 0
	for i := 0; i < 20; i += 2 {
		sum += int(b[i])<<8 | int(b[i+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	b[10], b[11] = byte(sum>>8), byte(sum)
	b = append(b, 0x30, 0x39, 7001>>8, 7001&0xff, byte((length-20)>>8), byte(length-20), 0, 0)
	return append(b, text...)
}

// TestAll: packets of all interfaces, of those that came later too, each with its
// own link type.
func TestAll(t *testing.T) {
	a, b := cable(t)
	frames := b.frames("vb")
	a.listen(here + ":7001")
	a.listen("127.0.0.1:7001")
	first := a.tun("tun1")
	c := a.open(Options{Filter: filter(t, "udp dst port 7001")})
	second := a.tun("tun2")
	frames(ethernet("\x81\x00\x00\x05", "tagged"))
	send(t, b.udp(here+":7001"), "plain")
	send(t, a.udp("127.0.0.1:7001"), "local")
	for _, tun := range []*os.File{first, second} {
		if _, err := tun.Write(datagram("from " + tun.Name())); err != nil {
			t.Fatal(err)
		}
	}
	packets := rest(t, c)
	want := []string{
		"va incoming tagged", "va incoming plain", "lo incoming local",
		"tun1 incoming from tun1", "tun2 incoming from tun2",
	}
	if got := names(c, packets); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, p := range packets {
		i := c.Interfaces()[p.Interface]
		link := capturefile.Ethernet
		if strings.HasPrefix(i.Name, "tun") {
			link = capturefile.Raw
		}
		if p.LinkType != link || i.LinkType != link || i.Filter == "" {
			t.Errorf("got %v of %+v", p.LinkType, i)
		}
		if p.Tagged != (i.Name == "va" && payload(p) == "tagged") {
			t.Errorf("got tagged %v on %s", p.Tagged, i.Name)
		}
	}
	if left := c.LeftOut(); len(left) > 0 {
		t.Errorf("left out: %q", left)
	}
}

// TestAllHardware: a filter of hardware addresses cannot be asked of raw IP, which
// is then left out, and said to be.
func TestAllHardware(t *testing.T) {
	n := newNamespace(t)
	tun := n.tun("tun1")
	n.listen("127.0.0.1:7001")
	c := n.open(Options{Filter: filter(t, "not ether src 02:00:00:00:00:01")})
	send(t, n.udp("127.0.0.1:7001"), "local")
	if _, err := tun.Write(datagram("raw")); err != nil {
		t.Fatal(err)
	}
	if got, want := names(c, rest(t, c)), []string{"lo incoming local"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if left := c.LeftOut(); len(left) != 1 || !strings.HasPrefix(left[0], "tun1: the filter cannot") {
		t.Errorf("got %q, want tun1", left)
	}
}

// TestRaw: an interface without a link header.
func TestRaw(t *testing.T) {
	n := newNamespace(t)
	tun := n.tun("tun1")
	n.listen("10.79.0.1:7001")
	for _, f := range []string{"", "udp dst port 7001", "ip and greater 30"} {
		c := n.open(Options{Interface: "tun1", Filter: filter(t, f)})
		if _, err := tun.Write(datagram("raw")); err != nil {
			t.Fatal(err)
		}
		packets := rest(t, c)
		if got, want := names(c, packets), []string{"tun1 incoming raw"}; !slices.Equal(got, want) || packets[0].LinkType != capturefile.Raw {
			t.Errorf("%q: got %q, want %q", f, got, want)
		}
	}
}

func TestDevices(t *testing.T) {
	a, b := cable(t)
	b.ip("link", "set", "vb", "down")
	a.tun("tun1")
	var devices []Device
	var err error
	a.in(func() { devices, err = Devices() })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range devices {
		if d.Index == 0 {
			t.Errorf("%+v has no index", d)
		}
		got = append(got, fmt.Sprintf("%s up %v carrier %v loopback %v %v capturable %v", d.Name, d.Up, d.Carrier, d.Loopback, d.LinkType, d.Capturable))
	}
	slices.Sort(got)
	want := []string{
		"lo up true carrier true loopback true Ethernet capturable true",
		"tun1 up true carrier true loopback false raw IP capturable true",
		"va up true carrier false loopback false Ethernet capturable true",
	}
	got = slices.DeleteFunc(got, func(s string) bool { // which kernels make in each namespace
		return !strings.HasPrefix(s, "lo ") && !strings.HasPrefix(s, "tun1 ") && !strings.HasPrefix(s, "va ")
	})
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestDirections: to us, to all, to a group, to others.
func TestDirections(t *testing.T) {
	a, b := cable(t)
	frames := b.frames("vb")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp")})
	want := []Direction{Incoming, Broadcast, Multicast, ToOthers}
	for _, to := range []string{"\x02\x00\x00\x00\x00\x01", "\xff\xff\xff\xff\xff\xff", "\x01\x00\x5e\x00\x00\x09", "\x02\x00\x00\x00\x00\x07"} {
		frames(append([]byte(to), ethernet("", "text")[6:]...))
	}
	var got []Direction
	for _, p := range rest(t, c) {
		got = append(got, p.Direction)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// kind makes an interface that says it is of a kind: tun can say so.
func (n *namespace) kind(name string, hardware int) *os.File {
	n.t.Helper()
	file := n.tun(name)
	n.ip("link", "set", name, "down")
	err := unix.IoctlSetInt(int(file.Fd()), unix.TUNSETLINK, hardware)
	checktest.Need(n.t, "a kernel that lets tun be of another kind", err == nil)
	n.ip("link", "set", name, "up")
	return file
}

// TestKinds: of kinds that are known packets are captured, others are refused when
// they are named, and said to be left out when they are not.
func TestKinds(t *testing.T) {
	const can = 280
	n := newNamespace(t)
	raw, radio := n.kind("raw1", hardwarePPP), n.kind("radio1", hardwareRadiotap)
	n.kind("can1", can)
	n.listen("10.79.0.1:7001")
	var err error
	n.in(func() { _, err = Open(Options{Interface: "can1"}) })
	var wrong *InterfaceError
	if !errors.As(err, &wrong) || wrong.Problem != NotCapturable {
		t.Errorf("got %v", err)
	}
	n.in(func() { _, err = Open(Options{Interface: "radio1", Filter: filter(t, "udp")}) })
	if err == nil || !strings.Contains(err.Error(), "no live filter can be compiled") {
		t.Errorf("got %v", err)
	}
	all := n.open(Options{Filter: filter(t, "udp")})
	one := n.open(Options{Interface: "radio1"})
	for _, file := range []*os.File{raw, radio} {
		if _, err := file.Write(datagram("text")); err != nil {
			t.Fatal(err)
		}
	}
	packets := rest(t, one)
	if len(packets) != 1 || packets[0].LinkType != capturefile.Radiotap || !bytes.Equal(packets[0].Data, datagram("text")) {
		t.Errorf("radio1: got %+v", packets)
	}
	if got, want := names(all, rest(t, all)), []string{"raw1 incoming text"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	left := all.LeftOut()
	slices.Sort(left)
	if len(left) != 2 || !strings.HasPrefix(left[0], "can1: ") || !strings.HasPrefix(left[1], "radio1: ") {
		t.Errorf("left out: %q", left)
	}
}
