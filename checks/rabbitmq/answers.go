package rabbitmq

import "encoding/json"

// What the management API answers, as far as it is used. A pointer is nil for
// what is not there: with statistics turned off, or of a node that is down.

type overview struct {
	ClusterName  string       `json:"cluster_name"`
	DisableStats bool         `json:"disable_stats"`
	Messages     messageStats `json:"message_stats"`
	Queues       struct {
		Ready   *int64 `json:"messages_ready"`
		Unacked *int64 `json:"messages_unacknowledged"`
	} `json:"queue_totals"`
	Objects struct {
		Queues      *int64 `json:"queues"`
		Consumers   *int64 `json:"consumers"`
		Connections *int64 `json:"connections"`
		Channels    *int64 `json:"channels"`
	} `json:"object_totals"`
}

// messageStats are rates. What never happened is not there.
type messageStats struct {
	Publish   rate `json:"publish_details"`
	Deliver   rate `json:"deliver_get_details"`
	Ack       rate `json:"ack_details"`
	Redeliver rate `json:"redeliver_details"`
	Returned  rate `json:"return_unroutable_details"`
	Dropped   rate `json:"drop_unroutable_details"`
}

type rate struct {
	Average float64 `json:"avg_rate"`
}

type node struct {
	Name            string   `json:"name"`
	Running         bool     `json:"running"`
	MemoryUsed      *int64   `json:"mem_used"`
	MemoryLimit     *int64   `json:"mem_limit"`
	MemoryAlarm     *bool    `json:"mem_alarm"`
	DiskFree        number   `json:"disk_free"`
	DiskLimit       number   `json:"disk_free_limit"`
	DiskAlarm       *bool    `json:"disk_free_alarm"`
	FileDescriptors *int64   `json:"fd_used"`
	FileLimit       *int64   `json:"fd_total"`
	Partitions      []string `json:"partitions"`
	Uptime          *int64   `json:"uptime"` // in milliseconds
}

// number is one that the broker writes as a word when it does not know it, such
// as "disk_free_monitoring_disabled".
type number struct {
	value int64
	known bool
}

// UnmarshalJSON takes a word for an unknown number.
func (n *number) UnmarshalJSON(text []byte) error {
	n.known = json.Unmarshal(text, &n.value) == nil && string(text) != "null"
	return nil
}

// page is one page of a list.
type page[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total_count"`
}

// queueColumns are those of a queue that are asked for.
const queueColumns = "&columns=name,vhost,state,messages,messages_ready,messages_unacknowledged,messages_details.avg_rate," +
	"message_stats.publish_details.avg_rate,message_stats.deliver_get_details.avg_rate,message_stats.ack_details.avg_rate," +
	"message_stats.redeliver_details.avg_rate,consumers,consumer_capacity,consumer_utilisation,memory,head_message_timestamp," +
	"arguments,effective_policy_definition"

type queue struct {
	Name     string       `json:"name"`
	Vhost    string       `json:"vhost"`
	State    string       `json:"state"`
	Messages *int64       `json:"messages"`
	Ready    *int64       `json:"messages_ready"`
	Unacked  *int64       `json:"messages_unacknowledged"`
	Growth   rate         `json:"messages_details"`
	Stats    messageStats `json:"message_stats"`
	Consumer *int64       `json:"consumers"`
	Capacity number1      `json:"consumer_capacity"`    // since 3.8
	Busy     number1      `json:"consumer_utilisation"` // before
	Memory   *int64       `json:"memory"`
	Head     number       `json:"head_message_timestamp"` // Unix seconds
	Set      settings     `json:"arguments"`
	Policy   settings     `json:"effective_policy_definition"`
}

// number1 is a share of 1; before the first consumer it is "" or null.
type number1 struct {
	value float64
	known bool
}

// UnmarshalJSON takes anything else for an unknown share.
func (n *number1) UnmarshalJSON(text []byte) error {
	n.known = json.Unmarshal(text, &n.value) == nil && string(text) != "null"
	return nil
}

// settings are those of a queue that tell what becomes of its messages, as its
// declaration (x-…) or a policy names them. Some brokers write an empty list for
// none.
type settings struct {
	maxLength   int64
	exchange    string
	key         string
	deadLetters bool
}

// UnmarshalJSON takes what is there.
func (s *settings) UnmarshalJSON(text []byte) error {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(text, &all) // else there are none
	for _, prefix := range []string{"x-", ""} {
		if value, is := all[prefix+"max-length"]; is {
			_ = json.Unmarshal(value, &s.maxLength) // else it stays without
		}
		if value, is := all[prefix+"dead-letter-exchange"]; is {
			s.deadLetters = json.Unmarshal(value, &s.exchange) == nil
		}
		if value, is := all[prefix+"dead-letter-routing-key"]; is {
			_ = json.Unmarshal(value, &s.key)
		}
	}
	return nil
}

type client struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Said  struct {
		Name string `json:"connection_name"`
	} `json:"client_properties"`
}
