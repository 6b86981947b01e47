package host

import (
	"context"
	"sync"
	"time"
)

// flights are calls that can hang in the kernel, where nothing interrupts them:
// a statfs on NFS without its server. They are waited for only so long, and as
// long as one hangs no second one with its key is started: a server that looks
// every ten seconds would run out of threads by the evening. This is the one
// place that starts goroutines nobody may wait for. The zero value is ready.
type flights[T any] struct {
	mu      sync.Mutex
	pending map[string]*flight[T]
}

// flight is one call under way.
type flight[T any] struct {
	done  chan struct{}
	value T
}

// join starts the call, or joins the one under way.
func (f *flights[T]) join(key string, call func() T) *flight[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if under := f.pending[key]; under != nil {
		return under
	}
	started := &flight[T]{done: make(chan struct{})}
	if f.pending == nil {
		f.pending = make(map[string]*flight[T])
	}
	f.pending[key] = started
	go func() {
		started.value = call()
		f.mu.Lock()
		delete(f.pending, key)
		f.mu.Unlock()
		close(started.done)
	}()
	return started
}

// wait gives the call's value, unless ctx ends first. A value that is there
// already is given even then.
func (f *flight[T]) wait(ctx context.Context) (T, bool) {
	select {
	case <-f.done:
		return f.value, true
	default:
	}
	select {
	case <-f.done:
		return f.value, true
	case <-ctx.Done():
		var none T
		return none, false
	}
}

// innerTimeout shortens a timeout so that it ends well before ctx does, and the
// silence is an observation.
func innerTimeout(ctx context.Context, timeout time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(timeout, time.Until(deadline)*8/10)
	}
	return timeout
}
