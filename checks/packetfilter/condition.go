package packetfilter

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// condition is what is left of a filter for one link type: tests of bytes, and
// how they are joined. They are made in the order in which the filter names them,
// and one that asks for bytes behind the packet's end rejects the packet, even
// below a not.
type condition interface{ isCondition() }

type (
	// always is true of each packet, or of none, and nothing is asked for it.
	always bool
	// joined is two conditions, of which the second is only looked at when the
	// first does not decide.
	joined struct {
		and         bool
		left, right condition
	}
	inverse struct{ of condition }
	// choice is one condition or another.
	choice struct{ when, then, otherwise condition }
	test   struct {
		load     load
		operator operator
		value    uint32
		code     []bpf.RawInstruction // in place of that of load, when it takes several: it leaves a value in A
		register bool                 // compare with X, in place of value
		fixed    bool                 // but X was found to be always value
		right    string               // with register, what is in X
		first    load                 // what stands for load when tests are reordered first, if it is another
		settled  settled
		outcome  bool // once it is settled
	}
)

func (always) isCondition()  {}
func (joined) isCondition()  {}
func (inverse) isCondition() {}
func (choice) isCondition()  {}
func (test) isCondition()    {}

// settled is when libpcap finds that a test has always the same outcome: it
// counts as a test until then, among those that are reordered.
type settled int

const (
	never settled = iota
	atFirst
	atSecond
	atLast // when nothing is moved any more
)

// operator compares a value, as the jumps of a program do.
type operator uint16

const (
	equals  operator = opJumpEqual
	greater operator = opJumpGreater
	atLeast operator = opJumpAtLeast
	anyBit  operator = opJumpSet
)

// mode is where a load finds its value.
type mode int

const (
	absolute   mode = iota // at an offset
	behindIPv4             // at an offset behind an IPv4 header, which begins at base
	wireLength             // the packet's length on the wire
	metadata               // what the kernel knows of the packet
)

// What the kernel knows of a packet, by its number.
const (
	ancillary      = 0xfffff000
	vlanTag        = 44
	vlanTagPresent = 48
)

// load is a value of the packet. Two that are equal have the same value.
type load struct {
	mode   mode
	size   uint32
	offset uint32
	base   uint32
	mask   uint32 // 0 for none
	// Of an arithmetic expression, which libpcap does not recognize as what a
	// condition loads until no test is moved any more. Code is it, of one that takes
	// several instructions.
	written bool
	code    string
}

func equal(l load, value uint32) condition {
	return test{load: l, operator: equals, value: value}
}

func both(left, right condition) condition { return joined{true, left, right} }

func either(left, right condition) condition { return joined{false, left, right} }

// decided is a test that has always the same outcome.
func decided(outcome bool) condition {
	return test{load: load{written: true, code: fmt.Sprint(outcome)}, settled: atFirst, outcome: outcome}
}
