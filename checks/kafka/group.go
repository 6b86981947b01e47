package kafka

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"gumshoe/checks/reach"
)

// maxLags bounds how many partitions of a group are kept.
const maxLags = 20

// reading is what is read at one moment.
type reading struct {
	at    time.Time
	ends  kadm.ListedOffsets
	group kadm.DescribedGroupLag
	err   error // of the group
	tErr  error // of the topic
}

// offsets reads the ends of the partitions and what the group has committed,
// twice.
func (l *look) offsets(ctx context.Context, client *kgo.Client) {
	if l.in.Topic == "" {
		l.noTopic(true, "no topic was asked for")
	}
	if l.in.Group == "" {
		l.noGroup(true, "no group was asked for")
	}
	if l.in.Topic == "" && l.in.Group == "" {
		l.call.NotAsked("window_seconds", "neither a topic nor a group was asked for", "")
		return
	}
	admin := kadm.NewClient(client)
	first := l.read(ctx, admin)
	if first.err == nil && first.tErr == nil {
		timer := time.NewTimer(l.window)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	second := l.read(ctx, admin)
	l.WindowSeconds = second.at.Sub(first.at).Seconds()
	if l.in.Topic != "" {
		l.topic(first, second)
	}
	if l.in.Group != "" {
		l.group(first, second)
	}
}

func (l *look) read(ctx context.Context, admin *kadm.Client) reading {
	r := reading{at: time.Now()}
	if l.in.Topic != "" {
		r.ends, r.tErr = admin.ListEndOffsets(ctx, l.in.Topic)
		if r.tErr == nil {
			r.tErr = firstError(r.ends)
		}
	}
	if l.in.Group != "" {
		lags, err := admin.Lag(ctx, l.in.Group)
		r.group = lags[l.in.Group]
		r.err = cmp.Or(err, r.group.DescribeErr, r.group.FetchErr)
		if r.err == nil && r.group.State == "Dead" {
			r.err = kerr.GroupIDNotFound
		}
	}
	return r
}

// firstError is that of a topic of which no partition could be read.
func firstError(ends kadm.ListedOffsets) error {
	var failed error
	read := false
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			read = true
		} else {
			failed = o.Err
		}
	})
	if read {
		return nil
	}
	return failed
}

// outcomeOf tells the outcome from the error of looking at a topic or a group.
func (l *look) outcomeOf(err error) reach.Outcome {
	switch {
	case err == nil:
		return reach.OK
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.GroupIDNotFound), errors.Is(err, kerr.InvalidGroupID),
		errors.Is(err, kerr.InvalidTopicException):
		return NotFound
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed),
		errors.Is(err, kerr.ClusterAuthorizationFailed):
		return reach.NoPermission
	}
	if _, is := errors.AsType[*kadm.AuthError](err); is {
		return reach.NoPermission
	}
	if _, is := errors.AsType[*kerr.Error](err); is {
		return Rejected
	}
	return reach.TimedOut
}

func (l *look) topic(first, second reading) {
	l.Topic.Outcome = l.outcomeOf(cmp.Or(first.tErr, second.tErr))
	if l.Topic.Outcome != reach.OK {
		l.noTopic(l.Topic.Outcome == NotFound, "the topic cannot be looked at: "+l.Topic.Outcome.Words())
		return
	}
	var written int64
	second.ends.Each(func(o kadm.ListedOffset) {
		l.Topic.Partitions++
		if before, is := first.ends.Lookup(o.Topic, o.Partition); is && before.Err == nil && o.Err == nil {
			written += max(0, o.Offset-before.Offset)
		}
	})
	l.Topic.MessagesPerSecond = perSecond(written, l.WindowSeconds)
}

func (l *look) group(first, second reading) {
	err := cmp.Or(first.err, second.err)
	if l.Group.Outcome = l.outcomeOf(err); l.Group.Outcome != reach.OK {
		if said, is := errors.AsType[*kerr.Error](err); is {
			l.Group.Error = reach.Printable(said.Message + ": " + said.Description)
		}
		l.noGroup(l.Group.Outcome == NotFound, "the group cannot be looked at: "+l.Group.Outcome.Words())
		return
	}
	g := &l.Group
	now := second.group
	g.State, g.StateBefore, g.Members = reach.Printable(now.State), reach.Printable(first.group.State), int64(len(now.Members))
	g.Coordinator = reach.Printable(reach.JoinPort(now.Coordinator.Host, int(now.Coordinator.Port)))
	var grown, committed, produced int64
	for _, p := range now.Lag.Sorted() {
		if l.in.Topic != "" && p.Topic != l.in.Topic {
			continue
		}
		if p.Member != nil {
			g.Assigned++
		}
		if p.Err != nil || p.Lag < 0 {
			g.Unknown++
			if said, is := errors.AsType[*kerr.Error](p.Err); is {
				g.Error = reach.Printable(said.Message + ": " + said.Description)
			}
			continue
		}
		kept := Lag{Topic: reach.Printable(p.Topic), Partition: p.Partition, Lag: p.Lag}
		if p.Member != nil {
			kept.Member, kept.MemberHost = reach.Printable(p.Member.ClientID), reach.Printable(p.Member.ClientHost)
		}
		g.Lag += p.Lag
		if before, is := first.group.Lag.Lookup(p.Topic, p.Partition); is && before.Err == nil && before.Lag >= 0 {
			grown += p.Lag - before.Lag
			produced += max(0, p.End.Offset-before.End.Offset)
			moved := max(0, p.Commit.At-max(0, before.Commit.At))
			committed += moved
			kept.CommittedPerSecond = perSecond(moved, l.WindowSeconds)
		}
		g.Partitions = append(g.Partitions, kept)
	}
	slices.SortStableFunc(g.Partitions, func(a, b Lag) int { return cmp.Compare(b.Lag, a.Lag) })
	g.Partitions = g.Partitions[:min(len(g.Partitions), maxLags)]
	g.LagGrowthPerSecond, g.CommittedPerSecond = perSecond(grown, l.WindowSeconds), perSecond(committed, l.WindowSeconds)
	g.ProducedPerSecond = perSecond(produced, l.WindowSeconds)
}

func perSecond(count int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(count) / seconds
}

// noTopic marks what is not known of the topic: since there is no such thing, or
// nobody to ask, when that is the cluster's own doing.
func (l *look) noTopic(own bool, reason string) {
	fields := []string{"topic.partitions", "topic.messages_per_second"}
	if l.in.Topic != "" {
		reach.Without(l.call, own, reason, fields...)
		return
	}
	for _, field := range append(fields, "topic.outcome", "topic.name") {
		l.call.NotAsked(field, "no topic was asked for", "set topic")
	}
}

// noGroup is noTopic for the group.
func (l *look) noGroup(own bool, reason string) {
	fields := []string{
		"group.state", "group.state_before", "group.members", "group.coordinator", "group.lag", "group.lag_growth_per_second",
		"group.committed_per_second", "group.produced_per_second", "group.partitions", "group.assigned", "group.unknown",
	}
	if l.in.Group == "" {
		for _, field := range append(fields, "group.outcome", "group.error", "group.name") {
			l.call.NotAsked(field, "no group was asked for", "set group")
		}
		return
	}
	if l.Group.Outcome != reach.NoPermission {
		reach.Without(l.call, own, reason, fields...)
		return
	}
	fix := "kafka-acls.sh --add --allow-principal User:gumshoe --operation Describe --group " + reach.Printable(l.in.Group)
	for _, field := range fields {
		l.call.Unread(field, reason, fix)
	}
}
