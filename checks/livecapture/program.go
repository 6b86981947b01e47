package livecapture

import (
	"errors"
	"fmt"

	"golang.org/x/net/bpf"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/packetfilter"
)

// What the programs here are made of: instructions, and what the kernel knows
// beside the packet (SKF_AD_…).
const (
	opLoadWord  = 0x20
	opJump      = 0x05
	opJumpEqual = 0x15
	opReturn    = 0x06

	metadata         = 0xfffff000
	metadataType     = metadata + 4  // where the packet went
	metadataHardware = metadata + 28 // kind of the interface

	typeOutgoing = 4

	maxProgram = 4096 // instructions that the kernel takes
)

// nothing is the program that takes no packet.
func nothing() []bpf.RawInstruction { return []bpf.RawInstruction{{Op: opReturn}} }

// kept is how many bytes of a packet a program asks for.
func kept(snap int) uint32 {
	if snap == 0 {
		return capturefile.MaxData
	}
	return uint32(snap)
}

// compile makes a filter's program for a link type, which keeps that many bytes.
func compile(f *packetfilter.Filter, link capturefile.LinkType, snap int) ([]bpf.RawInstruction, error) {
	if f == nil {
		return []bpf.RawInstruction{{Op: opReturn, K: kept(snap)}}, nil
	}
	program, err := f.Program(packetfilter.LinkType(link), true)
	if err != nil {
		return nil, err
	}
	for i, r := range program {
		if r.Op == opReturn && r.K != 0 {
			program[i].K = kept(snap)
		}
	}
	return program, nil
}

// notOutgoing takes no packet that goes out: on a loopback interface it comes in
// again.
func notOutgoing() []bpf.RawInstruction {
	return []bpf.RawInstruction{{Op: opLoadWord, K: metadataType}, {Op: opJumpEqual, K: typeOutgoing, Jf: 1}, {Op: opReturn}}
}

// programOne is the program for packets of one interface.
func programOne(f *packetfilter.Filter, link capturefile.LinkType, loopback bool, snap int) ([]bpf.RawInstruction, error) {
	program, err := compile(f, link, snap)
	if err != nil {
		return nil, err
	}
	if loopback {
		program = append(notOutgoing(), program...)
	}
	return program, fits(program)
}

// programAll is the program for packets of all interfaces: it goes by the kind of
// the interface to what is for its link type, and takes no packet of others. Raw
// tells whether raw IP is among those that it takes: a filter may be one that
// cannot be asked of it.
func programAll(f *packetfilter.Filter, snap int) (program []bpf.RawInstruction, raw bool, err error) {
	ethernet, err := compile(f, capturefile.Ethernet, snap)
	rawProgram, rawErr := compile(f, capturefile.Raw, snap)
	var cannot *packetfilter.Error
	switch {
	case err != nil:
		return nil, false, err
	case rawErr != nil && !errors.As(rawErr, &cannot):
		return nil, false, rawErr
	case rawErr != nil:
		rawProgram = nothing()
	}
	ethernet = append(notOutgoing(), ethernet...)
	withEthernet := len(notOutgoing()) // where Ethernet begins that is not loopback
	// Each test jumps over a jump, as a test alone does not reach far enough.
	tests := 2 + len(rawIP())
	start := 1 + 2*tests + 1 // of the program for Ethernet, behind the last return
	program = append(program, bpf.RawInstruction{Op: opLoadWord, K: metadataHardware})
	is := func(hardware uint16, target int) {
		program = append(program, bpf.RawInstruction{Op: opJumpEqual, K: uint32(hardware), Jf: 1},
			bpf.RawInstruction{Op: opJump, K: uint32(target - len(program) - 2)})
	}
	is(hardwareEthernet, start+withEthernet)
	is(hardwareLoopback, start)
	for _, hardware := range rawIP() {
		is(hardware, start+len(ethernet))
	}
	program = append(program, nothing()...)
	program = append(append(program, ethernet...), rawProgram...)
	return program, rawErr == nil, fits(program)
}

func fits(program []bpf.RawInstruction) error {
	if len(program) > maxProgram {
		return fmt.Errorf("the filter takes %d instructions, and the kernel takes %d: take some conditions out", len(program), maxProgram)
	}
	return nil
}
