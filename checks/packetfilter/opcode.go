package packetfilter

// The instructions of a filter program, by their numbers in the kernel.
const (
	opLoadConstant  = 0x00
	opLoad          = 0x20 // with a size
	opLoadIndirect  = 0x40 // with a size
	opLoadMemory    = 0x60
	opLoadLength    = 0x80
	opLoadXConstant = 0x01
	opLoadXMemory   = 0x61
	opLoadXLength   = 0x81
	opLoadXHeader   = 0xb1 // four times the low half of a byte: the length of an IPv4 header
	opStore         = 0x02
	opStoreX        = 0x03

	sizeWord = 0x00
	sizeHalf = 0x08
	sizeByte = 0x10

	opAdd        = 0x04
	opSubtract   = 0x14
	opMultiply   = 0x24
	opDivide     = 0x34
	opOr         = 0x44
	opAnd        = 0x54
	opShiftLeft  = 0x64
	opShiftRight = 0x74
	opNegate     = 0x84
	opModulo     = 0x94
	opXor        = 0xa4

	opJump        = 0x05
	opJumpEqual   = 0x15
	opJumpGreater = 0x25
	opJumpAtLeast = 0x35
	opJumpSet     = 0x45

	withX = 0x08 // the other operand is X, not K

	opReturn  = 0x06
	opReturnA = 0x16
	opToX     = 0x07
	opFromX   = 0x87
)
