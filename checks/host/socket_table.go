package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
)

// The states of TCP, as the kernel numbers them (include/net/tcp_states.h).
const (
	tcpEstablished = 1 + iota
	tcpSynSent
	tcpSynReceived
	tcpFinWait1
	tcpFinWait2
	tcpTimeWait
	tcpClose
	tcpCloseWait
	tcpLastAck
	tcpListen
	tcpClosing

	tcpStates = 16
)

// socket is a line of /proc/net/tcp or its like.
type socket struct {
	local, remote netip.AddrPort
	state         uint8
	// sending is what was not acknowledged yet, in bytes. receiving is what no
	// program has read yet, in bytes; of a listening socket, in connections.
	sending, receiving int64
	inode              uint32
	drops              int64 // of UDP
}

// eachSocket hands over the lines of /proc/net/FILE, one at a time: there may be
// a million. The kernel lets sockets come and go meanwhile.
func (s Source) eachSocket(ctx context.Context, file string, each func(socket)) error {
	f, err := os.Open(s.proc("net", file))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 64<<10)
	heading, err := lines.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.Contains(heading, []byte("local_address")) {
		return errors.New("no table of sockets in it")
	}
	for n := 2; ; n++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		socket, ok := parseSocket(line)
		if !ok {
			return fmt.Errorf("line %d is not a socket", n)
		}
		each(socket)
	}
}

// parseSocket reads a line such as
//
//	0: 0100007F:1F90 00000000:0000 0A 00000000:00000005 00:00000000 00000000 0 0 181 …
//
// without allocating: slot, local and remote address, state, the queues, timer,
// retransmissions, user, timeouts, inode; of UDP the last is the number of drops.
func parseSocket(line []byte) (socket, bool) {
	var s socket
	var at int
	for at = 0; ; at++ {
		var word []byte
		if word, line = cutWord(line); len(word) == 0 {
			return s, at > 9
		}
		ok := true
		var n uint64
		switch at {
		case 1:
			s.local, ok = parseEndpoint(word)
		case 2:
			s.remote, ok = parseEndpoint(word)
		case 3:
			n, ok = hexadecimal(word)
			s.state = uint8(n)
			ok = ok && n < tcpStates
		case 4:
			sending, receiving, found := bytes.Cut(word, []byte(":"))
			n, ok = hexadecimal(sending)
			s.sending = int64(n)
			if n, found2 := hexadecimal(receiving); ok {
				s.receiving, ok = int64(n), found && found2
			}
		case 9:
			n, ok = decimal(word)
			s.inode = uint32(n)
		case 12:
			n, _ = decimal(word) // of TCP it is something else
			s.drops = int64(n)
		}
		if !ok {
			return s, false
		}
	}
}

func cutWord(line []byte) (word, rest []byte) {
	line = bytes.TrimLeft(line, " \t\r\n")
	if end := bytes.IndexAny(line, " \t\r\n"); end >= 0 {
		return line[:end], line[end:]
	}
	return line, nil
}

// parseEndpoint reads "0100007F:1F90": words of 32 bits in the machine's byte
// order, and the port.
func parseEndpoint(text []byte) (netip.AddrPort, bool) {
	host, port, _ := bytes.Cut(text, []byte(":"))
	number, ok := hexadecimal(port)
	if !ok || len(port) > 4 || len(host) != 8 && len(host) != 32 {
		return netip.AddrPort{}, false
	}
	var raw [16]byte
	for i := range len(host) / 8 {
		word, ok := hexadecimal(host[8*i : 8*i+8])
		if !ok {
			return netip.AddrPort{}, false
		}
		binary.NativeEndian.PutUint32(raw[4*i:], uint32(word))
	}
	address := netip.AddrFrom16(raw).Unmap()
	if len(host) == 8 {
		address = netip.AddrFrom4([4]byte(raw[:4]))
	}
	return netip.AddrPortFrom(address, uint16(number)), true
}

// hexadecimal reads up to 8 digits.
func hexadecimal(digits []byte) (uint64, bool) {
	var n uint64
	for _, d := range digits {
		switch {
		case '0' <= d && d <= '9':
			d -= '0'
		case 'A' <= d && d <= 'F':
			d -= 'A' - 10
		case 'a' <= d && d <= 'f':
			d -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	return n, 0 < len(digits) && len(digits) <= 8
}

// decimal reads up to 10 digits.
func decimal(digits []byte) (uint64, bool) {
	var n uint64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + uint64(d-'0')
	}
	return n, 0 < len(digits) && len(digits) <= 10
}
