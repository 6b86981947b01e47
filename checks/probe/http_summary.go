package probe

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
	"gumshoe/engine/statistic"
)

// enoughSilence is how many requests in a row, from the first, have to time out
// for the rest not to be made.
const enoughSilence = 4

// all makes the requests, and gives those that came to an end in their own time.
func (w *web) all(ctx context.Context) ([]exchange, error) {
	type result struct {
		exchange

		err error
	}
	// One end for all: a share of what is left for each would leave nothing for the
	// way back, and what was seen would be lost with the step.
	w.end = time.Now().Add(reach.InnerTimeout(ctx, time.Hour))
	results := make([]result, w.in.Requests)
	var next, answered, silent atomic.Int64
	var failed atomic.Bool
	over := func(i int) bool {
		return i >= w.in.Requests || failed.Load() || answered.Load() == 0 && silent.Load() >= enoughSilence ||
			i > 0 && time.Until(w.end) < 10*time.Millisecond
	}
	var group sync.WaitGroup
	for range min(w.in.Concurrency, w.in.Requests) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if over(i) {
					return
				}
				e, err := w.once(ctx)
				results[i] = result{e, err}
				switch {
				case err != nil:
					failed.Store(true)
				case e.outcome == reach.TimedOut:
					silent.Add(1)
				default:
					answered.Add(1)
				}
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var done []exchange
	for i, r := range results {
		switch {
		case r.err != nil:
			return nil, r.err
		case r.outcome == "", i > 0 && r.cut && r.outcome == reach.TimedOut:
			continue // not made, or not given its time
		}
		done = append(done, r.exchange)
	}
	return done, nil
}

// summarise fills in what all requests came to, and the details of one of them.
func (o *HTTP) summarise(call *engine.Call, done []exchange, in HTTPInput) {
	outcomes, statuses := map[reach.Outcome]int{}, map[int]int{}
	var times []float64
	bad := 0
	for _, e := range done {
		outcomes[e.outcome]++
		if e.status != 0 {
			statuses[e.status]++
		}
		if e.outcome != reach.OK {
			bad++
		}
		if e.stage == whole || e.outcome == reach.TimedOut {
			times = append(times, e.total)
		}
		o.Samples = append(o.Samples, sample(e))
	}
	for outcome, count := range outcomes {
		o.Outcomes = append(o.Outcomes, OutcomeCount{outcome, count})
	}
	slices.SortFunc(o.Outcomes, func(a, b OutcomeCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Outcome, b.Outcome))
	})
	for status, count := range statuses {
		o.Statuses = append(o.Statuses, StatusCount{status, count})
	}
	slices.SortFunc(o.Statuses, func(a, b StatusCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Status, b.Status))
	})
	o.Requests, o.ErrorPercent = len(done), 100*float64(bad)/float64(max(1, len(done)))
	o.Outcome = reach.OK
	if worst := slices.IndexFunc(o.Outcomes, func(c OutcomeCount) bool { return c.Outcome != reach.OK }); worst >= 0 {
		o.Outcome = o.Outcomes[worst].Outcome
	}
	o.percentiles(call, times, in.Requests)
	o.detail(call, typical(done, o.Outcome), in)
}

func sample(e exchange) Sample {
	return Sample{
		Outcome: e.outcome, Status: e.status, Phase: e.phase(), RemoteAddress: e.remote,
		DNSSeconds: e.dns, ConnectSeconds: e.connect, TLSSeconds: e.handshake,
		FirstByteSeconds: e.wait, TransferSeconds: e.transfer, TotalSeconds: e.total,
	}
}

// typical gives of the requests with an outcome the one with the median time.
func typical(done []exchange, outcome reach.Outcome) exchange {
	var same []exchange
	for _, e := range done {
		if e.outcome == outcome {
			same = append(same, e)
		}
	}
	slices.SortStableFunc(same, func(a, b exchange) int { return cmp.Compare(a.total, b.total) })
	return same[(len(same)-1)/2]
}

func (o *HTTP) percentiles(call *engine.Call, times []float64, asked int) {
	slices.Sort(times)
	for _, t := range times {
		o.MeanSeconds += t / float64(len(times))
	}
	if len(times) == 0 {
		call.Unread("mean_seconds", "no request was answered", "")
	}
	for _, p := range []struct {
		field  string
		share  float64
		least  int
		fix    string
		target *float64
	}{
		{"p50_seconds", 0.5, 1, "", &o.P50Seconds},
		{"p95_seconds", 0.95, 20, "give requests: 20 or more", &o.P95Seconds},
		{"p99_seconds", 0.99, 100, "give requests: 100 or more", &o.P99Seconds},
		{"max_seconds", 1, 1, "", &o.MaxSeconds},
	} {
		switch {
		case asked < p.least:
			call.NotAsked(p.field, "too few requests were made to tell", p.fix)
		case len(times) == 0:
			call.Unread(p.field, "no request was answered", "")
		case len(times) < p.least:
			call.Unread(p.field, "too few requests were answered to tell", p.fix)
		default:
			*p.target = statistic.Quantile(times, p.share)
		}
	}
}

// detail fills in the fields that are about one request.
func (o *HTTP) detail(call *engine.Call, e exchange, in HTTPInput) {
	o.Error, o.Status, o.Phase, o.TotalSeconds = e.text, e.status, e.phase(), e.total
	o.DNSSeconds, o.ConnectSeconds, o.TLSSeconds = e.dns, e.connect, e.handshake
	o.FirstByteSeconds, o.TransferSeconds = e.wait, e.transfer
	o.Redirects = append(o.Redirects, e.redirects...)
	o.FinalURL, o.RemoteAddress, o.HTTPVersion = reach.ShownURL(e.final), e.remote, e.version
	o.ContentType, o.Server, o.RetryAfter = e.contentType, e.serverName, e.retryAfter
	o.ContentBytes, o.BodyBytes, o.Truncated = max(0, e.contentBytes), e.bodyBytes, e.truncated
	o.Local = slices.ContainsFunc(e.tried, ours)
	reason := "the request did not come so far: " + e.outcome.Words()
	for _, part := range []struct {
		missing bool
		fields  []string
	}{
		{len(e.tried) == 0, []string{"local"}},
		{e.status == 0, []string{"status", "http_version", "content_type", "server", "retry_after", "content_bytes"}},
		{e.stage < connected, []string{"connect_seconds", "remote_address"}},
		{e.stage < encrypted, []string{"tls_seconds"}},
		{e.stage < answered, []string{"first_byte_seconds"}},
		{e.stage < answered || e.stopped, []string{"body_bytes"}},
		{e.stage < whole, []string{"transfer_seconds", "truncated"}},
	} {
		for _, field := range part.fields {
			if part.missing {
				call.Unread(field, reason, "")
			}
		}
	}
	switch {
	case in.BodyContains == "" && in.BodyLacks == "" && in.BodyMatches == "":
		call.NotAsked("body_matched", "nothing was looked for in the body", "give body_contains, body_lacks or body_matches")
	case e.stage < whole:
		call.Unread("body_matched", reason, "")
	default:
		o.BodyMatched = e.matched
	}
	if e.status != 0 && e.contentBytes < 0 {
		call.NotAsked("content_bytes", "the answer does not say", "")
	}
	switch {
	case e.status == 0:
		call.Unread("clock_offset_seconds", reason, "")
	case !e.dated:
		call.NotAsked("clock_offset_seconds", "the answer does not say", "")
	default:
		o.ClockOffsetSeconds = e.date.Seconds()
	}
	o.certificate(call, e, reason)
}

// certificate fills in what the certificate of the last connection says.
func (o *HTTP) certificate(call *engine.Call, e exchange, reason string) {
	fields := []string{"certificate_outcome", "certificate_days_left"}
	switch {
	case e.certificate.leaf != nil:
		o.CertificateOutcome, o.CertificateDaysLeft = e.certificate.outcome, daysLeft(e.certificate.leaf, time.Now())
		if e.certificate.blind {
			call.Unread("certificate_outcome", noAuthority, noAuthorityFix)
		}
	case e.final.Scheme == "https":
		for _, field := range fields {
			call.Unread(field, reason, "")
		}
	default:
		for _, field := range fields {
			call.NotAsked(field, "http has no certificate", "")
		}
	}
}

// ours tells whether an address is one of this host's own.
func ours(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	own, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(addr.AsSlice())
	})
}
