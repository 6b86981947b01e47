package nats

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gumshoe/checks/reach"
)

// readings are two of the same.
type readings struct{ before, after reading }

// reading is what JetStream says of itself, whoever was asked.
type reading struct {
	at      time.Time // zero when there is none
	account account   // the totals
	varz    varz      // of the monitoring port alone
	jsz     jszInfo
	streams []streamInfo
}

// now is the server's own time where it tells it.
func (r reading) now() time.Time {
	if r.varz.Now.IsZero() {
		return r.at
	}
	return r.varz.Now
}

// account are the totals of an account, from $JS.API.INFO.
type account struct {
	Memory    int64 `json:"memory"`
	Storage   int64 `json:"storage"`
	Streams   int64 `json:"streams"`
	Consumers int64 `json:"consumers"`
	Limits    struct {
		Memory  int64 `json:"max_memory"`
		Storage int64 `json:"max_storage"`
	} `json:"limits"`
	API struct {
		Errors int64 `json:"errors"`
	} `json:"api"`
}

// streamInfo is a stream with its consumers.
type streamInfo struct {
	Name    string `json:"name"` // of the monitoring port; the API has it in config
	account string
	Config  struct {
		Name        string `json:"name"`
		MaxMessages int64  `json:"max_msgs"`
		MaxBytes    int64  `json:"max_bytes"`
		Discard     string `json:"discard"`
		Replicas    int    `json:"num_replicas"`
	} `json:"config"`
	State struct {
		Messages  int64     `json:"messages"`
		Bytes     int64     `json:"bytes"`
		FirstTime time.Time `json:"first_ts"`
		LastSeq   int64     `json:"last_seq"`
		Consumers int64     `json:"consumer_count"`
	} `json:"state"`
	Cluster   clusterInfo    `json:"cluster"`
	Consumers []consumerInfo `json:"consumer_detail"`
}

// clusterInfo says who has copies; Name is "" when there is one copy.
type clusterInfo struct {
	Name     string `json:"name"`
	Leader   string `json:"leader"`
	Replicas []struct {
		Current bool `json:"current"`
		Offline bool `json:"offline"`
	} `json:"replicas"`
}

type consumerInfo struct {
	Stream string `json:"stream_name"`
	Name   string `json:"name"`
	Config struct {
		MaxAckPending  int64  `json:"max_ack_pending"`
		DeliverSubject string `json:"deliver_subject"`
	} `json:"config"`
	Delivered   sequence    `json:"delivered"`
	AckFloor    sequence    `json:"ack_floor"`
	Pending     int64       `json:"num_pending"`
	AckPending  int64       `json:"num_ack_pending"`
	Redelivered int64       `json:"num_redelivered"`
	Waiting     int64       `json:"num_waiting"`
	PushBound   bool        `json:"push_bound"`
	Paused      bool        `json:"paused"`
	Cluster     clusterInfo `json:"cluster"`
}

type sequence struct {
	Consumer int64 `json:"consumer_seq"`
}

// apiError is an answer of the API that is an error, or the lack of one.
type apiError struct{ reason string }

func (e *apiError) Error() string { return e.reason }

// maxAsked is of how many streams the consumers are asked for one by one.
const maxAsked = 20

// ask reads what the API of JetStream tells of the account. Why it tells nothing is
// kept in noAPI; the error is that of the connection.
func (l *look) ask(r *reading, inbox string) error {
	err := l.askAll(r, inbox)
	if none, is := errors.AsType[*apiError](err); is {
		l.noAPI = reach.Printable(none.reason)
		return nil
	}
	return err
}

func (l *look) askAll(r *reading, inbox string) error {
	if err := l.request("$JS.API.INFO", inbox+".1", &r.account); err != nil {
		return err
	}
	var list struct {
		Streams []streamInfo `json:"streams"`
	}
	if err := l.request("$JS.API.STREAM.LIST", inbox+".2", &list); err != nil { // the first 256
		return err
	}
	r.streams = list.Streams
	for i := range r.streams {
		s := &r.streams[i]
		s.Name = s.Config.Name
		if i >= maxAsked || s.State.Consumers == 0 || strings.ContainsAny(s.Name, " .*>\r\n\t") {
			continue
		}
		var consumers struct {
			Consumers []consumerInfo `json:"consumers"`
		}
		if err := l.request("$JS.API.CONSUMER.LIST."+s.Name, fmt.Sprintf("%s.%d", inbox, i+3), &consumers); err != nil {
			return err
		}
		s.Consumers = consumers.Consumers
	}
	r.at = time.Now()
	return nil
}

// request asks the API for something. An apiError is its answer, or that there is
// none in time: without a leader nobody answers.
func (l *look) request(subject, inbox string, into any) error {
	started := time.Now()
	until := started.Add(min(time.Second, time.Until(l.end)/3))
	_ = l.conn.SetDeadline(until) // as above
	defer func() { _ = l.conn.SetDeadline(l.end) }()
	if err := l.s.send("PUB " + subject + " " + inbox + " 0\r\n\r\n"); err != nil {
		return err
	}
	l.s.last = ""
	for {
		m, _, err := l.s.next()
		switch {
		case reach.IsTimeout(err) && time.Until(l.end) > 0:
			return &apiError{"the API of JetStream does not answer"}
		case err != nil:
			return err
		case l.s.last != "":
			return &apiError{l.s.last}
		case m == nil || m.subject != inbox:
			continue
		case m.status != "" && len(m.data) == 0:
			return &apiError{"this account has no JetStream"} // 503: nobody answers there
		}
		var failure struct {
			Error struct {
				Description string `json:"description"`
			} `json:"error"`
		}
		if err := json.Unmarshal(m.data, &failure); err != nil {
			return &protocolError{"the API of JetStream answers no JSON"}
		}
		if failure.Error.Description != "" {
			return &apiError{failure.Error.Description}
		}
		if err := json.Unmarshal(m.data, into); err != nil {
			return &protocolError{"the API of JetStream answers something else"}
		}
		return nil
	}
}
