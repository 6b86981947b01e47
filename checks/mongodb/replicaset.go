package mongodb

import (
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// maxMembers is how many members are shown; a replica set has at most 50.
const maxMembers = 50

// members reads how the replica set is.
func (l *look) members() {
	fields := []string{"lag_seconds", "unhealthy_members", "members"}
	none := func(reason string) {
		for _, field := range append(fields, "oplog_window_hours") {
			l.call.NotAsked(field, reason, "")
		}
	}
	if l.Role == "standalone" || l.Role == "mongos" {
		none("it is in no replica set")
		return
	}
	if l.gone != "" {
		l.unread(l.gone, fields...)
		return
	}
	status, err := l.s.do("admin", bson.D{{Key: "replSetGetStatus", Value: 1}, limit()})
	var answer *commandError
	if errors.As(err, &answer) && (answer.code == codeNoReplication || answer.code == codeNotInitialized) {
		none("its replica set is not set up yet")
		return
	}
	if err != nil {
		reason, fix := l.why(err, clusterMonitor)
		for _, field := range fields {
			l.call.Unread(field, reason, fix)
		}
		return
	}
	documents := list(status, "members")
	newest := time.Time{}
	for _, m := range documents {
		if at, ok := timeAt(m, "optimeDate"); ok && at.After(newest) {
			newest = at
		}
	}
	l.HasPrimary = false
	for _, m := range documents[:min(len(documents), maxMembers)] {
		member := Member{Name: textAt(m, "name"), State: textAt(m, "stateStr"), Healthy: number(m, "health") == 1, Self: number(m, "self") == 1}
		switch member.State {
		case "PRIMARY":
			l.HasPrimary, l.Primary = l.HasPrimary || member.Healthy, member.Name
		case "SECONDARY":
			if at, ok := timeAt(m, "optimeDate"); ok && member.Healthy {
				member.LagSeconds = max(0, newest.Sub(at).Seconds())
				l.LagSeconds = max(l.LagSeconds, member.LagSeconds)
			}
		case "ARBITER":
		default:
			l.UnhealthyMembers++
		}
		if !member.Healthy && (member.State == "PRIMARY" || member.State == "SECONDARY" || member.State == "ARBITER") {
			l.UnhealthyMembers++
		}
		l.Members = append(l.Members, member)
	}
}

func timeAt(document bson.Raw, path ...string) (time.Time, bool) {
	value, err := document.LookupErr(path...)
	if err != nil {
		return time.Time{}, false
	}
	return value.TimeOK()
}

// operations reads what runs.
func (l *look) operations() {
	answer, ok := l.ask("admin", bson.D{
		{Key: "aggregate", Value: 1}, {Key: "cursor", Value: bson.D{{Key: "batchSize", Value: 101}}}, limit(),
		{Key: "pipeline", Value: bson.A{
			bson.D{{Key: "$currentOp", Value: bson.D{{Key: "allUsers", Value: true}, {Key: "idleConnections", Value: false}}}},
			bson.D{{Key: "$match", Value: bson.D{{Key: "active", Value: true}, {Key: "appName", Value: bson.D{{Key: "$ne", Value: "gumshoe"}}}, {Key: "client", Value: bson.D{{Key: "$exists", Value: true}}}}}},
			bson.D{{Key: "$sort", Value: bson.D{{Key: "microsecs_running", Value: -1}}}},
			bson.D{{Key: "$limit", Value: 100}},
			bson.D{{Key: "$project", Value: bson.D{
				{Key: "opid", Value: 1}, {Key: "op", Value: 1}, {Key: "ns", Value: 1}, {Key: "microsecs_running", Value: 1}, {Key: "appName", Value: 1},
				{Key: "client", Value: 1}, {Key: "planSummary", Value: 1}, {Key: "waitingForLock", Value: 1}, {Key: "command.hello", Value: 1}, {Key: "command.isMaster", Value: 1},
			}}},
		}},
	}, clusterMonitor, "operations")
	if !ok {
		return
	}
	const shown = 5
	o := &l.Operations
	for _, op := range list(answer, "cursor", "firstBatch") {
		_, waitsForNews := numberOK(op, "command", "hello") // drivers keep such a command open to hear of changes
		_, old := numberOK(op, "command", "isMaster")
		if waitsForNews || old {
			continue
		}
		told := Operation{
			ID: identifier(op), Kind: textAt(op, "op"), Namespace: textAt(op, "ns"), Seconds: max(0, number(op, "microsecs_running")/1e6),
			Application: textAt(op, "appName"), Client: textAt(op, "client"), Plan: textAt(op, "planSummary"), WaitingForLock: number(op, "waitingForLock") == 1,
		}
		o.Active++
		if told.WaitingForLock {
			o.WaitingForLock++
		}
		o.LongestSeconds = max(o.LongestSeconds, told.Seconds)
		if len(o.Longest) < shown {
			o.Longest = append(o.Longest, told)
		}
	}
}

// identifier is a number on a server, and a text on a router.
func identifier(op bson.Raw) string {
	if n, ok := numberOK(op, "opid"); ok {
		return fmt.Sprintf("%.0f", n)
	}
	return textAt(op, "opid")
}

// oplog reads the first and the last time in the oplog.
func (l *look) oplog() {
	if l.ReplicaSet == "" || l.Role == "arbiter" {
		l.call.NotAsked("oplog_window_hours", "it has no oplog", "")
		return
	}
	var ends [2]float64
	for i, direction := range []int{1, -1} {
		answer, ok := l.ask("local", bson.D{
			{Key: "find", Value: "oplog.rs"}, {Key: "sort", Value: bson.D{{Key: "$natural", Value: direction}}}, {Key: "limit", Value: 1},
			{Key: "singleBatch", Value: true}, {Key: "projection", Value: bson.D{{Key: "ts", Value: 1}}}, limit(),
		}, `db.grantRolesToUser("USER", [{ role: "read", db: "local" }])`, "oplog_window_hours")
		if !ok {
			return
		}
		for _, entry := range list(answer, "cursor", "firstBatch") {
			if value, err := entry.LookupErr("ts"); err == nil {
				seconds, _, _ := value.TimestampOK()
				ends[i] = float64(seconds)
			}
		}
	}
	if ends[0] == 0 || ends[1] < ends[0] {
		l.call.NotAsked("oplog_window_hours", "its oplog is empty", "")
		return
	}
	l.OplogWindowHours = (ends[1] - ends[0]) / 3600
}
