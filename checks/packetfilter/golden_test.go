package packetfilter

import (
	"testing"

	"golang.org/x/net/bpf"
)

// contenders are the ways to run one filter, of which all have to agree.
type contenders struct {
	name             string
	matcher          *Matcher // ours, by our interpreter
	ours, theirs     machine  // by x/net's
	theirMatcher     *Matcher // tcpdump's, by our interpreter
	theirs0          bool     // tcpdump found that no packet can match
	oursText, theirT string
}

func contend(t testing.TB, name, filter string, link LinkType, program []bpf.RawInstruction) contenders {
	t.Helper()
	c := contenders{name: name, matcher: matcherOf(t, filter, link), theirs0: program == nil}
	c.ours, c.oursText = newMachine(t, c.matcher.program), listing(c.matcher.program)
	if c.theirs0 {
		program = []bpf.RawInstruction{{Op: opReturn}}
	}
	c.theirs, c.theirT = newMachine(t, program), listing(program)
	var err error
	if c.theirMatcher, err = NewMatcher(program); err != nil {
		t.Fatal(err)
	}
	return c
}

// agree runs every contender over a packet, and reports the first difference.
func (c contenders) agree(t testing.TB, f frame) bool {
	t.Helper()
	got, want := c.matcher.Match(f.data, f.wire), c.theirMatcher.Match(f.data, f.wire)
	whole := f.wire == len(f.data) // what x/net's machine takes for granted
	switch {
	case got != want:
		t.Errorf("%s: %x of %d bytes: got %v want %v\nours:\n%s\ntcpdump's:\n%s", c.name, f.data, f.wire, got, want, c.oursText, c.theirT)
	case whole && c.ours.match(t, f.data) != got:
		t.Errorf("%s: %x: our interpreter says %v, and x/net's not\n%s", c.name, f.data, got, c.oursText)
	case whole && c.theirs.match(t, f.data) != want:
		t.Errorf("%s: %x: our interpreter says %v of tcpdump's program, and x/net's not\n%s", c.name, f.data, want, c.theirT)
	default:
		return true
	}
	return false
}

// TestGolden compares filters packet by packet with the programs that tcpdump
// compiled of them.
func TestGolden(t *testing.T) {
	all := readGolden(t)
	filters := map[string]bool{}
	matched := 0
	for _, g := range all {
		filters[g.filter] = true
		link := g.linkType(t)
		c := contend(t, g.link+" "+g.filter, g.filter, link, g.program)
		some := false
		for _, f := range wholeFrames(link) {
			if !c.agree(t, f) {
				break
			}
			some = some || c.matcher.Match(f.data, f.wire)
		}
		if some {
			matched++
		}
		if some && c.theirs0 {
			t.Errorf("%s: tcpdump says that no packet matches, and one does", c.name)
		}
	}
	if len(filters) < 80 || len(all) < 150 {
		t.Errorf("only %d filters and %d programs were compared", len(filters), len(all))
	}
	if matched < len(all)*8/10 {
		t.Errorf("only %d of %d programs matched any packet: that compares little", matched, len(all))
	}
}

// TestGoldenBroken does the same over packets that are cut off or garbled.
func TestGoldenBroken(t *testing.T) {
	for _, g := range readGolden(t) {
		link := g.linkType(t)
		c := contend(t, g.link+" "+g.filter, g.filter, link, g.program)
		for _, f := range brokenFrames(link) {
			if !c.agree(t, f) {
				break
			}
		}
	}
}

// TestGoldenCaptures does the same over real captures.
func TestGoldenCaptures(t *testing.T) {
	files := captures(t)
	packets, filters := 0, 0
	for _, g := range readGolden(t) {
		if g.link != Ethernet.String() {
			continue
		}
		c := contend(t, g.filter, g.filter, Ethernet, g.program)
		filters++
		packets = 0
		for _, file := range files {
			if file.link != Ethernet {
				t.Errorf("%s: link type %v", file.path, file.link)
			}
			for _, f := range file.frames {
				packets++
				if !c.agree(t, f) {
					t.Fatalf("in %s", file.path)
				}
			}
		}
	}
	t.Logf("%d filters over %d packets", filters, packets)
}
