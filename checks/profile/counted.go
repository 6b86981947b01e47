package profile

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"gumshoe/checks/reach"
)

// counted asks, when nobody is seen to wait for a lock, whether the program counts
// that at all: a profile says the same where counting is off. What it returns is an
// error of our own host.
func (l *look) counted(ctx context.Context) error {
	answer, err := l.session.Get(ctx, "/mutex", url.Values{"debug": {"1"}}, maxPacked)
	if err != nil {
		return err
	}
	if answer.Outcome == reach.OK && answer.Status == http.StatusOK && counts(string(answer.Body)) {
		return nil
	}
	l.call.Unread(kindMutex, "nobody waited, or the program does not count it", "call runtime.SetMutexProfileFraction in the program")
	return nil
}

// counts tells whether a profile of mutexes as text says that waiting is counted:
// one in so many times, none where that is 0.
func counts(text string) bool {
	_, after, found := strings.Cut(text, "sampling period=")
	return found && after != "" && '1' <= after[0] && after[0] <= '9'
}
