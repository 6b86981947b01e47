package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"gumshoe/checks/reach"
)

// askForTLS asks in a protocol's own words to go on with TLS. The outcome is ""
// when the server agrees; else it and text say why not.
func askForTLS(ctx context.Context, conn net.Conn, protocol string) (outcome reach.Outcome, text string, _ error) {
	var err error
	switch protocol {
	case "smtp":
		outcome, text, err = askSMTP(conn)
	case "imap":
		outcome, text, err = askLines(conn, "* OK", "a1 STARTTLS\r\n", "a1 ")
	case "pop3":
		outcome, text, err = askLines(conn, "+OK", "STLS\r\n", "")
	case "postgres":
		outcome, text, err = askPostgres(conn)
	default:
		return "", "", nil
	}
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return reach.Closed, "it closed the connection before TLS began", nil
	case err != nil:
		outcome, err = reach.OutcomeOf(err)
		return outcome, "before TLS began", err
	}
	return outcome, text, nil
}

// askSMTP follows RFC 3207.
func askSMTP(conn net.Conn) (reach.Outcome, string, error) {
	greeting, _, err := smtpReply(conn)
	if err != nil || !strings.HasPrefix(greeting, "220") {
		return reach.ProtocolError, "it does not greet as SMTP does: " + quoteStart([]byte(greeting)), err
	}
	if _, err := io.WriteString(conn, "EHLO gumshoe\r\n"); err != nil {
		return "", "", err
	}
	said, extensions, err := smtpReply(conn)
	if err != nil || !strings.HasPrefix(said, "250") {
		return reach.ProtocolError, "it answers EHLO with " + quoteStart([]byte(said)), err
	}
	if !strings.Contains(strings.ToUpper(extensions), "\nSTARTTLS\n") {
		return NotOffered, "STARTTLS is not among its extensions", nil
	}
	if _, err := io.WriteString(conn, "STARTTLS\r\n"); err != nil {
		return "", "", err
	}
	said, _, err = smtpReply(conn)
	if err != nil || !strings.HasPrefix(said, "220") {
		return NotOffered, "it answers STARTTLS with " + quoteStart([]byte(said)), err
	}
	return "", "", nil
}

// smtpReply reads a reply of one line or several, "250-A", "250-B", "250 C". It
// gives the last line, and what all lines say after the code, between newlines.
func smtpReply(conn net.Conn) (last, all string, _ error) {
	all = "\n"
	for range maxDialogueLines {
		line, err := readLine(conn)
		if err != nil {
			return line, all, err
		}
		all += line[min(4, len(line)):] + "\n"
		if len(line) < 4 || line[3] != '-' || strings.Trim(line[:3], "0123456789") != "" { // as of SSH-2.0
			return line, all, nil
		}
	}
	return "a reply without end", all, nil
}

// askLines follows RFC 2595: a greeting, a command, and a line in which the
// server says OK.
func askLines(conn net.Conn, greeting, command, tag string) (reach.Outcome, string, error) {
	line, err := readLine(conn)
	if err != nil || !strings.HasPrefix(line, greeting) {
		return reach.ProtocolError, "it does not greet as the protocol does: " + quoteStart([]byte(line)), err
	}
	if _, err := io.WriteString(conn, command); err != nil {
		return "", "", err
	}
	for range maxDialogueLines {
		if line, err = readLine(conn); err != nil || !strings.HasPrefix(line, "* ") {
			break // lines that begin with "* " answer no command of ours
		}
	}
	switch {
	case err != nil:
		return "", "", err
	case strings.HasPrefix(line, tag+"OK"), strings.HasPrefix(line, tag+"+OK"):
		return "", "", nil
	case strings.HasPrefix(line, tag+"NO"), strings.HasPrefix(line, tag+"BAD"), strings.HasPrefix(line, tag+"-ERR"):
		return NotOffered, "it answers " + strings.TrimSpace(command) + " with " + quoteStart([]byte(line)), nil
	}
	return reach.ProtocolError, "it answers " + strings.TrimSpace(command) + " with " + quoteStart([]byte(line)), nil
}

// askPostgres sends an SSLRequest, to which the answer is one byte.
func askPostgres(conn net.Conn) (reach.Outcome, string, error) {
	if _, err := conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
		return "", "", err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return "", "", err
	}
	switch answer[0] {
	case 'S':
		return "", "", nil
	case 'N':
		return NotOffered, "the server has TLS switched off", nil
	}
	return reach.ProtocolError, "it answers an SSLRequest with " + quoteStart(answer), nil
}

// Bounds of what a server may say before TLS begins.
const (
	maxDialogueLines = 100
	maxDialogueLine  = 1000
)

// readLine reads byte by byte: what follows the last line is TLS, and not ours
// to read. A line that is too long is given as far as it was read.
func readLine(conn net.Conn) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) < maxDialogueLine {
		if _, err := io.ReadFull(conn, one); err != nil {
			return string(line), err
		}
		if one[0] == '\n' {
			break
		}
		line = append(line, one[0])
	}
	return strings.TrimSuffix(string(line), "\r"), nil
}
