package profile

import (
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
)

// TestPprofCountsWaits: that nobody waits is seen only where waiting is counted.
func TestPprofCountsWaits(t *testing.T) {
	for does, unread := range map[string]bool{"counts": false, "counted": true, "idles": true} {
		t.Run(does, func(t *testing.T) {
			_, url := start(t, does)
			o, seen := observe(t, map[string]any{"url": url, "window": "1s", "profiles": []string{kindMutex}})
			if o.Outcome != reach.OK || o.Mutex.WaitSecondsPerSecond > 0.1 || checktest.HasUnread(seen, "mutex") != unread {
				t.Errorf("got %+v, unread %+v", o, seen.Unread)
			}
		})
	}
}

func TestCounts(t *testing.T) {
	for text, want := range map[string]bool{
		"--- mutex:\ncycles/second=2\nsampling period=1\n": true, "sampling period=0\n": false, "sampling period=": false, "<html>": false, "": false,
	} {
		if got := counts(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}
