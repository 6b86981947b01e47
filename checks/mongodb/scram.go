package mongodb

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // of SCRAM-SHA-1 in MongoDB
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The ways to log in.
const (
	scramSHA256 = "SCRAM-SHA-256"
	scramSHA1   = "SCRAM-SHA-1"
)

// maxIterations bounds the work that a server can make us do; MongoDB asks for 15,000.
const maxIterations = 1_000_000

// scram is one log-in by SCRAM (RFC 5802). A password is taken as it is: one that
// is not ASCII has to be in the form that its user was made with (SASLprep).
type scram struct {
	make            func() hash.Hash
	user, password  string
	nonce           string
	first, proofFor string
	serverSignature []byte
}

func newSCRAM(mechanism, user, password string) *scram {
	s := &scram{make: sha256.New, user: user, password: password, nonce: rand.Text()}
	if mechanism == scramSHA1 {
		sum := md5.Sum([]byte(user + ":mongo:" + password)) //nolint:gosec // as above
		s.make, s.password = sha1.New, hex.EncodeToString(sum[:])
	}
	s.first = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user) + ",r=" + s.nonce
	return s
}

// start is the first message.
func (s *scram) start() string { return "n,," + s.first }

// prove answers the server's first message.
func (s *scram) prove(server string) (string, error) {
	fields := attributes(server)
	iterations, err := strconv.Atoi(fields["i"])
	salt, err2 := base64.StdEncoding.DecodeString(fields["s"])
	if err != nil || err2 != nil || iterations < 1 || iterations > maxIterations || !strings.HasPrefix(fields["r"], s.nonce) {
		return "", fmt.Errorf("%w: its answer to the log-in makes no sense", errStrange)
	}
	salted, err := pbkdf2.Key(s.make, s.password, salt, iterations, s.make().Size())
	if err != nil {
		return "", err
	}
	final := "c=biws,r=" + fields["r"]
	s.proofFor = s.first + "," + server + "," + final
	clientKey := s.mac(salted, "Client Key")
	stored := s.make()
	stored.Write(clientKey)
	proof := s.mac(stored.Sum(nil), s.proofFor)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	s.serverSignature = s.mac(s.mac(salted, "Server Key"), s.proofFor)
	return final + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

// verified tells whether the server knows the password too.
func (s *scram) verified(server string) bool {
	signature, err := base64.StdEncoding.DecodeString(attributes(server)["v"])
	return err == nil && hmac.Equal(signature, s.serverSignature)
}

func (s *scram) mac(key []byte, text string) []byte {
	m := hmac.New(s.make, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// attributes reads a=1,b=2.
func attributes(message string) map[string]string {
	fields := map[string]string{}
	for part := range strings.SplitSeq(message, ",") {
		if name, value, found := strings.Cut(part, "="); found {
			fields[name] = value
		}
	}
	return fields
}

// login logs a user in by one of the ways that the server offers for it.
func (s *session) login(source, mechanism, user, password string) error {
	conversation := newSCRAM(mechanism, user, password)
	answer, err := s.do(source, bson.D{
		{Key: "saslStart", Value: 1}, {Key: "mechanism", Value: mechanism}, {Key: "payload", Value: []byte(conversation.start())},
		{Key: "options", Value: bson.D{{Key: "skipEmptyExchange", Value: true}}},
	})
	if err != nil {
		return err
	}
	proof, err := conversation.prove(payload(answer))
	if err != nil {
		return err
	}
	id := int32(number(answer, "conversationId"))
	answer, err = s.do(source, bson.D{{Key: "saslContinue", Value: 1}, {Key: "conversationId", Value: id}, {Key: "payload", Value: []byte(proof)}})
	if err != nil {
		return err
	}
	if !conversation.verified(payload(answer)) {
		return fmt.Errorf("%w: it does not know the password itself, so that it may be another", errStrange)
	}
	if number(answer, "done") == 1 {
		return nil
	}
	_, err = s.do(source, bson.D{{Key: "saslContinue", Value: 1}, {Key: "conversationId", Value: id}, {Key: "payload", Value: []byte{}}})
	return err
}

func payload(answer bson.Raw) string {
	value, err := answer.LookupErr("payload")
	if err != nil {
		return ""
	}
	_, data, _ := value.BinaryOK()
	return string(data)
}
