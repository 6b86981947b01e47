package backups

import (
	"time"

	"gumshoe/checks/reach"
)

// The outcomes of a copy.
const (
	Missing          reach.Outcome = "missing"
	Empty            reach.Outcome = "empty"
	Truncated        reach.Outcome = "truncated"
	Corrupt          reach.Outcome = "corrupt"
	ChecksumMismatch reach.Outcome = "checksum_mismatch"
	TooSmall         reach.Outcome = "too_small"
	BeingWritten     reach.Outcome = "being_written"
	BadStatus        reach.Outcome = "bad_status"
)

// Copy is one place in which a backup is kept.
type Copy struct {
	// Backup is the name of the backup that it is a copy of.
	Backup string `json:"backup" expr:"backup"`
	// Place is the first pattern of its files, or its URL without what may be secret.
	Place string `json:"place" expr:"place"`
	// Medium is what it is kept on, as declared.
	Medium string `json:"medium" expr:"medium"`
	// Remote says that it is a URL, whose content is not read.
	Remote bool `json:"remote" expr:"remote"`
	// Outcome is what was found: ok (there, and whole as far as verified tells);
	// missing (no file, or the URL has none); empty (0 bytes); truncated (its end is
	// missing); corrupt (its content cannot be); checksum_mismatch (it is not what the
	// checksum file beside it is of); too_small (below min_size); being_written (the
	// only one is not yet whole). Of a URL also bad_status (see error), refused,
	// timed_out, reset, unreachable, name_not_found, name_failed, closed, tls_failed,
	// protocol_error, auth_failed and no_permission. Unread when we may not read it.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,missing,empty,truncated,corrupt,checksum_mismatch,too_small,being_written,bad_status,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error,auth_failed,no_permission"`
	// Error says what is behind the outcome, as far as it was told, else "".
	Error string `json:"error" expr:"error"`
	// Good says that it counts as a copy: its outcome is ok and it is not overdue.
	Good bool `json:"good" expr:"good"`

	// Newest is the newest file, or folder; unread without one, as are the following.
	Newest string `json:"newest" expr:"newest"`
	// AgeSeconds is the time since it was last written, below 0 when that is in the
	// future: then a clock is or was wrong.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
	// Overdue says that it is older than half as long again as a new one should take:
	// one was missed.
	Overdue bool `json:"overdue" expr:"overdue"`
	// Behind says that it is overdue although another copy of the backup is not: the
	// backup was made, and not brought here.
	Behind bool `json:"behind" expr:"behind"`
	// SizeBytes is its size, of a folder that of all in it.
	SizeBytes int64 `json:"size_bytes" expr:"size_bytes"`
	// PreviousMedianBytes is the median size of up to 10 files before it; unread for
	// fewer than 3, as is size_percent.
	PreviousMedianBytes int64 `json:"previous_median_bytes" expr:"previous_median_bytes"`
	// SizePercent is size_bytes in percent of that median: 100 is as ever.
	SizePercent float64 `json:"size_percent" expr:"size_percent"`
	// Files is how many files there are, at most 1,000.
	Files int `json:"files" expr:"files"`
	// KeptTooFew is how many fewer there are than should be kept; 0 when nobody has
	// said how many, or a URL is asked.
	KeptTooFew int `json:"kept_too_few" expr:"kept_too_few"`
	// LongestGapSeconds is the longest time between two of the newest 30 files: longer
	// than every_seconds, and one was missed. Unread for fewer than 2.
	LongestGapSeconds float64 `json:"longest_gap_seconds" expr:"longest_gap_seconds"`

	// Format is what the newest file is: auto when it was not told; other when its
	// first bytes tell nothing.
	Format string `json:"format" expr:"format"`
	// Verified is how far it was: whole (all of it was read, and is as its format has
	// it); partly (up to the bounds); structure (its first and last bytes, or its size,
	// are as they should be); unverified (nothing is known to verify it by, or it is a
	// URL). Unread when it could not be read.
	Verified string `json:"verified" expr:"verified" enum:"whole,partly,structure,unverified"`
	// VerifiedBytes is how many bytes of it were read for that.
	VerifiedBytes int64 `json:"verified_bytes" expr:"verified_bytes"`
	// Checksum is what the file beside it with its checksum (.sha256, .sha512, .sha1,
	// .md5) says: matches; differs; none (there is none); unverified (the file is beyond
	// the bounds, or holds no checksum).
	Checksum string `json:"checksum" expr:"checksum" enum:"matches,differs,none,unverified"`

	// Disk is the disk or file server that it is on, such as sda or nas:/export; of a
	// URL the medium.
	Disk string `json:"disk" expr:"disk"`
	// SameDisk says that it is on the same disk as the data. Unread when nobody has
	// said where the data is.
	SameDisk bool `json:"same_disk" expr:"same_disk"`
	// DiskTotalBytes, DiskFreeBytes and DiskUsedPercent are of the file system that it is
	// on, as far as a program may use it; unread of a URL.
	DiskTotalBytes int64 `json:"disk_total_bytes" expr:"disk_total_bytes"`
	// DiskFreeBytes is how much of it is free.
	DiskFreeBytes int64 `json:"disk_free_bytes" expr:"disk_free_bytes"`
	// DiskUsedPercent is how much of it is used.
	DiskUsedPercent float64 `json:"disk_used_percent" expr:"disk_used_percent"`
	// DiskReadOnly says that the file system is mounted so that nothing can be written;
	// unread of a URL.
	DiskReadOnly bool `json:"disk_read_only" expr:"disk_read_only"`

	// Offsite says that it is declared to be in another place than the data.
	Offsite bool `json:"offsite" expr:"offsite"`
	// DeclaredImmutable says that it is declared to be protected from change.
	DeclaredImmutable bool `json:"declared_immutable" expr:"declared_immutable"`
	// Immutable says that the newest file was seen to be protected; unread when that
	// cannot be seen.
	Immutable bool `json:"immutable" expr:"immutable"`
	// ImmutableBy is by what: attribute (chattr +i), read_only_mount, object_lock (of
	// S3, until retain_until_seconds from now), or none.
	ImmutableBy string `json:"immutable_by" expr:"immutable_by" enum:"attribute,read_only_mount,object_lock,none"`
	// RetainUntilSeconds is for how long object_lock still protects it; unread without.
	RetainUntilSeconds float64 `json:"retain_until_seconds" expr:"retain_until_seconds"`
}

// lateFactor is by how much a backup may be older than its interval: a job that
// runs a little later than yesterday is no missed backup.
const lateFactor = 1.5

func overdue(age, every time.Duration) bool {
	return every > 0 && float64(age) > lateFactor*float64(every)
}
