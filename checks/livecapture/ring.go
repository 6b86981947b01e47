package livecapture

import (
	"fmt"
	"os"

	"gumshoe/checks/capturefile"
)

const (
	usualBlock = 128 << 10
	leastBlock = 16 << 10
	fewBlocks  = 16 // below which blocks become smaller: one that is not full is used up too
	aroundData = 512
)

// ringLayout divides a ring into blocks. One of them has room for the longest
// packet; each is a power of two, and whole pages.
func ringLayout(ring, snap int) (blockSize, blocks int, err error) {
	switch {
	case snap < 0, snap > capturefile.MaxData:
		return 0, 0, fmt.Errorf("a snap length of %d bytes: it is from 1 to %d, or 0 for all", snap, capturefile.MaxData)
	case ring == 0:
		ring = DefaultRing
	case ring < MinRing, ring > MaxRing:
		return 0, 0, fmt.Errorf("a ring of %d bytes: it is from %d to %d", ring, MinRing, MaxRing)
	}
	need := snap + aroundData
	if snap == 0 {
		need = capturefile.MaxData
	}
	blockSize = usualBlock
	for blockSize > leastBlock && blockSize*fewBlocks > ring {
		blockSize /= 2
	}
	for blockSize < need || blockSize < os.Getpagesize() {
		blockSize *= 2
	}
	return blockSize, max(2, (ring+blockSize-1)/blockSize), nil
}
