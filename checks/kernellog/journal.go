package kernellog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is read from the journal, and of one line of it.
const (
	maxJournal      = 64 << 20
	maxJournalLine  = 1 << 20
	maxJournalLines = "50000"
)

// JournalCommand is the command that gives the kernel's messages of this boot from
// the journal, newest first: what is older than the window need not be read then,
// and the command does not depend on the window.
func JournalCommand(program string) []string {
	return []string{
		program, "--dmesg", "--reverse", "--lines=" + maxJournalLines,
		"--output=json", "--quiet", "--no-pager",
	}
}

// ReadJournal runs JournalCommand and reads the records since a time. The program
// has no more than this process may see: without access to the system's journal,
// there is an error or there are no records.
func ReadJournal(ctx context.Context, program string, since time.Time) (Log, error) {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	argv := JournalCommand(program)
	cmd := exec.CommandContext(inner, argv[0], argv[1:]...)
	cmd.Env = []string{"LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.WaitDelay = 100 * time.Millisecond
	complaint := &head{room: 500}
	cmd.Stderr = complaint
	output, err := cmd.StdoutPipe()
	if err != nil {
		return Log{}, err
	}
	if err := cmd.Start(); err != nil {
		return Log{}, err
	}
	limited := &io.LimitedReader{R: output, N: maxJournal}
	log, enough := ParseJournal(limited, since)
	if enough = enough || limited.N <= 0; enough {
		stop() // it has more, and we need no more
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return Log{}, ctx.Err()
	case enough, err == nil:
		return log, nil
	}
	var ended *exec.ExitError
	if said := strings.TrimSpace(complaint.String()); errors.As(err, &ended) && said != "" {
		return Log{}, fmt.Errorf("%w: %s", err, said)
	}
	return Log{}, err
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	room int
}

// Write takes everything, so that the writer does not stall.
func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), h.room-h.Len())])
	return len(p), nil
}

// ParseJournal takes apart what JournalCommand prints: a JSON object a line, the
// newest first. It tells whether it stopped before the end, because what follows
// is older than the window, or too much.
func ParseJournal(output io.Reader, since time.Time) (log Log, enough bool) {
	lines := bufio.NewScanner(output)
	lines.Buffer(make([]byte, 64<<10), maxJournalLine)
	var oldest time.Time
	whole, began := true, false
	for lines.Scan() {
		r, ok := journalRecord(lines.Bytes())
		if !ok {
			if whole { // what is older is not without a gap
				whole, log.From = false, oldest
			}
			log.Lost++
			continue
		}
		if whole {
			oldest = r.Time
		}
		if r.Facility != 0 {
			continue
		}
		log.Seen++
		if r.Time.Before(since) {
			enough = true
			break
		}
		log.Records = append(log.Records, r)
		began = strings.HasPrefix(r.Text, "Linux version ")
	}
	slices.Reverse(log.Records)
	if lines.Err() != nil {
		enough, began = true, false
	}
	if whole && (!began || enough) { // the kernel's first words: nothing is older
		log.From = oldest
	}
	return log, enough
}

// journalRecord reads the fields of systemd.journal-fields(7) that we need. Each is
// text, or an array of bytes when it is not plain text, or null when it is long.
func journalRecord(line []byte) (r Record, ok bool) {
	var entry struct {
		Message  json.RawMessage `json:"MESSAGE"`
		Priority string          `json:"PRIORITY"`
		Facility string          `json:"SYSLOG_FACILITY"`
		Time     string          `json:"__REALTIME_TIMESTAMP"`
		Received string          `json:"__MONOTONIC_TIMESTAMP"`
		Logged   string          `json:"_SOURCE_MONOTONIC_TIMESTAMP"`
	}
	if json.Unmarshal(line, &entry) != nil {
		return r, false
	}
	micros, err := strconv.ParseInt(entry.Time, 10, 64)
	if err != nil || micros <= 0 || micros > 1<<53 {
		return r, false
	}
	r.Time = time.UnixMicro(micros - lag(entry.Received, entry.Logged))
	if r.Level, err = strconv.Atoi(entry.Priority); err != nil || r.Level < 0 || r.Level > 7 {
		return r, false
	}
	if r.Facility, err = strconv.Atoi(entry.Facility); err != nil || r.Facility < 0 {
		return r, false
	}
	if string(entry.Message) == "null" {
		return r, false
	}
	if json.Unmarshal(entry.Message, &r.Text) == nil {
		return r, true
	}
	var numbers []int
	if json.Unmarshal(entry.Message, &numbers) != nil {
		return r, false
	}
	text := make([]byte, len(numbers))
	for i, n := range numbers {
		text[i] = byte(n)
	}
	r.Text = string(text)
	return r, true
}

// lag gives for how many microseconds a record lay in the kernel's buffer before
// the journal took it: long for what was logged before the journal was started. It
// is the difference of two clocks that drift apart, so a short one counts as none,
// and what is short grows with the time since the boot.
func lag(received, logged string) int64 {
	to, err := strconv.ParseInt(received, 10, 64)
	if err != nil || to < 0 || to > maxStamp {
		return 0
	}
	from, err := strconv.ParseInt(logged, 10, 64)
	if err != nil || from < 0 || to-from < 10e6+to/10_000 {
		return 0
	}
	return to - from
}
