package kernellog

import (
	"slices"
	"strings"
)

// storage reads what the block layer and the drivers below it say. A failed
// request has one line of the block layer, which is the one that counts; lines of
// drivers on the same request (sense data, status of NVMe) do not.
func storage(text string) *Event {
	if device, ok := blockError(text); ok {
		return &Event{Kind: IOError, Device: device}
	}
	if rest, ok := strings.CutPrefix(text, "Buffer I/O error on dev"); ok {
		rest = strings.TrimPrefix(rest, "ice") // "on device sda1," before 3.19
		return &Event{Kind: IOError, Device: word(strings.TrimPrefix(rest, " "), ", ")}
	}
	if rest, ok := strings.CutPrefix(text, "lost page write due to I/O error on "); ok { // before 3.19
		return &Event{Kind: IOError, Device: word(rest, " ,")}
	}
	if prefixed(text, "md/") { // "md/raid1:md0: Disk failure on sdb1, disabling device."
		if _, rest, ok := strings.Cut(text, ": Disk failure on "); ok {
			return &Event{Kind: IOError, Device: word(rest, ", ")}
		}
		return nil
	}
	if device, ok := resets(text); ok {
		return &Event{Kind: StorageReset, Device: device}
	}
	if rest, ok := strings.CutPrefix(text, "nfs: server "); ok {
		if server, after, ok := strings.Cut(rest, " "); ok && prefixed(after, "not responding") {
			return &Event{Kind: NFSTimeout, Device: server}
		}
	}
	return nil
}

// blockError reads "I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 …".
// Before it stood "end_request: " (to 3.18), "blk_update_request: " (3.19 to 4.14
// and 5.2 to 5.15) or "print_req_error: " (4.15 to 5.1); and instead of "I/O" may
// stand what the device said. "operation not supported" is no fault: it is how a
// device answers that it cannot discard.
func blockError(text string) (device string, ok bool) {
	what, rest, found := strings.Cut(text, " error, dev ")
	if !found {
		return "", false
	}
	for _, caller := range [...]string{"blk_update_request: ", "print_req_error: ", "blk_print_req_error: ", "end_request: "} {
		what = strings.TrimPrefix(what, caller)
	}
	known := slices.Contains([]string{
		"I/O", "critical medium", "critical target", "critical nexus", "critical space allocation", "timeout",
		"recoverable transport", "protection", "device offline", "device resource", "dm internal retry",
	}, what)
	return word(rest, ", "), known
}

// resets reads what drivers say when a device does not answer.
func resets(text string) (device string, ok bool) {
	switch {
	case prefixed(text, "nvme "):
		// "nvme nvme0: I/O 12 QID 3 timeout, aborting", since 6.5 "I/O tag 12 (a00c) …"
		if device, rest, found := strings.Cut(text[len("nvme "):], ": "); found {
			return device, prefixed(rest, "controller is down; will reset", "Device not ready; aborting", "Removing after probe failure") ||
				prefixed(rest, "I/O ") && mentions(rest, " timeout, ")
		}
	case prefixed(text, "ata"):
		// "ata1.00: exception Emask 0x0 SAct 0x1 SErr 0x0 action 0x6 frozen"
		if device, rest, found := strings.Cut(text, ": "); found {
			return device, prefixed(rest, "exception Emask ", "hard resetting link", "COMRESET failed", "softreset failed", "reset failed, giving up")
		}
	case prefixed(text, "sd ", "sr ", "st "):
		// "sd 0:0:0:0: [sda] tag#3 timing out command, waited 180s"
		if !mentions(text, "rejecting I/O to offline device", "timing out command, waited", "Device offlined", "attempting task abort") {
			return "", false
		}
		if _, rest, found := strings.Cut(text, "["); found {
			return word(rest, "]"), true
		}
		return strings.TrimSuffix(word(text[len("sd "):], " "), ":"), true
	case prefixed(text, "mmc"):
		if device, rest, found := strings.Cut(text, ": "); found {
			return device, prefixed(rest, "Timeout waiting for hardware", "cache flush error", "recovery failed")
		}
	case prefixed(text, "device-mapper: multipath: "):
		// "device-mapper: multipath: 253:3: Failing path 8:16."
		if _, path, found := strings.Cut(text, "Failing path "); found {
			return strings.TrimSuffix(word(path, " "), "."), true
		}
	}
	return "", false
}

// filesystem reads what file systems say about themselves.
func filesystem(text string) *Event {
	if !begins(text, "ABEFJXej") {
		return nil
	}
	switch {
	case prefixed(text, "EXT2-fs", "EXT3-fs", "EXT4-fs"):
		return extfs(text[len("EXT4-fs"):])
	case prefixed(text, "JBD2: ", "jbd2: ", "Aborting journal on device "):
		// "Aborting journal on device sda1-8." "JBD2: Error -5 detected when flushing journal for sda1-8"
		for _, before := range [...]string{"Aborting journal on device ", "detected when flushing journal for ", "I/O error when updating journal superblock for "} {
			if _, rest, ok := strings.Cut(text, before); ok {
				return broken(word(strings.TrimSuffix(rest, "."), "- "), false)
			}
		}
	case prefixed(text, "XFS ("):
		device, rest, _ := strings.Cut(text[len("XFS ("):], ")")
		down := mentions(rest, "hutting down filesystem", "has been shut down", "xfs_do_force_shutdown", "hutdown of filesystem")
		if down || mentions(rest, "orruption", "Internal error", "I/O error", "log_force: error ", "metadata I/O error") {
			return broken(device, down)
		}
	case prefixed(text, "BTRFS"), prefixed(text, "Btrfs"):
		// "BTRFS: error (device sda1) in …" "BTRFS error (device sda1 state EA): …"
		head, rest, ok := strings.Cut(text, "(device ")
		readOnly := strings.Contains(rest, "forced readonly")
		if ok && (readOnly || mentions(head, " error ", " critical ") || mentions(head, " warning ") && mentions(rest, "csum failed")) {
			return broken(word(rest, " :)"), readOnly)
		}
	case prefixed(text, "F2FS-fs (", "FAT-fs (", "exFAT-fs ("):
		_, rest, _ := strings.Cut(text, "(")
		device, rest, _ := strings.Cut(rest, "): ")
		readOnly := mentions(rest, "emounting filesystem read-only", "has been set read-only")
		if readOnly || prefixed(rest, "error, ", "Inconsistent ", "invalid crc") {
			return broken(device, readOnly)
		}
	}
	return nil
}

// extfs reads what follows "EXT4-fs":
//
//	EXT4-fs error (device sda1): ext4_lookup:1602: inode #2: comm ls: deleted inode referenced: 12
//	EXT4-fs (sda1): Remounting filesystem read-only
func extfs(rest string) *Event {
	if after, ok := strings.CutPrefix(rest, " error (device "); ok {
		return broken(word(after, ")"), false)
	}
	after, ok := strings.CutPrefix(rest, " (")
	if !ok {
		return nil
	}
	device, said, _ := strings.Cut(after, "): ")
	readOnly := prefixed(said, "Remounting filesystem read-only")
	if readOnly || prefixed(said, "I/O error while writing superblock", "previous I/O error to superblock detected") ||
		mentions(said, "This should not happen!!", "Delayed block allocation failed") {
		return broken(device, readOnly)
	}
	return nil
}

func broken(device string, readOnly bool) *Event {
	return &Event{Kind: FilesystemError, Device: device, ReadOnly: readOnly}
}
