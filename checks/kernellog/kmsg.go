package kernellog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"
)

// Kmsg is where the kernel gives out its messages record by record (Linux 3.5 or
// later).
const Kmsg = "/dev/kmsg"

// maxRead is how many records are read at most: a kernel that logs faster than we
// read must not hold us for ever.
const maxRead = 1_000_000

// ReadKmsg reads the records since a time from /dev/kmsg, from the oldest that the
// kernel still has, and does not wait for more. A path other than Kmsg may be
// a plain file of the same form. That of Kmsg has to be the kernel's device: some
// containers have something else there, which is fs.ErrNotExist.
func ReadKmsg(ctx context.Context, path string, since time.Time, clock Clock) (Log, error) {
	descriptor, err := open(path)
	if err != nil {
		return Log{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(descriptor)
	if path == Kmsg {
		if err := kernels(descriptor); err != nil {
			return Log{}, &fs.PathError{Op: "look at", Path: path, Err: err}
		}
	}
	k := kmsg{gather: gather{since: since, clock: clock}}
	buffer, filled := make([]byte, 32<<10), 0
	for reads := range maxRead {
		if reads%256 == 0 && ctx.Err() != nil {
			return Log{}, ctx.Err()
		}
		n, err := syscall.Read(descriptor, buffer[filled:])
		switch {
		case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EINTR):
			continue // what we were to read next was overwritten: its number will be missing
		case errors.Is(err, syscall.EAGAIN), err == nil && n <= 0:
			k.lines(append(buffer[:filled:filled], '\n'))
			return k.done(), nil
		case err != nil:
			return Log{}, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		filled += n
		rest := k.lines(buffer[:filled])
		if filled = copy(buffer, rest); filled == len(buffer) {
			filled = 0 // a line that long is none of the kernel's: the next number is missing
		}
	}
	return k.done(), nil
}

// kernels tells whether an open file is the kernel's log, character device 1:11.
func kernels(descriptor int) error {
	var about syscall.Stat_t
	if err := syscall.Fstat(descriptor, &about); err != nil {
		return err
	}
	if about.Mode&syscall.S_IFMT != syscall.S_IFCHR || about.Rdev != 1<<8|11 {
		return fmt.Errorf("it is not the kernel's log: %w", fs.ErrNotExist)
	}
	return nil
}

// open opens a file so that reading it does not wait. An os.File would: Go makes
// its reads wait for what can be polled.
func open(path string) (int, error) {
	for {
		descriptor, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if !errors.Is(err, syscall.EINTR) {
			return descriptor, err
		}
	}
}

// kmsg takes lines of Documentation/ABI/testing/dev-kmsg:
//
//	6,339,5140900,-;NET: Registered PF_INET6 protocol family
//	 SUBSYSTEM=net
//
// which are the priority, a sequence number, microseconds since the boot and
// flags, and below them properties in lines that begin with a space.
type kmsg struct {
	gather
	// next is the number that the next record should have. The first ever has 0.
	next  int64
	began bool
	// kept tells whether a line marked "+" continues the last record that is kept.
	kept bool
}

// lines takes all whole lines and gives back the rest.
func (k *kmsg) lines(text []byte) (rest []byte) {
	for {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return text
		}
		if end > 0 && text[0] != ' ' {
			k.line(text[:end])
		}
		text = text[end+1:]
	}
}

func (k *kmsg) line(line []byte) {
	h, text, ok := header(line)
	if !ok {
		return // its number will be missing
	}
	if h.number != k.next {
		lost := int64(0)
		if k.began {
			lost = max(h.number-k.next, 0)
		}
		k.gap(lost, k.clock.at(h.stamp))
	}
	k.began, k.next = true, h.number+1
	switch {
	case h.priority>>3 != 0:
		k.kept = false
	case !h.continues:
		k.kept = k.add(h.stamp, int(h.priority&7), func() string { return unescape(text) })
	case k.kept: // Linux 3.5 to 4.8 number the pieces of a line
		k.log.Records[len(k.log.Records)-1].Text += unescape(text)
	}
}

type kmsgHeader struct {
	priority, number int64
	stamp            time.Duration
	continues        bool
}

func header(line []byte) (h kmsgHeader, text []byte, ok bool) {
	head, text, found := bytes.Cut(line, []byte{';'})
	if !found {
		return h, nil, false
	}
	var micros int64
	for _, field := range [...]*int64{&h.priority, &h.number, &micros} {
		if *field, head, ok = number(head); !ok || len(head) == 0 || head[0] != ',' {
			return h, nil, false
		}
		head = head[1:]
	}
	if micros > maxStamp {
		return h, nil, false
	}
	h.stamp = time.Duration(micros) * time.Microsecond
	flags, _, _ := bytes.Cut(head, []byte{','})
	h.continues = bytes.IndexByte(flags, '+') >= 0
	return h, text, true
}

// maxStamp bounds a time stamp in microseconds: a hundred years.
const maxStamp = 100 * 366 * 24 * 3600 * 1e6

// unescape undoes what the kernel does to a text: bytes that are not printable
// ASCII, and the backslash, are "\xHH".
func unescape(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var plain strings.Builder
	for len(text) > 0 {
		if len(text) >= 4 && text[0] == '\\' && text[1] == 'x' {
			high, ok := hex(text[2])
			low, also := hex(text[3])
			if ok && also {
				plain.WriteByte(high<<4 | low)
				text = text[4:]
				continue
			}
		}
		plain.WriteByte(text[0])
		text = text[1:]
	}
	return plain.String()
}

func hex(c byte) (value byte, ok bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
