package profile

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

// The profiles that can be taken; the names are those of net/http/pprof but for cpu.
const (
	kindCPU       = "cpu"
	kindGoroutine = "goroutine"
	kindHeap      = "heap"
	kindMutex     = "mutex"
	kindBlock     = "block"
)

// Bounds of a profile, in bytes, as it is sent and unpacked.
const (
	maxPacked   = 16 << 20
	maxUnpacked = 32 << 20
)

// lack is why a profile was not given.
type lack struct {
	outcome reach.Outcome
	reason  string
}

// look is one look at a program.
type look struct {
	Pprof

	call    *engine.Call
	session *webapi.Session
	kinds   []string
	before  map[string]*profile.Profile
	read    map[string]time.Time // when before was
	missing map[string]lack      // why a profile was not given
}

func (p Profiles) lookPprof(ctx context.Context, call *engine.Call, in PprofInput) (Pprof, error) {
	l := &look{call: call, before: map[string]*profile.Profile{}, read: map[string]time.Time{}, missing: map[string]lack{}}
	l.Pprof = Pprof{
		CPU: CPU{Top: []Function{}, Own: []Function{}}, Goroutines: Goroutines{Top: []Stack{}}, Heap: Heap{Top: []Allocation{}},
		Mutex: Waits{Top: []Wait{}}, Block: Waits{Top: []Wait{}},
	}
	api, err := in.api()
	if err != nil {
		return l.Pprof, err
	}
	if l.kinds, err = in.kinds(); err != nil {
		return l.Pprof, err
	}
	if err := ctx.Err(); err != nil {
		return l.Pprof, err
	}
	l.Address = api.Address()
	for _, kind := range l.kinds {
		path, parameters := request(kind, in.Window)
		api.Reproduce(call, path, parameters)
	}
	_, end, window := reach.Divide(ctx, in.Timeout, in.Window)
	if l.session, err = api.Open(p.allow, end); err != nil {
		return l.Pprof, err
	}
	defer l.session.Close()
	if err := l.take(ctx, max(time.Second, window)); err != nil {
		return l.Pprof, err
	}
	l.Outcome = cmp.Or(l.Outcome, reach.OK)
	trip := l.session.Trip()
	l.RemoteAddress, l.ResolveSeconds, l.ConnectSeconds = trip.RemoteAddress, trip.ResolveSeconds, trip.ConnectSeconds
	if trip.Outcome != reach.Connected {
		l.unread(l.Outcome, "it was not connected: "+l.Outcome.Words(), "remote_address", "connect_seconds")
	}
	l.leave()
	return l.Pprof, nil
}

// request is what to ask for.
func request(kind string, window time.Duration) (path string, parameters url.Values) {
	if kind == kindCPU {
		return "/profile", url.Values{"seconds": {strconv.Itoa(int(max(1, window.Round(time.Second).Seconds())))}}
	}
	return "/" + kind, nil
}

// take reads everything but the processor twice, and watches that between. It ends
// early when nothing answers.
func (l *look) take(ctx context.Context, window time.Duration) error {
	others := slices.DeleteFunc(slices.Clone(l.kinds), func(kind string) bool { return kind == kindCPU })
	for _, kind := range others {
		if goOn, err := l.ask(ctx, kind, window, func(p *profile.Profile) error {
			l.before[kind], l.read[kind] = p, time.Now()
			return nil
		}); err != nil || !goOn {
			return err
		}
	}
	if len(others) < len(l.kinds) {
		if goOn, err := l.ask(ctx, kindCPU, window, l.cpu); err != nil || !goOn {
			return err
		}
	}
	if len(l.before) > 0 && (!slices.Contains(l.kinds, kindCPU) || l.missing[kindCPU].reason != "") {
		pause := time.NewTimer(window)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, kind := range others {
		if l.before[kind] == nil {
			continue
		}
		if goOn, err := l.ask(ctx, kind, window, func(p *profile.Profile) error { return l.growth(kind, p) }); err != nil || !goOn {
			return err
		}
	}
	if l.before[kindMutex] != nil && l.missing[kindMutex].reason == "" && l.Mutex.WaitSecondsPerSecond == 0 {
		return l.counted(ctx)
	}
	return nil
}

// ask asks for one profile. It tells whether asking on makes sense; its error is one
// of our own host.
func (l *look) ask(ctx context.Context, kind string, window time.Duration, use func(*profile.Profile) error) (goOn bool, _ error) {
	path, parameters := request(kind, window)
	answer, err := l.session.Get(ctx, path, parameters, maxPacked)
	if err != nil {
		return false, err
	}
	outcome, text := answer.Outcome, answer.Error
	if outcome == reach.OK {
		outcome, text = judge(answer)
	}
	if outcome == reach.OK {
		p, err := unpack(answer.Body)
		if err == nil {
			err = use(p)
		}
		if err == nil {
			return true, nil
		}
		outcome, text = reach.ProtocolError, "its "+kind+" profile cannot be read: "+reach.Printable(err.Error())
	}
	if l.Outcome == "" {
		l.Outcome, l.Error = outcome, text
	}
	l.missing[kind] = lack{outcome, strings.TrimSuffix(outcome.Words()+": "+text, ": ")}
	return answer.Outcome == reach.OK, nil
}

// judge tells the outcome from an answer's status.
func judge(a webapi.Answer) (outcome reach.Outcome, text string) {
	said, _, _ := strings.Cut(strings.TrimSpace(string(a.Body[:min(len(a.Body), 400)])), "\n")
	said = reach.Printable(said)
	switch {
	case a.Status == http.StatusOK:
		return reach.OK, ""
	case a.Status == http.StatusUnauthorized:
		return reach.AuthFailed, ""
	case a.Status == http.StatusForbidden:
		return reach.NoPermission, ""
	case a.Status == http.StatusNotFound:
		return NotFound, "it serves no such profile there"
	case 300 <= a.Status && a.Status < 400:
		return Redirected, "to " + reach.Printable(a.Header.Get("Location"))
	case strings.Contains(said, "profiling already in use"):
		return Busy, said
	}
	return Rejected, strings.TrimSuffix(fmt.Sprintf("status %d: %s", a.Status, said), ": ")
}

// unpack reads a profile, packed or not.
func unpack(body []byte) (*profile.Profile, error) {
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(io.LimitReader(z, maxUnpacked+1)); err != nil {
			return nil, err
		}
	}
	if len(body) > maxUnpacked {
		return nil, fmt.Errorf("it has more than %d MiB", maxUnpacked>>20)
	}
	if len(body) == 0 {
		return nil, errors.New("it is empty")
	}
	if _, err := weigh(body); err != nil {
		return nil, err
	}
	p, err := profile.ParseUncompressed(body)
	if err != nil {
		return nil, err
	}
	if len(p.SampleType) == 0 {
		return nil, errors.New("it says nothing")
	}
	if err := p.CheckValid(); err != nil {
		return nil, err
	}
	return p, nil
}

// leave marks what has no value.
func (l *look) leave() {
	for _, part := range [][2]string{{kindCPU, "cpu"}, {kindGoroutine, "goroutines"}, {kindHeap, "heap"}, {kindMutex, "mutex"}, {kindBlock, "block"}} {
		kind, field := part[0], part[1]
		switch lacking := l.missing[kind]; {
		case !slices.Contains(l.kinds, kind):
			l.call.NotAsked(field, "the input profiles does not name it", "add "+kind+" to profiles")
		case lacking.reason != "":
			l.unread(lacking.outcome, lacking.reason, field)
		case l.Outcome != reach.OK && !l.done(kind):
			l.unread(l.Outcome, "it was not asked for any more: "+l.Outcome.Words(), field)
		}
	}
	if l.WindowSeconds == 0 {
		l.call.NotAsked("window_seconds", "nothing was read twice", "")
	}
}

// done tells whether a profile was read as often as it has to be.
func (l *look) done(kind string) bool {
	switch kind {
	case kindCPU:
		return l.CPU.Seconds > 0
	case kindGoroutine:
		return l.Goroutines.Count > 0
	}
	return l.WindowSeconds > 0 && l.before[kind] != nil
}

func (l *look) unread(outcome reach.Outcome, reason string, fields ...string) {
	fix := map[reach.Outcome]string{
		NotFound:           "import net/http/pprof in the program, or give the URL that it serves them at",
		Busy:               "run it again when whoever watches the processor has ended",
		Rejected:           "where the program limits how long it may answer (WriteTimeout), give a shorter window",
		reach.AuthFailed:   "give user and password, or token",
		reach.NoPermission: "give user and password, or token",
	}[outcome]
	for _, field := range fields {
		l.call.Unread(field, reason, fix)
	}
}
