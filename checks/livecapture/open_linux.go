package livecapture

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"gumshoe/checks/capturefile"
)

// Open begins to capture. The error is a *NotPermittedError, an *InterfaceError,
// an *UnsupportedError, a *packetfilter.Error when the filter cannot be asked of
// the interface's link type, or tells what of the options or the system is wrong.
//
// It captures in the network namespace of the calling thread, wherever Next is
// called.
func Open(o Options) (*Capture, error) {
	blockSize, blocks, err := ringLayout(o.Ring, o.SnapLength)
	if err != nil {
		return nil, err
	}
	if o.Interface == "any" {
		o.Interface = ""
	}
	if o.Promiscuous && o.Interface == "" {
		return nil, errors.New("promiscuous mode is for one interface: name it")
	}
	fd, err := open()
	if err != nil {
		return nil, err
	}
	c := &Capture{fd: fd, blockSize: blockSize, snap: o.SnapLength, known: map[place]int{}, last: place{index: -1}}
	if o.Filter != nil {
		c.filter = o.Filter.String()
	}
	c.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	err = c.choose(o)
	if err == nil {
		err = c.begin(o, blocks)
	}
	if err != nil {
		if c.ring != nil {
			_ = unix.Munmap(c.ring)
		}
		_ = unix.Close(fd)
		return nil, err
	}
	c.open = true
	return c, nil
}

// Permitted tells whether packets may be captured: nil, or an error as that of
// Open. It captures nothing.
func Permitted() error {
	fd, err := open()
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// open makes a socket that gets no packets yet: it is for no protocol.
func open() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return -1, &NotPermittedError{err}
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ESOCKTNOSUPPORT):
		return -1, &UnsupportedError{"this kernel has no packet sockets (CONFIG_PACKET)", err}
	case err != nil:
		return -1, fmt.Errorf("a packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		_ = unix.Close(fd)
		return -1, &UnsupportedError{"this kernel cannot share a ring of packets (TPACKET_V3, since Linux 3.2)", err}
	}
	return fd, nil
}

// choose finds the interfaces that were asked for.
func (c *Capture) choose(o Options) error {
	devices, err := Devices()
	if err != nil {
		return err
	}
	var have []string
	for _, d := range devices {
		if d.Capturable {
			have = append(have, d.Name)
		}
		if d.Name == o.Interface {
			c.device = d
		}
	}
	if o.Interface != "" {
		wrong := InterfaceError{Interface: o.Interface, Have: have}
		switch {
		case c.device.Index == 0:
			wrong.Problem = Missing
		case !c.device.Capturable:
			wrong.Problem = NotCapturable
		case !c.device.Up:
			wrong.Problem = Down
		default:
			c.add(place{int32(c.device.Index), c.device.LinkType}, c.device.Name)
			return nil
		}
		return &wrong
	}
	for _, d := range devices {
		switch {
		case d.any():
			c.add(place{int32(d.Index), d.LinkType}, d.Name)
		case d.Up && d.Capturable:
			c.left = append(c.left, d.Name+": packets of this kind of link ("+d.LinkType.String()+") are captured only when it is named")
		case d.Up:
			c.left = append(c.left, d.Name+": it "+string(NotCapturable))
		}
	}
	return nil
}

// begin puts the filter in place, makes the ring, and lets packets in.
func (c *Capture) begin(o Options, blocks int) error {
	program, err := c.program(o)
	if err != nil {
		return err
	}
	if err := attach(c.fd, program); err != nil {
		return err
	}
	// Room before each packet, for its tag.
	if err := unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_RESERVE, tagLength); err != nil {
		return &UnsupportedError{"this kernel cannot reserve room for VLAN tags", err}
	}
	// Times are then of when a packet came to the kernel, not to us.
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return &UnsupportedError{"this kernel gives no times in nanoseconds", err}
	}
	ring := unix.TpacketReq3{
		Block_size: uint32(c.blockSize), Block_nr: uint32(blocks),
		Frame_size: uint32(c.blockSize), Frame_nr: uint32(blocks), // packets are as long as they are
		Retire_blk_tov: uint32(BlockTimeout.Milliseconds()),
	}
	size := blocks * c.blockSize
	if err := unix.SetsockoptTpacketReq3(c.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &ring); err != nil {
		return fmt.Errorf("a ring of %d bytes: %w", size, err)
	}
	if c.ring, err = unix.Mmap(c.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		c.ring = nil
		return fmt.Errorf("a ring of %d bytes: %w", size, err)
	}
	if o.Promiscuous {
		all := unix.PacketMreq{Ifindex: int32(c.device.Index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(c.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &all); err != nil {
			return fmt.Errorf("promiscuous mode of %s: %w", c.device.Name, err)
		}
	}
	return c.bind()
}

// bind lets packets in.
func (c *Capture) bind() error {
	err := unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: c.device.Index})
	if err == nil {
		var number int
		if number, err = unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && number != 0 {
			err = unix.Errno(number)
		}
	}
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return &InterfaceError{Interface: c.device.Name, Problem: Missing}
	case errors.Is(err, unix.ENETDOWN):
		return &InterfaceError{Interface: c.device.Name, Problem: Down}
	case err != nil:
		return fmt.Errorf("capturing on %q: %w", c.device.Name, err)
	}
	return nil
}

// program is the filter for what was chosen.
func (c *Capture) program(o Options) ([]bpf.RawInstruction, error) {
	if c.device.Index != 0 {
		return programOne(o.Filter, c.device.LinkType, c.device.Loopback, o.SnapLength)
	}
	program, raw, err := programAll(o.Filter, o.SnapLength)
	if err == nil && !raw {
		for _, i := range c.interfaces {
			if i.LinkType == capturefile.Raw {
				c.left = append(c.left, i.Name+": the filter cannot be asked of packets without a link header")
			}
		}
	}
	return program, err
}

// attach puts a program before the socket, in the place of any other.
func attach(fd int, program []bpf.RawInstruction) error {
	instructions := make([]unix.SockFilter, len(program))
	for i, r := range program {
		instructions[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(instructions)), Filter: &instructions[0]})
	switch {
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("the filter of %d instructions has no room: take conditions out, or raise net.core.optmem_max: %w", len(program), err)
	case err != nil:
		return fmt.Errorf("the kernel does not take the filter: %w", err)
	}
	return nil
}

// networkOrder is a number of 16 bits as it is in memory with its high byte first.
func networkOrder(n uint16) uint16 {
	return binary.NativeEndian.Uint16([]byte{byte(n >> 8), byte(n)})
}
