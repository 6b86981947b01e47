package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
)

// maxBody bounds an answer, in bytes: some 600,000 values.
const maxBody = 16 << 20

// response is what the API answers, as far as we read it
// (https://prometheus.io/docs/prometheus/latest/querying/api/).
type response struct {
	Status    string   `json:"status"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
	Data      struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
}

// found is a series of an answer. A range query gives values, and so does a query
// for the samples of a range; any other gives one value.
type found struct {
	Metric     map[string]string `json:"metric"`
	Values     []sample          `json:"values"`
	Value      *sample           `json:"value"`
	Histograms json.RawMessage   `json:"histograms"`
	Histogram  json.RawMessage   `json:"histogram"`
}

// sample is a value and its time, in seconds since 1970.
type sample struct{ at, value float64 }

// UnmarshalJSON reads [1435781451.781,"1"].
func (s *sample) UnmarshalJSON(text []byte) error {
	at, value, found := bytes.Cut(bytes.Trim(text, "[] \n\t"), []byte(","))
	if !found {
		return errors.New("a sample has a time and a value")
	}
	var err error
	if s.at, err = strconv.ParseFloat(string(bytes.TrimSpace(at)), 64); err != nil {
		return err
	}
	s.value, err = strconv.ParseFloat(string(bytes.Trim(value, ` "`)), 64)
	return err
}

// read takes the series from an answer, or tells how asking failed.
func read(a webapi.Answer) (series []found, warnings []string, outcome reach.Outcome, text string) {
	if a.Outcome != reach.OK {
		return nil, nil, a.Outcome, a.Error
	}
	var r response
	understood := json.Unmarshal(a.Body, &r) == nil && (r.Status == "success" || r.Status == "error")
	if !understood || r.Status == "error" {
		outcome, text = refusal(a, r, understood)
		return nil, nil, outcome, text
	}
	switch r.Data.ResultType {
	case "matrix", "vector":
		if err := json.Unmarshal(r.Data.Result, &series); err != nil {
			return nil, nil, reach.ProtocolError, "its result cannot be read: " + reach.Printable(err.Error())
		}
	case "scalar":
		var s sample
		if err := json.Unmarshal(r.Data.Result, &s); err != nil {
			return nil, nil, reach.ProtocolError, "its result cannot be read: " + reach.Printable(err.Error())
		}
		series = []found{{Values: []sample{s}}}
	default:
		return nil, nil, BadQuery, fmt.Sprintf("the query gives a %s, and not numbers", reach.Printable(r.Data.ResultType))
	}
	for i, s := range series {
		if s.Value != nil {
			series[i].Values = []sample{*s.Value}
		}
		if len(series[i].Values) == 0 && (len(s.Histograms) > 0 || len(s.Histogram) > 0) {
			return nil, nil, BadQuery, "the query gives native histograms: take numbers of them, as by histogram_quantile or histogram_count"
		}
	}
	return series, r.Warnings, reach.OK, ""
}

// refusal tells why an answer has no result.
func refusal(a webapi.Answer, r response, understood bool) (outcome reach.Outcome, text string) {
	text = reach.Printable(r.Error)
	switch {
	case a.Status == http.StatusUnauthorized:
		return reach.AuthFailed, text
	case a.Status == http.StatusForbidden:
		return reach.NoPermission, text
	case understood:
		return failedQuery(r), text
	}
	text = fmt.Sprintf("it answers status %d", a.Status)
	switch {
	case 300 <= a.Status && a.Status < 400:
		return Redirected, text + " to " + reach.Printable(a.Header.Get("Location"))
	case a.Status == http.StatusNotFound:
		return NotFound, "there is no Prometheus API below this URL"
	case a.Status == http.StatusBadGateway, a.Status == http.StatusServiceUnavailable, a.Status == http.StatusGatewayTimeout:
		return NotReady, text
	case a.Status == http.StatusOK:
		return reach.ProtocolError, "its answer is not that of Prometheus's API"
	}
	return QueryFailed, text
}

// failedQuery tells the outcome from the API's own error.
func failedQuery(r response) reach.Outcome {
	switch r.ErrorType {
	case "bad_data":
		return BadQuery
	case "timeout", "canceled":
		return QueryTimedOut
	case "unavailable":
		return NotReady
	case "not_found":
		return NotFound
	case "too_many_requests":
		return TooExpensive
	case "execution":
		for _, limit := range []string{"too many samples", "limit", "too many"} { // it has no type for it
			if strings.Contains(r.Error, limit) {
				return TooExpensive
			}
		}
	}
	return QueryFailed
}
