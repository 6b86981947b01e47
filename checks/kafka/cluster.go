package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Bounds of what is kept.
const (
	maxBrokers  = 32
	maxTroubled = 20
	maxMissing  = 20
)

// cluster fills in what the metadata tells.
func (l *look) cluster(m *kmsg.MetadataResponse) {
	if m.ClusterID != nil {
		l.ClusterID = reach.Printable(*m.ClusterID)
	}
	l.ControllerID, l.HasController = m.ControllerID, m.ControllerID >= 0
	present := map[int32]bool{}
	for _, b := range m.Brokers {
		present[b.NodeID] = true
	}
	missing := map[int32]bool{}
	l.Topics = int64(len(m.Topics))
	for _, t := range m.Topics {
		name := ""
		if t.Topic != nil {
			name = reach.Printable(*t.Topic)
		}
		for _, p := range t.Partitions {
			l.Partitions++
			for _, id := range p.Replicas {
				if !present[id] {
					missing[id] = true
				}
			}
			under, headless := len(p.ISR) < len(p.Replicas), p.Leader < 0
			if headless {
				l.Leaderless++
			}
			if under {
				l.UnderReplicated++
			}
			if under || headless {
				l.Troubled = append(l.Troubled, Partition{
					Topic: name, Partition: p.Partition, Leader: max(-1, p.Leader),
					Replicas: int64(len(p.Replicas)), InSync: int64(len(p.ISR)),
				})
			}
		}
	}
	slices.SortStableFunc(l.Troubled, func(a, b Partition) int { return cmp.Compare(min(0, a.Leader), min(0, b.Leader)) })
	l.Troubled = l.Troubled[:min(len(l.Troubled), maxTroubled)]
	ids := []int32{}
	for id := range missing {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids[:min(len(ids), maxMissing)] {
		l.BrokersMissing = append(l.BrokersMissing, strconv.Itoa(int(id)))
	}
}

// brokers asks each broker whether it answers, all at once, within half of the
// time that is left.
func (l *look) brokers(ctx context.Context, client *kgo.Client, m *kmsg.MetadataResponse) {
	leads := map[int32]int64{}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			leads[p.Leader]++
		}
	}
	slices.SortFunc(m.Brokers, func(a, b kmsg.MetadataResponseBroker) int { return cmp.Compare(a.NodeID, b.NodeID) })
	asked := m.Brokers[:min(len(m.Brokers), maxBrokers)]
	inner, stop := context.WithTimeout(ctx, (time.Until(l.end)-l.window)/2)
	defer stop()
	l.Brokers = make([]Broker, len(asked))
	refused := make([]error, len(asked))
	var group sync.WaitGroup
	for i, b := range asked {
		l.Brokers[i] = Broker{ID: b.NodeID, Address: reach.JoinPort(b.Host, int(b.Port)), Leads: leads[b.NodeID]}
		if b.Rack != nil {
			l.Brokers[i].Rack = reach.Printable(*b.Rack)
		}
		group.Go(func() { refused[i] = l.broker(inner, client, &l.Brokers[i]) })
	}
	group.Wait()
	for i := range l.Brokers {
		b := &l.Brokers[i]
		advertised := !slices.Contains(l.in.Brokers, b.Address)
		field := fmt.Sprintf("brokers[%d].", i)
		if refused[i] != nil {
			fix := ""
			if r, is := refused[i].(*engine.RefusedError); is { //nolint:errorlint // OutcomeOf gives it bare
				fix = r.Fix
			}
			for _, name := range []string{"reachable", "outcome", "answer_seconds"} {
				l.call.Unread(field+name, reach.Printable(refused[i].Error()), fix)
			}
			l.call.Unread("brokers_unreachable", "a broker could not be asked: "+reach.Printable(refused[i].Error()), fix)
			l.call.Unread("advertised_unreachable", "a broker could not be asked: "+reach.Printable(refused[i].Error()), fix)
		} else if !b.Reachable {
			reach.Without(l.call, b.Outcome.OfTarget(), "the broker does not answer: "+b.Outcome.Words(), field+"answer_seconds")
			l.BrokersUnreachable++
			if advertised && l.unconnected(b.Address) {
				l.AdvertisedUnreachable++
			}
		}
		b.Address = reach.Printable(b.Address)
	}
}

// unconnected tells whether there was never a connection to an address.
func (l *look) unconnected(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	err, tried := l.failures[address]
	return !tried || err != nil
}

// broker asks one broker. Its error is one of our own host or policy.
func (l *look) broker(ctx context.Context, client *kgo.Client, b *Broker) error {
	if b.Address == l.Address { // it gave the metadata
		b.Reachable, b.Outcome, b.AnswerSeconds = true, reach.OK, l.MetadataSeconds
		return nil
	}
	if _, _, err := engine.SplitHostPort(b.Address); err != nil {
		b.Outcome = reach.NameNotFound // such as an empty host
		return nil                     //nolint:nilerr // it is the cluster's fault
	}
	started := time.Now()
	// The library asks for the versions by itself when it connects: this is the
	// smallest request that makes it do so.
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	if _, err := client.Broker(int(b.ID)).Request(ctx, request); err != nil {
		var blind error
		b.Outcome, _, blind = l.failed(b.Address, err)
		return blind
	}
	b.Reachable, b.Outcome, b.AnswerSeconds = true, reach.OK, time.Since(started).Seconds()
	return nil
}
