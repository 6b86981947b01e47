package packets

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/packetfilter"
	"gumshoe/checks/packets/traffic"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// FileInput are the inputs of packets.file.
type FileInput struct {
	// Path is the file: pcap or pcapng, plain or packed with gzip or zstd.
	Path string `json:"path" required:"true" format:"path"`
	// Filter says which packets to look at, in tcpdump's syntax, or as a program that
	// tcpdump -ddd printed; "" means all. Values from an input or an alert go into host
	// and port.
	Filter string `json:"filter" program:"host"`
	// Host narrows the filter to packets to or from it: an address, or a name that is
	// looked up.
	Host string `json:"host" format:"host"`
	// Port narrows the filter to packets to or from this port of TCP, UDP or SCTP; 0
	// means any.
	Port int `json:"port" min:"0" max:"65535"`
}

// Packets makes the checks.
type Packets struct {
	allow *reach.AllowList
}

// New makes the checks. The list is asked before anything is asked of another host.
func New(allow *reach.AllowList) Packets { return Packets{allow} }

// File is the check packets.file.
//
// A file that is damaged, cut off or still being written is read up to there, and
// incomplete says so. Memory does not grow with the file.
//
// Example:
//
//	wire: { check: packets.file, with: { path: /tmp/db.pcap, filter: tcp, host: 10.0.0.5, port: 5432 } }
//
// By hand:
//
//	tshark -r /tmp/db.pcap -q -z expert -z conv,tcp 'tcp.port == 5432'
func (p Packets) File() engine.Check[FileInput, Traffic] {
	return engine.Check[FileInput, Traffic]{
		Name:      "packets.file",
		Doc:       "What the packets of a capture file say: who loses, refuses, resets, does not answer or is slow, with the packets that prove it.",
		Cost:      500 * time.Millisecond,
		Risk:      engine.Read,
		Verify:    map[string]func(string) error{"filter": verifyFilter},
		Plan:      planFile,
		Run:       lookFile,
		Summarize: summarize,
	}
}

func planFile(in FileInput) []engine.Touch {
	touches := []engine.Touch{{Kind: engine.TouchFile, What: in.Path, How: "read"}}
	return append(touches, planHost(in.Host)...)
}

// planHost lists what looking up a host's address touches.
func planHost(host string) []engine.Touch {
	if host == "" {
		return nil
	}
	return reach.PlanName(host)
}

func lookFile(ctx context.Context, call *engine.Call, in FileInput) (Traffic, error) {
	var o Traffic
	wanted, err := selectBy(ctx, in.Filter, in.Host, in.Port)
	if err != nil {
		return o, err
	}
	reproduceFile(call, in.Path, wanted)
	r, err := capturefile.Open(ctx, in.Path)
	if err != nil {
		return o, notReadable(in.Path, err)
	}
	defer r.Close()
	report, err := readAll(ctx, r, wanted, &o)
	if err != nil {
		return o, err
	}
	o.Source, o.Format = in.Path, r.Format()
	if r.Packing() != "none" {
		o.Format += ", " + r.Packing()
	}
	told := len(r.Interfaces()) > 0
	for _, i := range r.Interfaces() {
		o.Links = append(o.Links, Link{i.Name, i.LinkType.String(), i.Packets})
		o.Lost += max(i.Statistics.Lost(), 0)
		told = told && i.Statistics.Lost() >= 0
	}
	if !told && o.Lost == 0 {
		call.NotAsked("lost", "the file does not say", "")
	}
	o.fill(call, report)
	return o, nil
}

// readAll analyses the packets of a file that are wanted.
func readAll(ctx context.Context, r *capturefile.Reader, wanted selection, o *Traffic) (*traffic.Report, error) {
	analysis := traffic.NewAnalysis()
	matchers := map[packetfilter.LinkType]*packetfilter.Matcher{}
	var (
		p    capturefile.Packet
		last packetfilter.LinkType = -1
		m    *packetfilter.Matcher
	)
	o.Links, o.Complete = []Link{}, true
	for {
		err := r.Next(&p)
		var damage *capturefile.DamageError
		switch {
		case errors.Is(err, io.EOF):
			return analysis.Finish(), nil
		case errors.As(err, &damage):
			o.Complete, o.Incomplete = false, damage.Error()
			return analysis.Finish(), nil
		case err != nil:
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, engine.Blind("the file cannot be read", "", err)
		}
		o.Seen++
		if link := filterLink(p.LinkType, r.BigEndian()); link != last {
			last = link
			if m = matchers[link]; m == nil {
				if m, err = wanted.matcher(link); err != nil {
					return nil, err
				}
				matchers[link] = m
			}
		}
		if !m.Match(p.Data, p.WireLength) {
			continue
		}
		analysis.Take(&traffic.Packet{Link: int(p.LinkType), Number: p.Number, Time: p.Time, Data: p.Data, Wire: p.WireLength})
	}
}

// filterLink is the link type as the filters know it.
func filterLink(l capturefile.LinkType, bigEndian bool) packetfilter.LinkType {
	switch {
	case l == capturefile.Null && bigEndian:
		return packetfilter.NullBigEndian
	case l == capturefile.RawBSD, l == capturefile.RawOpen:
		return packetfilter.Raw
	}
	return packetfilter.LinkType(l)
}

// notReadable says why a file was not read, and what to do.
func notReadable(path string, err error) error {
	var damage *capturefile.DamageError
	var other *capturefile.NotCaptureError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return engine.Blind(path+" does not exist", "give the path of a capture file", nil)
	case errors.Is(err, fs.ErrPermission):
		return engine.Blind(path+" may not be read by us", "let our user read it: chmod, or run as its owner", nil)
	case errors.As(err, &other):
		return engine.Blind(path+" is "+other.Error(), other.Fix, nil)
	case errors.As(err, &damage):
		return engine.Blind(path+": "+damage.Error(), "", nil)
	}
	return engine.Blind(path+" cannot be read", "", err)
}

func reproduceFile(call *engine.Call, path string, wanted selection) {
	argv := []string{"tcpdump", "-nn", "-r", path}
	if wanted.text != "" {
		argv = append(argv, wanted.text)
	}
	call.Reproduce(argv...)
	call.Reproduce("tshark", "-r", path, "-q", "-z", "expert", "-z", "conv,tcp")
}
