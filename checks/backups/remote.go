package backups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

const (
	headTimeout  = 10 * time.Second
	maxHeader    = 64 << 10
	maxRedirects = 3
)

// remote asks for the headers of a copy that has a URL.
func (s *survey) remote(ctx context.Context, d Declared, c DeclaredCopy, o *seen, path string) error {
	o.Remote, o.Place, o.disk, o.Disk = true, shown(c.URL), "url "+c.Medium, reach.Printable(c.Medium)
	s.call.Reproduce("curl", "-sSI", o.Place)
	s.unreadRemote(d, path)
	deadline := time.Now().Add(min(time.Until(s.deadline), headTimeout))
	config, err := reach.TLSFiles{}.Config()
	if err != nil {
		return err
	}
	dialer := &reach.Dialer{Allow: s.allow, Deadline: deadline}
	client := http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: config, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	inner, stop := context.WithDeadline(ctx, deadline)
	defer stop()
	request, err := http.NewRequestWithContext(inner, http.MethodHead, c.URL, http.NoBody)
	if err != nil {
		return errors.New("the URL of a copy of " + d.Name + " cannot be asked for")
	}
	request.Header.Set("User-Agent", "gumshoe")
	response, err := client.Do(request)
	if err != nil {
		return s.unreached(ctx, err, o, path)
	}
	defer response.Body.Close()
	s.answered(d, response, o, path)
	return nil
}

// unreadRemote says what nobody sees from outside.
func (s *survey) unreadRemote(d Declared, path string) {
	for _, field := range []string{"previous_median_bytes", "size_percent", "longest_gap_seconds", "disk_read_only", "disk_total_bytes", "disk_free_bytes", "disk_used_percent"} {
		s.call.NotAsked(path+field, "a URL does not tell", "")
	}
	if d.Data == "" {
		s.call.Unread(path+"same_disk", "nobody has said where the data is", "name its folder under data: in gumshoe.yaml")
	}
}

// unreached tells from an error why there is no answer.
func (s *survey) unreached(ctx context.Context, err error, o *seen, path string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if wrapped, is := errors.AsType[*url.Error](err); is {
		err = wrapped.Err // its own words have the whole URL, and what is secret in it
	}
	text, isTLS := reach.TLSFailure(err)
	switch {
	case isTLS:
		o.Outcome, o.Error = reach.TLSFailed, text
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		o.Outcome, o.Error = reach.Closed, "it closed the connection without an answer"
	case reach.OfNetwork(err):
		outcome, err := reach.OutcomeOf(err)
		if err != nil { // ours, or policy's: the other copies can be looked at all the same
			s.unasked(err, o, path)
			return nil
		}
		o.Outcome, o.Error = outcome, outcome.Words()
	default:
		o.Outcome, o.Error = reach.ProtocolError, reach.Printable(err.Error())
	}
	s.unreadNewest("there was no answer: "+o.Outcome.Words(), path)
	return nil
}

// unasked leaves a copy unread that we could not, or may not, ask for.
func (s *survey) unasked(err error, o *seen, path string) {
	o.unread = true
	fix := ""
	if refused, is := errors.AsType[*engine.RefusedError](err); is {
		fix = refused.Fix
	} else if blind, is := errors.AsType[*engine.BlindError](err); is {
		fix = blind.Fix
	}
	reason := reach.Printable(err.Error())
	s.unreadFields(path, reason, fix, "outcome", "error")
	s.unreadNewest(reason, path)
}

func (s *survey) unreadNewest(reason, path string) {
	s.unreadFields(path, reason, "", "newest", "age_seconds", "overdue", "behind", "size_bytes", "files", "format", "verified", "verified_bytes", "checksum",
		"immutable", "immutable_by", "retain_until_seconds")
}

// answered reads the headers of an answer.
func (s *survey) answered(d Declared, response *http.Response, o *seen, path string) {
	switch code := response.StatusCode; code {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		o.Outcome, o.Error = Missing, fmt.Sprintf("HTTP status %d", code)
	case http.StatusUnauthorized:
		o.Outcome, o.Error = reach.AuthFailed, "HTTP status 401"
	case http.StatusForbidden:
		o.Outcome, o.Error = reach.NoPermission, "HTTP status 403: S3 also says so when there is no such object, or a signed URL has expired"
	default:
		o.Outcome, o.Error = BadStatus, fmt.Sprintf("HTTP status %d", code)
	}
	if o.Outcome != "" {
		s.unreadNewest(o.Error, path)
		return
	}
	o.Outcome, o.Newest, o.Files = reach.OK, o.Place, 1
	s.lastWritten(d, response, o, path)
	switch size := response.ContentLength; {
	case size < 0:
		s.call.Unread(path+"size_bytes", "it does not tell its size", "")
	case size == 0:
		o.Outcome, o.Error = Empty, "it has no content"
	case size < d.MinSizeBytes:
		o.Outcome, o.Error, o.SizeBytes = TooSmall, "it is smaller than it is declared to be at least", size
	default:
		o.SizeBytes = size
	}
	s.objectLock(response.Header, o, path)
}

func (s *survey) lastWritten(d Declared, response *http.Response, o *seen, path string) {
	written, err := http.ParseTime(response.Header.Get("Last-Modified"))
	if err != nil {
		o.unread = true // it may be years old
		s.unreadFields(path, "it does not tell when it was written (Last-Modified)", "", "age_seconds", "overdue", "behind")
		return
	}
	age := s.at.Sub(written)
	o.dated = true
	o.AgeSeconds, o.Overdue = age.Seconds(), overdue(age, d.Every)
}

// objectLock reads what S3 tells of a lock. It tells only those who may ask
// (s3:GetObjectRetention), so that silence says nothing.
func (s *survey) objectLock(header http.Header, o *seen, path string) {
	mode := strings.ToUpper(header.Get("X-Amz-Object-Lock-Mode"))
	until, err := time.Parse(time.RFC3339, header.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	held := strings.EqualFold(header.Get("X-Amz-Object-Lock-Legal-Hold"), "ON")
	locked := (mode == "COMPLIANCE" || mode == "GOVERNANCE") && err == nil
	if locked {
		o.RetainUntilSeconds = until.Sub(s.at).Seconds()
	} else {
		s.call.NotAsked(path+"retain_until_seconds", "no object lock is told", "")
	}
	switch {
	case locked && until.After(s.at), held:
		o.Immutable, o.ImmutableBy = true, "object_lock"
	case locked: // it has run out
	case o.DeclaredImmutable:
		o.hidden = true
		s.unreadFields(path, "the server tells of no object lock", "let who asks read it (s3:GetObjectRetention)", "immutable", "immutable_by")
	}
}
