package mongodb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gumshoe/checks/reach"
)

// errStrange is what is no answer in the protocol.
var errStrange = errors.New("it does not speak the protocol of MongoDB")

const (
	opMessage    = 2013
	headerBytes  = 16
	maxMessage   = 48_000_000 // of the protocol
	maxAnswer    = 16 << 20   // more than any answer to what is asked here
	checksumFlag = 1
	moreFlag     = 2
)

// session is a conversation: one command after the other.
type session struct {
	conn net.Conn
	id   int32
}

// commandError is an answer that is an error.
type commandError struct {
	code int64
	text string
}

func (e *commandError) Error() string { return fmt.Sprintf("error %d: %s", e.code, e.text) }

// do executes a command in a database and gives its answer.
func (s *session) do(database string, command bson.D) (bson.Raw, error) {
	text, err := bson.Marshal(append(command, bson.E{Key: "$db", Value: database}))
	if err != nil {
		return nil, err
	}
	s.id++
	message := make([]byte, headerBytes+5, headerBytes+5+len(text))
	binary.LittleEndian.PutUint32(message, uint32(cap(message)))
	binary.LittleEndian.PutUint32(message[4:], uint32(s.id))
	binary.LittleEndian.PutUint32(message[12:], uint32(opMessage))
	if _, err := s.conn.Write(append(message, text...)); err != nil {
		return nil, err
	}
	answer, err := readMessage(s.conn, s.id)
	if err != nil {
		return nil, err
	}
	if number(answer, "ok") != 1 {
		return answer, &commandError{int64(number(answer, "code")), textAt(answer, "errmsg")}
	}
	return answer, nil
}

// readMessage reads one answer to a request.
func readMessage(in io.Reader, request int32) (bson.Raw, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(in, header[:4]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length < headerBytes || length > maxMessage { // the few bytes of a greeting are enough
		return nil, errStrange
	}
	if _, err := io.ReadFull(in, header[4:]); err != nil {
		return nil, err
	}
	to, code := binary.LittleEndian.Uint32(header[8:]), binary.LittleEndian.Uint32(header[12:])
	switch {
	case code != opMessage || to != uint32(request) || length < headerBytes+5+5:
		return nil, errStrange
	case length > maxAnswer:
		return nil, fmt.Errorf("%w: an answer of %d bytes", errStrange, length)
	}
	body := make([]byte, length-headerBytes)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, err
	}
	return parseBody(body)
}

// parseBody gives the document of an OP_MSG.
func parseBody(body []byte) (bson.Raw, error) {
	if len(body) < 5 {
		return nil, errStrange
	}
	flags := binary.LittleEndian.Uint32(body)
	if flags&checksumFlag != 0 && len(body) > 9 {
		body = body[:len(body)-4] // TCP has one too
	}
	if flags&moreFlag != 0 || body[4] != 0 {
		return nil, errStrange
	}
	document := bson.Raw(body[5:])
	if len(document) < 5 || int(binary.LittleEndian.Uint32(document)) != len(document) || document.Validate() != nil {
		return nil, errStrange
	}
	return document, nil
}

// number gives a number at a path, 0 when there is none.
func number(document bson.Raw, path ...string) float64 {
	x, _ := numberOK(document, path...)
	return x
}

func numberOK(document bson.Raw, path ...string) (float64, bool) {
	value, err := document.LookupErr(path...)
	if err != nil {
		return 0, false
	}
	switch value.Type { //nolint:exhaustive // the others are no numbers
	case bson.TypeInt32:
		return float64(value.Int32()), true
	case bson.TypeInt64:
		return float64(value.Int64()), true
	case bson.TypeDouble:
		x := value.Double()
		return x, x-x == 0
	case bson.TypeBoolean:
		if value.Boolean() {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// textAt gives a text at a path, printable; "" when there is none.
func textAt(document bson.Raw, path ...string) string {
	value, err := document.LookupErr(path...)
	if err != nil {
		return ""
	}
	text, _ := value.StringValueOK()
	return reach.Printable(text)
}

// list gives the documents of a list at a path.
func list(document bson.Raw, path ...string) []bson.Raw {
	value, err := document.LookupErr(path...)
	if err != nil {
		return nil
	}
	array, ok := value.ArrayOK()
	if !ok {
		return nil
	}
	values, err := array.Values()
	if err != nil {
		return nil
	}
	var documents []bson.Raw
	for _, value := range values {
		if d, ok := value.DocumentOK(); ok {
			documents = append(documents, d)
		}
	}
	return documents
}
