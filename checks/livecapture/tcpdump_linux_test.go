package livecapture

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/checktest"
)

// tcpdump is one that captures in a namespace into a file.
type tcpdump struct {
	command *exec.Cmd
	path    string
}

// tcpdump starts tcpdump, and waits until it captures.
func (n *namespace) tcpdump(argv ...string) *tcpdump {
	n.t.Helper()
	_, err := exec.LookPath("tcpdump")
	checktest.Need(n.t, "tcpdump", err == nil)
	path := filepath.Join(n.t.TempDir(), "theirs.pcap")
	argv = append([]string{"-w", path, "-U", "-p", "-n", "-Z", "root", "-B", "16384", "--time-stamp-precision=nano"}, argv...)
	d := &tcpdump{exec.Command("tcpdump", argv...), path}
	stderr, err := d.command.StderrPipe()
	if err == nil {
		n.in(func() { err = d.command.Start() })
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = d.command.Process.Kill()
		_ = d.command.Wait()
	})
	for lines := bufio.NewScanner(stderr); ; {
		if !lines.Scan() {
			n.t.Fatal("tcpdump did not begin to listen")
		}
		if strings.Contains(lines.Text(), "listening on") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // ends with tcpdump
	return d
}

// until waits until the file has a packet with this in it, and ends tcpdump.
func (d *tcpdump) until(t *testing.T, text string) []Packet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), checktest.Timeout)
	defer cancel()
	for {
		content, err := os.ReadFile(d.path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("tcpdump did not write %q", text)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := d.command.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := d.command.Wait(); err != nil {
		t.Fatal(err)
	}
	r, err := capturefile.Open(ctx, d.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []Packet
	for {
		var p Packet
		err := r.Next(&p.Packet)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		p.Data = slices.Clone(p.Data)
		all = append(all, p)
	}
}

// traffic sends of everything something.
func traffic(t *testing.T, a, b *namespace) {
	t.Helper()
	a.listen(here + ":7001")
	b.listen(there + ":7001")
	out, in := a.udp(there+":7001"), b.udp(here+":7001")
	for i := range 200 {
		send(t, []net.Conn{out, in}[i%2], strings.Repeat("u", i*7%1400))
	}
	var l net.Listener
	var err error
	b.in(func() { l, err = net.Listen("tcp4", there+":8001") })
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = io.Copy(conn, io.LimitReader(conn, 1<<20))
			conn.Close()
		}
		accepted <- err
	}()
	var conn net.Conn
	a.in(func() { conn, err = net.Dial("tcp4", there+":8001") })
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan error)
	go func() {
		n, err := io.Copy(io.Discard, conn)
		if n != 1<<20 {
			err = fmt.Errorf("%d bytes came back: %w", n, err)
		}
		received <- err
	}()
	if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	for _, ended := range []chan error{accepted, received} {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	l.Close()
	a.in(func() {
		if text, err := exec.Command("ping", "-c", "5", "-i", "0.01", there).CombinedOutput(); err != nil {
			t.Logf("no ICMP: %v %s", err, text)
		}
	})
	for _, f := range []func([]byte){b.frames("vb"), a.frames("va")} {
		for range 20 {
			f(ethernet("\x81\x00\x60\x05", "tagged"))
			f(ethernet("\x88\xa8\x00\x06\x81\x00\x00\x05", "twice"))
			f(append([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x02\x88\xb5"), make([]byte, 46)...))
		}
	}
}

// window is what lies between a packet with begin in it and one with end.
func window(t *testing.T, packets []Packet) []Packet {
	t.Helper()
	has := func(text string) int {
		return slices.IndexFunc(packets, func(p Packet) bool { return bytes.Contains(p.Data, []byte(text)) })
	}
	begin, end := has("the window begins"), has("the window ends")
	if begin < 0 || end < begin {
		t.Fatalf("the window is from %d to %d", begin, end)
	}
	return packets[begin : end+1]
}

// inOrder sorts packets by what is in them, and equal ones by their times.
func inOrder(packets []Packet) {
	slices.SortFunc(packets, func(a, b Packet) int {
		return cmp.Or(bytes.Compare(a.Data, b.Data), cmp.Compare(a.WireLength, b.WireLength), cmp.Compare(a.Time, b.Time))
	})
}

// TestAgainstTcpdump captures the same as tcpdump at the same time: the packets
// are the same, to the byte, and so are their times. Those of two processors may
// come to two sockets in different orders.
func TestAgainstTcpdump(t *testing.T) {
	for _, test := range []struct {
		filter  string
		snap    int
		atLeast int
	}{
		{filter: "", snap: 0, atLeast: 300},
		{filter: "", snap: 96, atLeast: 300},
		{filter: "tcp or udp port 9 or vlan", snap: 128, atLeast: 60},
		{filter: "udp", snap: 0, atLeast: 202},
	} {
		t.Run(fmt.Sprintf("%q %d", test.filter, test.snap), func(t *testing.T) {
			a, b := cable(t)
			a.listen(here + ":9")
			mark := b.udp(here + ":9")
			theirs := a.tcpdump("-i", "va", "-s", fmt.Sprint(test.snap), "--", test.filter)
			c := a.open(Options{Interface: "va", Filter: filter(t, test.filter), SnapLength: test.snap, Ring: 64 << 20})
			send(t, mark, "the window begins")
			traffic(t, a, b)
			send(t, mark, "the window ends")
			got, want := window(t, rest(t, c)), window(t, theirs.until(t, "the window ends"))
			if s := statistics(t, c); s.Dropped > 0 || s.Malformed > 0 {
				t.Errorf("got %+v", s)
			}
			if len(got) != len(want) || len(got) < test.atLeast {
				t.Fatalf("got %d packets, want %d, and at least %d", len(got), len(want), test.atLeast)
			}
			inOrder(got)
			inOrder(want)
			apart := make([]int64, len(got))
			for i := range got {
				g, w := got[i], want[i]
				if !bytes.Equal(g.Data, w.Data) || g.WireLength != w.WireLength || g.LinkType != w.LinkType {
					t.Fatalf("packet %d: got %d of %d bytes, want %d of %d\n%x\n%x", i, g.Captured, g.WireLength, w.Captured, w.WireLength, g.Data[:min(64, g.Captured)], w.Data[:min(64, w.Captured)])
				}
				apart[i] = max(g.Time-w.Time, w.Time-g.Time)
			}
			// Most times are the kernel's own of the packet. Of the others each socket notes
			// its own, one after the other.
			slices.Sort(apart)
			usual, most := time.Duration(apart[len(apart)*9/10]), time.Duration(apart[len(apart)-1])
			if usual > 10*time.Microsecond || most > 10*time.Millisecond {
				t.Errorf("nine of ten times are at most %v apart, all at most %v", usual, most)
			}
			t.Logf("%d packets; nine of ten times at most %v apart, all at most %v", len(got), usual, most)
		})
	}
}
