package host

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// backlogs asks the kernel how many connections may wait at each listening TCP
// socket, by the socket's inode: what ss calls Send-Q, and no file in procfs has.
// It needs no privilege. It is of the network namespace that we run in.
func backlogs() (map[uint32]int64, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	// The kernel answers at once or not at all.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, err
	}
	found := make(map[uint32]int64)
	buffer := make([]byte, 32<<10)
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		err := unix.Sendto(fd, listenersRequest(family), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		for done := false; err == nil && !done; {
			var n int
			if n, _, err = unix.Recvfrom(fd, buffer, 0); err == nil {
				done, err = addBacklogs(found, buffer[:n])
			}
		}
		if err != nil && !(family == unix.AF_INET6 && errors.Is(err, unix.ENOENT)) { // a kernel without IPv6
			return nil, fmt.Errorf("sock_diag: %w", err)
		}
	}
	return found, nil
}

// Sizes and places in the messages of sock_diag(7), whose numbers are in the
// machine's byte order.
const (
	netlinkHeader = 16 // length, type, flags, sequence, port
	diagRequest   = 56 // family, protocol, extensions, padding, states, id
	diagAnswer    = 72 // family, state, timer, retransmissions, id, expiry, queues, user, inode
	diagStates    = 4
	diagMaxQueue  = 60
	diagInode     = 68
)

// listenersRequest asks for all listening TCP sockets of a family.
func listenersRequest(family byte) []byte {
	message := make([]byte, netlinkHeader+diagRequest)
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	body := message[netlinkHeader:]
	body[0], body[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(body[diagStates:], 1<<tcpListen)
	return message
}

// addBacklogs reads what came back at once, and tells whether it was the last.
func addBacklogs(found map[uint32]int64, messages []byte) (done bool, err error) {
	for len(messages) >= netlinkHeader {
		length := int(binary.NativeEndian.Uint32(messages))
		if length < netlinkHeader || length > len(messages) {
			return false, errors.New("an answer of impossible length")
		}
		body := messages[netlinkHeader:length]
		switch binary.NativeEndian.Uint16(messages[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, errors.New("an error without a number")
			}
			return false, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
		case unix.SOCK_DIAG_BY_FAMILY:
			if len(body) < diagAnswer {
				return false, errors.New("a short answer")
			}
			found[binary.NativeEndian.Uint32(body[diagInode:])] = int64(binary.NativeEndian.Uint32(body[diagMaxQueue:]))
		}
		messages = messages[min(len(messages), (length+3)&^3):]
	}
	return false, nil
}
