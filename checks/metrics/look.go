package metrics

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

// Bounds of what is kept of an answer.
const (
	maxSeries   = 50
	maxWarnings = 10
)

func (q Queries) lookPrometheus(ctx context.Context, call *engine.Call, in PrometheusInput) (Prometheus, error) {
	o := Prometheus{
		Single: Series{Labels: map[string]string{}, State: stateCurrent}, Series: []Series{}, By: map[string]Series{},
		Steps: []Step{}, Ended: []string{}, MissingMetrics: []string{}, Warnings: []string{},
	}
	api, err := in.api()
	if err != nil {
		return o, err
	}
	if o.Query, err = expand(in.Query, in.Match); err != nil {
		return o, err
	}
	at, err := in.span(call.Incident(), time.Now())
	if err != nil {
		return o, err
	}
	if err := ctx.Err(); err != nil {
		return o, err
	}
	o.Address, o.From, o.To, o.ResolutionSeconds = api.Address(), at.from, at.to, at.resolution.Seconds()
	timeout := reach.InnerTimeout(ctx, in.Timeout)
	session, err := api.Open(q.allow, time.Now().Add(timeout))
	if err != nil {
		return o, err
	}
	defer session.Close()

	parameters := at.parameters(o.Query, timeout)
	reproduce(call, api, in, parameters)
	started := time.Now()
	answer, err := session.Get(ctx, in.path(), parameters, maxBody)
	if err != nil {
		return o, err
	}
	series, warnings, outcome, text := read(answer)
	o.Outcome, o.Error = outcome, text
	if outcome == reach.OK {
		if len(series) == 0 {
			if err := o.lookForMetrics(ctx, session, at); err != nil {
				return o, err
			}
		}
		o.take(call, in, at, series, warnings)
	}
	o.QuerySeconds = time.Since(started).Seconds()
	trip := session.Trip()
	o.RemoteAddress, o.ResolveSeconds, o.ConnectSeconds = trip.RemoteAddress, trip.ResolveSeconds, trip.ConnectSeconds
	if trip.Outcome != reach.Connected {
		o.unread(call, "remote_address", "connect_seconds")
	}
	o.leave(call, in)
	return o, nil
}

// lookForMetrics asks which metrics of a query that gives nothing exist.
func (o *Prometheus) lookForMetrics(ctx context.Context, session *webapi.Session, at span) error {
	o.Outcome = Empty
	names := metricNames(o.Query)
	if len(names) == 0 {
		return nil
	}
	parameters := url.Values{"start": {unix(at.before)}, "end": {unix(at.to)}}
	for _, name := range names {
		parameters.Add("match[]", `{__name__=`+strconv.Quote(name)+`}`)
	}
	answer, err := session.Get(ctx, "/api/v1/label/__name__/values", parameters, maxBody)
	if err != nil {
		return err
	}
	known, told := namesOf(answer)
	if !told {
		o.Outcome = QueryFailed
		o.Error = "the query gives nothing, and which metrics exist is not told: " + cmp.Or(answer.Error, fmt.Sprintf("%s, status %d", answer.Outcome.Words(), answer.Status))
		return nil
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			o.MissingMetrics = append(o.MissingMetrics, name)
		}
	}
	if len(o.MissingMetrics) > 0 {
		o.Outcome = NoMetric
	}
	return nil
}

// namesOf reads the values of a label from an answer.
func namesOf(answer webapi.Answer) (names []string, told bool) {
	var known struct {
		Status string   `json:"status"`
		Data   []string `json:"data"`
	}
	told = answer.Outcome == reach.OK && json.Unmarshal(answer.Body, &known) == nil && known.Status == "success"
	return known.Data, told
}

// take fills in what the series say.
func (o *Prometheus) take(call *engine.Call, in PrometheusInput, at span, given []found, warnings []string) {
	for _, w := range warnings[:min(len(warnings), maxWarnings)] {
		o.Warnings = append(o.Warnings, reach.Printable(w))
	}
	read := make([]judged, 0, len(given))
	for _, f := range given {
		j, within := judge(f, at, in.By)
		if !within {
			o.Ended = append(o.Ended, j.Name)
			continue
		}
		if j.State == stateGone {
			o.GoneCount++
		}
		if j.step != nil {
			o.Steps = append(o.Steps, *j.step)
		}
		read = append(read, j)
	}
	o.SeriesCount = len(read)
	if o.Outcome == reach.OK && o.GoneCount == len(read) {
		o.Outcome = Stale
	}
	slices.Sort(o.Ended)
	o.Ended = o.Ended[:min(len(o.Ended), maxSeries)]
	slices.SortFunc(o.Steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Name, b.Name))
	})
	o.Steps = o.Steps[:min(len(o.Steps), maxSeries)]
	for i := range o.Steps {
		if at.onset.IsZero() {
			call.NotAsked(fmt.Sprintf("steps[%d].before_onset_seconds", i), "it is not known when the trouble began", "say so with --at")
		}
	}
	slices.SortStableFunc(read, inOrder)
	o.list(call, in, read)
}

// inOrder puts the largest last value first, and those without one at the end.
func inOrder(a, b judged) int {
	rank := func(j judged) float64 {
		if j.lastKnown {
			return j.Last
		}
		return math.Inf(-1)
	}
	return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(rank(b), rank(a)), strings.Compare(a.Name, b.Name))
}

// list fills in the fields that hold series, with what could not be read in each.
func (o *Prometheus) list(call *engine.Call, in PrometheusInput, read []judged) {
	incomplete, fix := "", ""
	switch {
	case len(read) > maxSeries:
		incomplete, fix = fmt.Sprintf("of %d series the %d with the largest last values are listed", len(read), maxSeries), "aggregate in the query, as with sum by (…) or topk"
	case len(o.Warnings) > 0 && !onlyAdvice(o.Warnings):
		incomplete = "the server warns: " + o.Warnings[0]
	}
	if incomplete != "" {
		for _, field := range []string{"series", "by", "steps", "ended"} {
			call.Unread(field, incomplete, fix)
		}
	}
	twice := map[string]bool{}
	for i, j := range read {
		if i < maxSeries {
			o.Series = append(o.Series, j.Series)
			j.leave(call, fmt.Sprintf("series[%d]", i))
		}
		if len(in.By) == 0 {
			continue
		}
		if _, have := o.By[j.Name]; have {
			twice[j.Name] = true
		} else if i < maxSeries {
			o.By[j.Name] = j.Series
			j.leave(call, "by["+strconv.Quote(j.Name)+"]")
		}
	}
	for name := range twice {
		delete(o.By, name)
	}
	if len(twice) > 0 {
		call.Unread("by", "several series have the same "+strings.Join(in.By, ", "), fmt.Sprintf("let the query leave one for each: sum by (%s) (…)", strings.Join(in.By, ", ")))
	}
	if len(read) == 1 && incomplete == "" {
		j := read[0]
		o.Single, o.Value = j.Series, j.Last
		j.leave(call, "single")
		if !j.lastKnown {
			call.Unread("value", j.why("last"), "")
		}
	}
}

// onlyAdvice tells whether warnings are about how the query is written, and not
// about the answer (Prometheus sends both in one list before version 2.53).
func onlyAdvice(warnings []string) bool {
	return !slices.ContainsFunc(warnings, func(w string) bool { return !strings.HasPrefix(w, "PromQL info:") })
}

// leave marks what has no value, by the outcome.
func (o *Prometheus) leave(call *engine.Call, in PrometheusInput) {
	const fix = "aggregate in the query, as with sum(…), or read series or by"
	switch o.Outcome {
	case reach.OK, Stale:
		call.NotAsked("missing_metrics", "the query gives something", "")
		if o.SeriesCount != 1 {
			reason := fmt.Sprintf("the query gives %d series", o.SeriesCount)
			call.NotAsked("value", reason, fix)
			call.NotAsked("single", reason, fix)
		}
	case Empty:
		call.NotAsked("value", "the query gives nothing", "")
		call.NotAsked("single", "the query gives nothing", "")
	case NoMetric:
		o.unread(call, "value", "single", "series_count", "gone_count", "series", "by", "steps", "ended")
	default:
		o.unread(call, "value", "single", "series_count", "gone_count", "series", "by", "steps", "ended", "missing_metrics", "warnings")
	}
	if len(in.By) == 0 {
		call.NotAsked("by", "the input by names no labels", "give by: [LABEL]")
	}
	if in.Instant {
		call.NotAsked("steps", "one value was asked for", "set instant: false")
		call.NotAsked("ended", "one value was asked for", "set instant: false")
	}
}

// unread marks fields that have no value because of the outcome.
func (o *Prometheus) unread(call *engine.Call, fields ...string) {
	const (
		cheaper = "aggregate in the query, use a recording rule, or look back less far (since)"
		letIn   = "give user and password, token or headers that may query"
	)
	reason := o.Address + " " + o.Outcome.Words()
	if o.Error != "" {
		reason += ": " + o.Error
	}
	if o.Outcome == NoMetric {
		reason = "the server has no series of " + strings.Join(o.MissingMetrics, ", ")
	}
	fix := map[reach.Outcome]string{
		NoMetric:           "see how the metric is called, and whether its target is scraped",
		BadQuery:           "mend the query",
		TooExpensive:       cheaper,
		QueryTimedOut:      cheaper,
		reach.AuthFailed:   letIn,
		reach.NoPermission: letIn,
		NotFound:           "give the URL with the path before /api/v1, such as /prometheus",
	}[o.Outcome]
	for _, field := range fields {
		call.Unread(field, reason, fix)
	}
}
