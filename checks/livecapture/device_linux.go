package livecapture

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Devices are the interfaces of the calling thread's network namespace, by their
// index. It needs no permission.
func Devices() ([]Device, error) {
	answer, err := syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("the list of network interfaces: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return nil, fmt.Errorf("the list of network interfaces: %w", err)
	}
	var devices []Device
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWLINK || len(m.Data) < syscall.SizeofIfInfomsg {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, fmt.Errorf("the list of network interfaces: %w", err)
		}
		// struct ifinfomsg: family, padding, type, index, flags
		hardware, flags := binary.NativeEndian.Uint16(m.Data[2:]), binary.NativeEndian.Uint32(m.Data[8:])
		d := Device{
			Index: int(int32(binary.NativeEndian.Uint32(m.Data[4:]))),
			Up:    flags&unix.IFF_UP != 0, Carrier: flags&unix.IFF_LOWER_UP != 0,
			Loopback: hardware == hardwareLoopback,
		}
		d.LinkType, d.Capturable = linkTypeOf(hardware)
		for _, a := range attributes {
			if a.Attr.Type == unix.IFLA_IFNAME {
				d.Name = string(bytes.TrimRight(a.Value, "\x00"))
			}
		}
		devices = append(devices, d)
	}
	slices.SortFunc(devices, func(a, b Device) int { return cmp.Compare(a.Index, b.Index) })
	return devices, nil
}

// nameOf is the name of an interface in the network namespace of a socket; when it
// is gone, its number.
func nameOf(fd, index int) string {
	if request, err := named(fd, index); err == nil {
		return request.Name()
	}
	return fmt.Sprintf("interface %d", index)
}

// isUp tells whether an interface is up, and whether it exists.
func isUp(fd, index int) (up, exists bool) {
	request, err := named(fd, index)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request)
	}
	if err != nil {
		return false, !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENXIO)
	}
	return request.Uint16()&unix.IFF_UP != 0, true
}

// named asks for the name of an interface.
func named(fd, index int) (*unix.Ifreq, error) {
	request, err := unix.NewIfreq("")
	if err == nil {
		request.SetUint32(uint32(index))
		err = unix.IoctlIfreq(fd, unix.SIOCGIFNAME, request)
	}
	return request, err
}
