package reach

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// allow makes a list of these entries; without any it is none, which allows
// everything that is not guarded.
func allow(t testing.TB, entries ...string) *AllowList {
	t.Helper()
	if len(entries) == 0 {
		return nil
	}
	return NewAllowList(checktest.Destinations(t, entries...))
}

func TestEmptyListAllowsNothing(t *testing.T) {
	list := NewAllowList(nil)
	checkRefusal(t, list.Permit("localhost", 80, netip.MustParseAddr("127.0.0.1")), "not in the list")
	checkRefusal(t, list.PermitName("localhost", 80), "not in the list")
}

func TestPermit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		entries []string
		host    string
		port    int
		addr    string
		refused string // part of the reason; "" when it is allowed
	}{
		{"no list", nil, "db", 5432, "10.0.0.1", ""},
		{"no list, loopback", nil, "localhost", 1, "::1", ""},
		{"no list, metadata", nil, "169.254.169.254", 80, "169.254.169.254", "metadata"},
		{"no list, metadata by a name", nil, "metadata", 80, "169.254.169.254", "metadata"},
		{"no list, metadata mapped", nil, "x", 80, "::ffff:169.254.169.254", "metadata"},
		{"no list, metadata through NAT64", nil, "x", 80, "64:ff9b::a9fe:a9fe", "metadata"},
		{"no list, link-local", nil, "fe80::1%eth0", 80, "fe80::1%eth0", "link-local"},
		{"no list, AWS over IPv6", nil, "x", 80, "fd00:ec2::254", "metadata"},
		{"no list, Azure", nil, "x", 80, "168.63.129.16", "metadata"},
		{"guarded and listed", []string{"169.254.169.254"}, "x", 80, "169.254.169.254", ""},
		{"guarded, only its name listed", []string{"metadata"}, "metadata", 80, "169.254.169.254", "metadata"},
		{"name", []string{"db.example.com"}, "DB.example.com.", 5432, "10.0.0.1", ""},
		{"another name", []string{"db.example.com"}, "web.example.com", 5432, "10.0.0.1", "not in the list"},
		{"name, right port", []string{"db:5432"}, "db", 5432, "10.0.0.1", ""},
		{"name, wrong port", []string{"db:5432"}, "db", 22, "10.0.0.1", "not in the list"},
		{"suffix", []string{"*.example.com"}, "a.b.example.com", 1, "10.0.0.1", ""},
		{"suffix is not the name itself", []string{"*.example.com"}, "example.com", 1, "10.0.0.1", "not in the list"},
		{"suffix at a dot only", []string{"*.example.com"}, "evilexample.com", 1, "10.0.0.1", "not in the list"},
		{"network", []string{"10.0.0.0/8"}, "db", 1, "10.9.9.9", ""},
		{"outside the network", []string{"10.0.0.0/8"}, "db", 1, "11.0.0.1", "not in the list"},
		{"network and port", []string{"10.0.0.0/8:5432"}, "db", 5432, "10.9.9.9", ""},
		{"network, wrong port", []string{"10.0.0.0/8:5432"}, "db", 22, "10.9.9.9", "not in the list"},
		{"IPv6 network and port", []string{"[fd00::/8]:5432"}, "db", 5432, "fd00::1", ""},
		{"address", []string{"10.0.0.1"}, "10.0.0.1", 1, "10.0.0.1", ""},
		{"mapped address", []string{"10.0.0.1"}, "db", 1, "::ffff:10.0.0.1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := allow(t, tt.entries...)
			err := list.Permit(tt.host, tt.port, netip.MustParseAddr(tt.addr))
			checkRefusal(t, err, tt.refused)
			if early := list.PermitName(tt.host, tt.port); err == nil && early != nil {
				t.Errorf("the name alone is refused: %v", early)
			}
		})
	}
}

func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var refused *engine.RefusedError
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && (!errors.As(err, &refused) || !strings.Contains(refused.Reason, want) || !strings.Contains(refused.Fix, "allow:")):
		t.Errorf("got %v, want a refusal with %q and a fix", err, want)
	}
}

func TestPermitName(t *testing.T) {
	checkRefusal(t, allow(t, "db.example.com", "10.0.0.0/8:22").PermitName("exfiltrated.example.org", 80), "not in the list")
	checkRefusal(t, allow(t, "db.example.com", "10.0.0.0/8").PermitName("may-be-in-it", 80), "")
}

func TestRefusalSaysWhatToAdd(t *testing.T) {
	var refused *engine.RefusedError
	err := allow(t).Permit("metadata", 80, netip.MustParseAddr("169.254.169.254"))
	if want := `add "169.254.169.254" to allow: targets: in gumshoe.yaml`; !errors.As(err, &refused) || refused.Fix != want {
		t.Errorf("fix %+v, want %s", refused, want)
	}
	err = allow(t, "a").Permit("b", 80, netip.MustParseAddr("10.0.0.1"))
	if want := `add "b:80" to allow: targets: in gumshoe.yaml`; !errors.As(err, &refused) || refused.Fix != want {
		t.Errorf("fix %+v, want %s", refused, want)
	}
}

func FuzzPermit(f *testing.F) {
	f.Add("[fd00::/8]:5432")
	f.Add("*.example.com:1")
	f.Fuzz(func(t *testing.T, entry string) {
		d, err := engine.ParseDestination(entry)
		if err != nil {
			return
		}
		list := NewAllowList([]engine.Destination{d})
		if list.Permit("169.254.169.254", 80, netip.MustParseAddr("169.254.169.254")) == nil && !d.Network.IsValid() {
			t.Errorf("%q allows the metadata service by a name", entry)
		}
	})
}
