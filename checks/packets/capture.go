package packets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/livecapture"
	"gumshoe/checks/packetfilter"
	"gumshoe/checks/packets/traffic"
	"gumshoe/engine"
)

// CaptureInput are the inputs of packets.capture.
type CaptureInput struct {
	// Interface is where to capture, such as eth0; any means all of them.
	Interface string `json:"interface" default:"any"`
	// Filter says which packets to take, in tcpdump's syntax, or as a program that
	// tcpdump -ddd printed; "" means all. Values from an input or an alert go into host
	// and port.
	Filter string `json:"filter" program:"host"`
	// Host narrows the filter to packets to or from it: an address, or a name that is
	// looked up.
	Host string `json:"host" format:"host"`
	// Port narrows the filter to packets to or from this port of TCP, UDP or SCTP; 0
	// means any.
	Port int `json:"port" min:"0" max:"65535"`
	// Window is how long to capture. A step whose timeout is shorter captures until
	// shortly before.
	Window time.Duration `json:"window" default:"10s" min:"100ms" max:"5m"`
	// MaxPackets ends the capture before the window does.
	MaxPackets int64 `json:"max_packets" default:"5000000" min:"1" max:"1000000000"`
	// MaxBytes ends it too: those captured, after each packet was cut to snap_bytes.
	MaxBytes int64 `json:"max_bytes" default:"2000000000" min:"65536" max:"1000000000000"`
	// SnapBytes is how much of each packet is captured. The default has the headers,
	// names of DNS and the beginnings of TLS and HTTP; 0 takes all.
	SnapBytes int `json:"snap_bytes" default:"256" min:"0" max:"262144"`
	// Ask is something to ask for while capturing, once a second, so that there are
	// packets to see: tcp://HOST:PORT connects, dns://SERVER/NAME asks the name server
	// for an address of the name, http:// and https:// get the page. "" asks for nothing.
	Ask string `json:"ask"`
	// Promiscuous takes packets that are not for this host too, where the network gives
	// them to it. It needs the name of an interface.
	Promiscuous bool `json:"promiscuous"`
	// Keep says what of the packets is kept in a file beside the record of the run, of
	// at most 32 MiB: headers (of TCP and UDP no data at all, of what is neither the
	// first 96 bytes), all that was captured, or none.
	Keep string `json:"keep" default:"headers" enum:"headers,all,none"`
}

// Capture is the check packets.capture.
//
// It reads what passes the interfaces of this host, and sends nothing but what ask
// says. It needs the
// capability CAP_NET_RAW. Large segments that the network card still has to cut, or
// has put together, are one packet here, as for tcpdump. What passes several
// interfaces, such as a bridge and its port, counts on the first.
//
// Example:
//
//	wire: { check: packets.capture, with: { filter: tcp, host: 10.0.0.5, port: 5432, window: 10s } }
//
// By hand:
//
//	tcpdump -i any -s 256 -w /tmp/db.pcap 'tcp and host 10.0.0.5 and port 5432'
func (p Packets) Capture() engine.Check[CaptureInput, Traffic] {
	return engine.Check[CaptureInput, Traffic]{
		Name:      "packets.capture",
		Doc:       "What the packets say that pass this host now: who loses, refuses, resets, does not answer or is slow, with the packets that prove it.",
		Cost:      10 * time.Second,
		Risk:      engine.Read,
		Verify:    map[string]func(string) error{"filter": verifyFilter, "ask": verifyAsk},
		Resource:  "capture",
		Target:    targetAsk,
		Plan:      planCapture,
		Run:       p.lookCapture,
		Summarize: summarize,
	}
}

func planCapture(in CaptureInput) []engine.Touch {
	touches := []engine.Touch{{Kind: engine.TouchNetwork, What: "interface " + in.Interface, How: "capture packets"}}
	return append(append(touches, planHost(in.Host)...), planAsk(in)...)
}

// Bounds of a capture.
const (
	maxKept  = 32 << 20               // of the file, in bytes
	toReport = 300 * time.Millisecond // before the step's time ends
)

// capturing is a capture that goes on.
type capturing struct {
	in       CaptureInput
	source   *livecapture.Capture
	match    *packetfilter.Matcher // of a program, which is not asked of the kernel; nil for a filter
	analysis *traffic.Analysis
	keep     *kept
	packets  map[int]int64 // by interface
	bytes    int64
	o        *Traffic
}

func (p Packets) lookCapture(ctx context.Context, call *engine.Call, in CaptureInput) (Traffic, error) {
	end := time.Now().Add(in.Window)
	early := ""
	if deadline, ok := ctx.Deadline(); ok && deadline.Add(-toReport).Before(end) {
		if time.Until(deadline) < 2*toReport { // which opening and closing take on a busy host
			return Traffic{}, engine.Blind("the time of the step is too short to capture anything", "give the step a timeout that is longer than its window", nil)
		}
		end, early = deadline.Add(-toReport), "the time of the step ended before the window"
	}
	window, stop := context.WithDeadline(ctx, end)
	defer stop()
	o, err := p.capture(ctx, window, call, in)
	if o.Complete && early != "" {
		o.Complete, o.Incomplete = false, early
	}
	return o, err
}

// capture looks at packets until the window ends.
func (p Packets) capture(ctx, window context.Context, call *engine.Call, in CaptureInput) (Traffic, error) {
	o := Traffic{Source: in.Interface, Format: "live", Links: []Link{}, Complete: true}
	wanted, err := selectBy(ctx, in.Filter, in.Host, in.Port)
	if err != nil {
		return o, err
	}
	ask, err := p.asker(in.Ask)
	if err != nil {
		return o, notAsked(err)
	}
	reproduceCapture(call, in, wanted)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	c := capturing{in: in, analysis: traffic.NewAnalysis(), packets: map[int]int64{}, o: &o}
	c.analysis.Distinct()
	if wanted.program != nil {
		if c.match, err = packetfilter.NewMatcher(wanted.program); err != nil {
			return o, wrongFilter(err)
		}
	}
	c.source, err = livecapture.Open(livecapture.Options{Interface: in.Interface, Filter: wanted.filter, SnapLength: in.SnapBytes, Promiscuous: in.Promiscuous})
	if err != nil {
		return o, notCaptured(err)
	}
	defer c.source.Close()
	c.keep = newKept(call, in)
	defer c.keep.discard()
	wait := ask.start(window)
	err = c.run(ctx, window)
	wait()
	if o.Asked, o.Answered = ask.asked, ask.answered; err != nil || ask.err != nil {
		return o, cmp.Or(ask.err, err)
	}
	return o, c.finish(call)
}

// notAsked says why what is asked for cannot be.
func notAsked(err error) error {
	if refused, ok := errors.AsType[*engine.RefusedError](err); ok {
		return refused
	}
	return engine.Blind("ask: "+err.Error(), "give it as tcp://HOST:PORT, dns://SERVER/NAME or a URL of http or https", nil)
}

// run takes packets until the window ends, or a limit is reached.
func (c *capturing) run(ctx, window context.Context) error {
	err := c.until(window)
	if err == nil || ctx.Err() != nil || !errors.Is(err, window.Err()) {
		return err
	}
	// What was captured within the window is still to be given.
	if err := c.source.Stop(); err != nil {
		return engine.Blind("the capture cannot be ended", "", err)
	}
	return c.until(ctx)
}

// until takes packets until no more are to come. The error is that of the context
// when it ends.
func (c *capturing) until(ctx context.Context) error {
	var p livecapture.Packet
	for {
		err := c.source.Next(ctx, &p)
		var trouble *livecapture.InterfaceError
		switch {
		case err == nil:
			c.take(&p.Packet)
			if c.o.Seen >= c.in.MaxPackets || c.bytes >= c.in.MaxBytes {
				c.o.Complete, c.o.Incomplete = false, "max_packets or max_bytes was reached before the window ended"
				return nil
			}
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &trouble):
			c.o.Complete, c.o.Incomplete = false, trouble.Error()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			return engine.Blind("the capture has failed", "", err)
		}
	}
}

// take analyses a packet.
func (c *capturing) take(p *capturefile.Packet) {
	c.o.Seen++
	c.bytes += int64(len(p.Data))
	if c.match != nil && !c.match.Match(p.Data, p.WireLength) {
		return
	}
	c.packets[p.Interface]++
	c.analysis.Take(&traffic.Packet{
		Link: int(p.LinkType), Number: c.analysis.Packets() + 1, Time: p.Time, Interface: p.Interface, Data: p.Data, Wire: p.WireLength,
	})
	c.keep.take(c, p)
}

// finish says what came of the capture.
func (c *capturing) finish(call *engine.Call) error {
	counts, err := c.source.Statistics()
	if err != nil {
		return engine.Blind("how many packets were lost is not known", "", err)
	}
	c.o.Lost = counts.Dropped
	for i, at := range c.source.Interfaces() {
		c.o.Links = append(c.o.Links, Link{at.Name, at.LinkType.String(), c.packets[i]})
	}
	for _, left := range c.source.LeftOut() {
		call.Unread("links", "not captured: "+left, "name the interface")
	}
	c.o.fill(call, c.analysis.Finish())
	if text := c.keep.close(counts); text != "" {
		call.Excerpt("the packets are not kept", text)
	}
	return nil
}

// notCaptured says why nothing can be captured, and what to do.
func notCaptured(err error) error {
	if fault, ok := errors.AsType[*packetfilter.Error](err); ok {
		return wrongFilter(fault)
	}
	var fixed interface{ Fix() string }
	if errors.As(err, &fixed) {
		return engine.Blind(err.Error(), fixed.Fix(), nil)
	}
	return engine.Blind("packets cannot be captured", "", err)
}

func reproduceCapture(call *engine.Call, in CaptureInput, wanted selection) {
	argv := []string{"timeout", in.Window.String(), "tcpdump", "-nn", "-i", in.Interface, "-s", fmt.Sprint(in.SnapBytes), "-w", "packets.pcap"}
	if !in.Promiscuous {
		argv = append(argv, "-p")
	}
	if wanted.text != "" {
		argv = append(argv, wanted.text)
	}
	call.Reproduce(argv...)
}
