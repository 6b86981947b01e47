package engine

import (
	"errors"
	"fmt"
	"io"
)

// Attachment is a file that a check has made, kept beside the record of its run.
type Attachment struct {
	// Title says what it is.
	Title string `json:"title"`
	// Path is where it is, on the host that ran Gumshoe.
	Path string `json:"path"`
	// Bytes is how large it is.
	Bytes int64 `json:"bytes"`
}

// Bounds of what one run of a check may attach as files.
const (
	maxAttachments = 4
	// MaxAttachmentBytes is how large an attachment may be.
	MaxAttachmentBytes = 256 << 20
)

// File is a file that is being written, and is there only when it was kept.
type File interface {
	io.Writer
	// Keep ends it and gives its path.
	Keep() (path string, err error)
	// Discard removes it. After Keep it does nothing.
	Discard() error
}

// ErrNotKept is the error of Attach when nothing is kept of this run.
var ErrNotKept = errors.New("nothing is kept of this run")

// Attach begins a file that is kept beside the record of the run when its Close
// succeeds, and not before. The name is that of the file: letters, digits, dot,
// dash. The check writes to one that takes at most MaxAttachmentBytes, and closes it
// before it returns: what is open then is discarded. The error is ErrNotKept where
// nothing is kept, as for a look outside of a run. What is in the file is not
// masked: no secret belongs there.
func (c *Call) Attach(name, title string) (*AttachmentWriter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.keep == nil || c.sealed:
		return nil, ErrNotKept
	case len(c.attachments)+len(c.open) >= maxAttachments:
		return nil, fmt.Errorf("a look keeps at most %d files", maxAttachments)
	}
	file, err := c.keep(name)
	if err != nil {
		return nil, err
	}
	w := &AttachmentWriter{call: c, file: file, title: title}
	c.open = append(c.open, w)
	return w, nil
}

// AttachmentWriter writes an attachment. Its methods are safe for concurrent use.
type AttachmentWriter struct {
	call    *Call
	file    File
	title   string
	written int64
	ended   bool
}

var errAttachmentEnded = errors.New("the attachment has ended")

// Write implements io.Writer.
func (w *AttachmentWriter) Write(data []byte) (int, error) {
	w.call.mu.Lock()
	defer w.call.mu.Unlock()
	switch {
	case w.ended:
		return 0, errAttachmentEnded
	case w.written+int64(len(data)) > MaxAttachmentBytes:
		return 0, fmt.Errorf("an attachment has at most %d bytes", MaxAttachmentBytes)
	}
	n, err := w.file.Write(data)
	w.written += int64(n)
	return n, err
}

// Close keeps the file.
func (w *AttachmentWriter) Close() error {
	w.call.mu.Lock()
	defer w.call.mu.Unlock()
	if w.ended {
		return errAttachmentEnded
	}
	w.ended = true
	path, err := w.file.Keep()
	if err != nil {
		return errors.Join(err, w.file.Discard())
	}
	w.call.attachments = append(w.call.attachments, Attachment{Title: w.call.masker.Text(w.title), Path: path, Bytes: w.written})
	return nil
}

// Discard ends the file and removes it, unless it was closed.
func (w *AttachmentWriter) Discard() error {
	w.call.mu.Lock()
	defer w.call.mu.Unlock()
	return w.discard()
}

func (w *AttachmentWriter) discard() error {
	if w.ended {
		return nil
	}
	w.ended = true
	return w.file.Discard()
}
