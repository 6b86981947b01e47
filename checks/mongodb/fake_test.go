package mongodb

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// fake is a server that speaks the protocol: OP_MSG and SCRAM-SHA-256. Its answers
// have the form of MongoDB 7.0's, from its manual.
type fake struct {
	address string

	mu       sync.Mutex
	readings int
	answers  map[string]func() bson.D // by the command, instead of the usual
	silent   map[string]bool          // commands that are never answered
	password string                   // "" lets everybody in
	seen     []string                 // the commands, in order
	opened   int
}

func newFake(t *testing.T) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: l.Addr().String(), answers: map[string]func() bson.D{}, silent: map[string]bool{}}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
				f.serve(conn)
			})
		}
	})
	return f
}

// says makes a command have an answer.
func (f *fake) says(command string, answer bson.D) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[command] = func() bson.D { return answer }
}

func refusal(code int32, text string) bson.D {
	return bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: text}, {Key: "code", Value: code}}
}

func (f *fake) serve(conn net.Conn) {
	f.mu.Lock()
	f.opened++
	f.mu.Unlock()
	state := &login{}
	for {
		var header [headerBytes]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(header[:])-headerBytes)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		command := bson.Raw(body[5:])
		elements, err := command.Elements()
		if err != nil || len(elements) == 0 {
			return
		}
		answer, silent := f.answer(elements[0].Key(), command, state)
		if silent {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		text, err := bson.Marshal(answer)
		if err != nil {
			return
		}
		message := make([]byte, headerBytes+5)
		binary.LittleEndian.PutUint32(message, uint32(len(message)+len(text)))
		copy(message[8:], header[4:8])
		binary.LittleEndian.PutUint32(message[12:], opMessage)
		if _, err := conn.Write(slices.Concat(message, text)); err != nil {
			return
		}
	}
}

func (f *fake) answer(name string, command bson.Raw, state *login) (answer bson.D, silent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, name)
	if f.silent[name] {
		return nil, true
	}
	if special := f.answers[name]; special != nil {
		return special(), false
	}
	ok := bson.E{Key: "ok", Value: 1.0}
	open := name == "hello" || name == "ping" || name == "saslStart" || name == "saslContinue" || name == "buildInfo"
	if f.password != "" && !state.done && !open {
		return refusal(codeUnauthorized, "command "+name+" requires authentication"), false
	}
	switch name {
	case "hello":
		return bson.D{
			{Key: "isWritablePrimary", Value: true}, {Key: "setName", Value: "rs0"}, {Key: "primary", Value: "db-1:27017"},
			{Key: "me", Value: "db-1:27017"}, {Key: "maxWireVersion", Value: int32(21)}, {Key: "saslSupportedMechs", Value: bson.A{scramSHA1, scramSHA256}}, ok,
		}, false
	case "saslStart":
		return append(state.start(payload(command)), ok), false
	case "saslContinue":
		if !state.proved(payload(command), f.password) {
			return refusal(codeAuthFailed, "Authentication failed."), false
		}
		return bson.D{{Key: "conversationId", Value: int32(1)}, {Key: "done", Value: true}, {Key: "payload", Value: []byte("v=" + state.signature)}, ok}, false
	case "ping":
		return bson.D{ok}, false
	case "buildInfo":
		return bson.D{{Key: "version", Value: "7.0.12"}, ok}, false
	case "serverStatus":
		f.readings++
		return append(statusOf(int64(f.readings)), ok), false
	case "replSetGetStatus":
		now := time.Now().Truncate(time.Second)
		return bson.D{{Key: "set", Value: "rs0"}, {Key: "members", Value: bson.A{
			member("db-1:27017", "PRIMARY", 1, now, true), member("db-2:27017", "SECONDARY", 1, now.Add(-45*time.Second), false),
			member("db-3:27017", "(not reachable/healthy)", 0, time.Unix(0, 0), false),
		}}, ok}, false
	case "aggregate":
		return bson.D{{Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "firstBatch", Value: bson.A{
			bson.D{
				{Key: "opid", Value: int32(8123)}, {Key: "op", Value: "query"}, {Key: "ns", Value: "shop.orders"}, {Key: "microsecs_running", Value: int64(93_500_000)},
				{Key: "appName", Value: "report"}, {Key: "client", Value: "10.0.4.9:51000"}, {Key: "planSummary", Value: "COLLSCAN"}, {Key: "waitingForLock", Value: false},
			},
			bson.D{{Key: "opid", Value: int32(8)}, {Key: "op", Value: "command"}, {Key: "ns", Value: "admin.$cmd"}, {Key: "microsecs_running", Value: int64(900_000_000)}, {Key: "command", Value: bson.D{{Key: "hello", Value: int32(1)}}}},
			bson.D{{Key: "opid", Value: int32(8124)}, {Key: "op", Value: "update"}, {Key: "ns", Value: "shop.orders"}, {Key: "microsecs_running", Value: int64(2_000_000)}, {Key: "waitingForLock", Value: true}},
		}}}}, ok}, false
	case "find":
		at := uint32(1_700_000_000)
		if d, err := command.LookupErr("sort", "$natural"); err == nil && d.Int32() < 0 {
			at += 36 * 3600
		}
		return bson.D{{Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "firstBatch", Value: bson.A{bson.D{{Key: "ts", Value: bson.Timestamp{T: at, I: 1}}}}}}}, ok}, false
	}
	return refusal(codeNoSuchCommand, "no such command: '"+name+"'"), false
}

func member(name, state string, health float64, at time.Time, self bool) bson.D {
	d := bson.D{{Key: "name", Value: name}, {Key: "stateStr", Value: state}, {Key: "health", Value: health}, {Key: "optimeDate", Value: at}}
	if self {
		d = append(d, bson.E{Key: "self", Value: true})
	}
	return d
}

// statusOf is the nth reading: each counter grows by as much from one to the next.
func statusOf(n int64) bson.D {
	d := func(pairs ...any) bson.D {
		var doc bson.D
		for i := 0; i+1 < len(pairs); i += 2 {
			doc = append(doc, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
		}
		return doc
	}
	tickets := d("out", int32(2), "available", int32(126), "totalTickets", int32(128))
	return d(
		"uptime", 86400.0, "asserts", d("regular", int32(0), "warning", int32(0), "msg", int32(0), "user", int32(7*n)),
		"connections", d("current", int32(90), "available", int32(10), "totalCreated", int32(100*n), "active", int32(12)),
		"extra_info", d("page_faults", 3*n),
		"globalLock", d("currentQueue", d("total", int32(5), "readers", int32(4), "writers", int32(1))),
		"opcounters", d("insert", 10*n, "query", 200*n, "update", 30*n, "delete", n, "getmore", 4*n, "command", 5*n),
		"opLatencies", d("reads", d("latency", 400_000*n, "ops", 200*n), "writes", d("latency", int64(0), "ops", int64(0))),
		"metrics", d("document", d("returned", 200*n), "queryExecutor", d("scannedObjects", 90_000*n, "collectionScans", d("total", 2*n))),
		"wiredTiger", d(
			"cache", d("maximum bytes configured", int64(1<<30), "bytes currently in the cache", int64(1<<29), "tracked dirty bytes in the cache", int64(1<<28),
				"bytes read into cache", 1<<20*n, "pages evicted by application threads", 6*n),
			"concurrentTransactions", d("read", tickets, "write", d("available", int32(0))),
		),
	)
}

// login is the server's side of SCRAM-SHA-256.
type login struct {
	first, nonce, signature string
	done                    bool
}

const salt, iterations = "c2FsdCBvZiBhIHRlc3Q=", 4096

func (l *login) start(message string) bson.D {
	l.first = message[len("n,,"):]
	l.nonce = attributes(message)["r"] + "server"
	return bson.D{{Key: "conversationId", Value: int32(1)}, {Key: "done", Value: false}, {Key: "payload", Value: []byte(l.challenge())}}
}

func (l *login) challenge() string { return "r=" + l.nonce + ",s=" + salt + ",i=4096" }

func (l *login) proved(message, password string) bool {
	raw, _ := base64.StdEncoding.DecodeString(salt)
	salted, err := pbkdf2.Key(sha256.New, password, raw, iterations, sha256.Size)
	if err != nil {
		return false
	}
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	proof, _ := base64.StdEncoding.DecodeString(message[len(message)-44:])
	signed := l.first + "," + l.challenge() + ",c=biws,r=" + l.nonce
	key := mac(salted, "Client Key")
	stored := sha256.Sum256(key)
	for i, x := range mac(stored[:], signed) {
		if i >= len(proof) || proof[i]^x != key[i] {
			return false
		}
	}
	l.signature = base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), signed))
	l.done = true
	return true
}
