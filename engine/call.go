package engine

import (
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// Unread is a field of an observation that could not be filled.
type Unread struct {
	// Path is the field from the output down, such as "swap.used_bytes"; a list
	// that is incomplete is named whole, "mounts", and one element's field as
	// "mounts[2].used_percent".
	Path string `json:"path"`
	// Reason says why, and Fix how to allow it; Fix may be empty.
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
	// NotAsked says that nobody asked for the field, or that there is no such thing
	// at this target, or that the target was in no state to be asked, as the outcome
	// says: the look did not go wrong, and is no less complete.
	NotAsked bool `json:"not_asked,omitempty"`
}

// Excerpt is a piece of raw evidence, for a person.
type Excerpt struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Bounds of what one run of a check may attach.
const (
	maxExcerpts     = 8
	maxExcerptBytes = 4 << 10
	maxReproduce    = 8
	maxUnread       = 1000
)

// Call is a check's line to the engine during one run. Its methods are safe
// for concurrent use, and do nothing once the step has ended.
type Call struct {
	incident Incident
	masker   *Masker

	mu        sync.Mutex
	sealed    bool
	unread    []Unread
	excerpts  []Excerpt
	reproduce [][]string

	keep        func(name string) (File, error) // nil when nothing is kept
	open        []*AttachmentWriter
	attachments []Attachment
}

// Incident is what is known of the incident when a run starts.
type Incident struct {
	// Onset is when the trouble began, as well as is known.
	Onset time.Time `json:"onset" expr:"onset"`
	// AgeSeconds is the time from the onset to the start of the run.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
}

// Incident tells a check that looks back when to look.
func (c *Call) Incident() Incident { return c.incident }

// Unread says that a field could not be filled, why, and how to allow it. The
// path is as in Unread.Path.
func (c *Call) Unread(path, reason, fix string) {
	c.leave(Unread{Path: path, Reason: reason, Fix: fix})
}

// NotAsked says that a field has no value because the inputs did not ask for it,
// because there is no such thing at this target, or because the target failed
// before anybody could ask, which its outcome says. Conditions over it are unknown;
// the observation is complete without it.
func (c *Call) NotAsked(path, reason, fix string) {
	c.leave(Unread{Path: path, Reason: reason, Fix: fix, NotAsked: true})
}

func (c *Call) leave(u Unread) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.sealed || len(c.unread) > maxUnread:
		return
	case len(c.unread) == maxUnread:
		// What is not listed would pass for observed: nothing may.
		c.unread = append(c.unread, Unread{Reason: fmt.Sprintf("more than %d fields could not be read", maxUnread)})
		return
	}
	u.Reason, u.Fix = c.masker.Text(u.Reason), c.masker.Text(u.Fix)
	if !slices.Contains(c.unread, u) {
		c.unread = append(c.unread, u)
	}
}

// Excerpt attaches raw evidence. The text is masked, and cut at 4 KiB; at most
// 8 excerpts are kept.
func (c *Call) Excerpt(title, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealed || len(c.excerpts) >= maxExcerpts {
		return
	}
	c.excerpts = append(c.excerpts, Excerpt{Title: c.masker.Text(title), Text: clip(c.masker.Text(text), maxExcerptBytes)})
}

// Reproduce tells which command a person would type to see the same.
func (c *Call) Reproduce(argv ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealed || len(c.reproduce) >= maxReproduce {
		return
	}
	masked := make([]string, len(argv))
	for i, arg := range argv {
		masked[i] = c.masker.Text(arg)
	}
	c.reproduce = append(c.reproduce, masked)
}

// seal ends the call; what a check that was given up on says later is dropped.
func (c *Call) seal(o *Observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sealed = true
	for _, w := range c.open {
		if err := w.discard(); err != nil {
			c.unread = append(c.unread, Unread{Path: "attachments", Reason: c.masker.Text(err.Error()), NotAsked: true})
		}
	}
	o.Unread, o.Excerpts, o.Reproduce, o.Attachments = c.unread, c.excerpts, c.reproduce, c.attachments
}

// clip cuts a text to at most limit bytes, between characters, and says so.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return fmt.Sprintf("%s\n… %d bytes more", text[:cut], len(text)-cut)
}

// BlindError is the error of a check that could not look: no permission, a
// tool missing, an unreachable host.
type BlindError struct {
	// Reason says what was in the way, Fix how to allow it.
	Reason, Fix string
	// Err is the cause, if there is one.
	Err error
}

// Blind makes a BlindError; err may be nil.
func Blind(reason, fix string, err error) error {
	return &BlindError{Reason: reason, Fix: fix, Err: err}
}

func (e *BlindError) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

func (e *BlindError) Unwrap() error { return e.Err }

// RefusedError is the error of a run of a check that policy forbids. Nothing was
// touched.
type RefusedError struct {
	// Reason says what is forbidden, Fix what to change to allow it.
	Reason, Fix string
}

// Refused makes a RefusedError.
func Refused(reason, fix string) error { return &RefusedError{Reason: reason, Fix: fix} }

func (e *RefusedError) Error() string { return e.Reason }
