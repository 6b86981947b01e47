package engine_test

import (
	"net/netip"
	"testing"

	"gumshoe/engine"
)

func TestParseDestinationRefuses(t *testing.T) {
	const form = `want an address, a network, a host or "*.domain", with :port or without`
	for entry, want := range map[string]string{
		"":                form,
		"*":               `a * stands only for the first part of a name, as in "*.internal"`,
		"*.":              form,
		"a*b":             `a * stands only for the first part of a name, as in "*.internal"`,
		"10.0.0.0/33":     "it is not a network such as 10.0.0.0/8; a URL is given by its host",
		"10.0.0.1/8":      "the network's own address is 10.0.0.0/8",
		"db:0":            "the port is a number from 1 to 65535",
		"db:http":         "the port is a number from 1 to 65535",
		"http://db/":      "the port is a number from 1 to 65535",
		"http://db:80/":   "it is not a network such as 10.0.0.0/8; a URL is given by its host",
		"db.example.com ": form,
	} {
		if d, err := engine.ParseDestination(entry); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %+v, want %s", entry, err, d, want)
		}
	}
}

func TestDestination(t *testing.T) {
	for _, row := range []struct {
		entry, host string
		port        int
		want        bool
	}{
		{"10.0.0.0/8", "10.1.2.3", 80, true},
		{"10.0.0.0/8", "::ffff:10.1.2.3", 80, true},
		{"10.0.0.0/8", "11.1.2.3", 80, false},
		{"10.0.0.0/8:22", "10.1.2.3", 80, false},
		{"*.internal:5432", "pg.internal", 5432, true},
		{"*.internal:5432", "PG.Internal.", 5432, true},
		{"*.internal:5432", "a.b.internal", 5432, true},
		{"*.internal:5432", "pg.internal", 5433, false},
		{"*.internal:5432", "internal", 5432, false},
		{"*.internal:5432", ".internal", 5432, false},
		{"*.internal:5432", "evilinternal", 5432, false},
		{"db1", "db1", 1, true},
		{"DB1.", "db1", 1, true},
		{"db1", "db11", 1, false},
		{"[::1]:53", "::1", 53, true},
		{"[::1]:53", "::1", 54, false},
		{"::1", "::1", 54, true},
		{"[fd00::/8]:5432", "fd00::1", 5432, true},
		{"127.0.0.1", "127.0.0.1", 65535, true},
		{"127.0.0.1", "127.0.0.2", 65535, false},
		{"127.0.0.1", "", 53, false},
	} {
		d, err := engine.ParseDestination(row.entry)
		if err != nil {
			t.Fatal(err)
		}
		got := d.HasName(row.host, row.port)
		if address, err := netip.ParseAddr(row.host); err == nil {
			got = d.HasAddress(address, row.port)
		}
		if got != row.want {
			t.Errorf("%s for %s:%d: got %t, want %t", row.entry, row.host, row.port, got, row.want)
		}
	}
}
