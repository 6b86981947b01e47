package reach

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"gumshoe/engine"
)

// Endpoint gives the host and port of a URL.
func Endpoint(u *url.URL) (host string, port int, err error) {
	switch u.Scheme {
	case "http":
		port = 80
	case "https":
		port = 443
	default:
		return "", 0, fmt.Errorf("the scheme %q is neither http nor https", Printable(u.Scheme))
	}
	host = u.Hostname()
	if err := engine.CheckHost(host); err != nil {
		return "", 0, fmt.Errorf("%w; a name with other letters is written as xn--", err)
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return "", 0, fmt.Errorf("the port %q is not a number from 1 to 65535", Printable(text))
		}
	}
	return host, port, nil
}

// JoinPort writes a host and a port as an address.
func JoinPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// ShownURL writes a URL without what it may hold of secrets: the user, the
// fragment, and values in the query by the looks of their names.
func ShownURL(u *url.URL) string {
	shown := *u
	shown.User, shown.Fragment, shown.RawFragment = nil, "", ""
	if shown.RawQuery != "" {
		parts := strings.FieldsFunc(shown.RawQuery, func(r rune) bool { return r == '&' || r == ';' })
		for i, part := range parts {
			parts[i] = shownParameter(part)
		}
		shown.RawQuery = strings.Join(parts, "&")
	}
	return Printable(shown.String())
}

// shownParameter writes a parameter of a query; one that is a URL in its turn is
// shown as a URL is.
func shownParameter(part string) string {
	name, value, found := strings.Cut(part, "=")
	plain, err := url.QueryUnescape(name)
	if !found {
		return part
	}
	text, valueErr := url.QueryUnescape(value)
	if err != nil || valueErr != nil || LooksSecret(plain) {
		return name + "=REDACTED"
	}
	if strings.Contains(text, "://") {
		inner, err := url.Parse(text)
		if err != nil {
			return name + "=REDACTED"
		}
		return name + "=" + url.QueryEscape(ShownURL(inner))
	}
	return part
}

// LooksSecret tells by the name of a header or of a parameter whether its value
// is one that lets people in.
func LooksSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"auth", "token", "key", "secret", "pass", "pwd", "cookie", "sig", "cred", "session", "code", "jwt", "ticket", "state"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
