package probe

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// ResolvConf is what /etc/resolv.conf says. The C library takes the first three
// servers, and asks the next one only when one does not answer in time.
type ResolvConf struct {
	// Exists tells that there is such a file. Without it most programs ask 127.0.0.1.
	Exists bool `json:"exists" expr:"exists"`
	// Servers are the addresses of the name servers, at most the first 16.
	Servers []string `json:"servers" expr:"servers"`
	// InvalidServers are what stands in the place of a server and is no address, at
	// most the first 16: programs skip it.
	InvalidServers []string `json:"invalid_servers" expr:"invalid_servers"`
	// Search are the domains that are tried behind a name, at most the first 16.
	Search []string `json:"search" expr:"search"`
	// NDots is how many dots a name needs to be tried as it stands first; 1 when
	// nothing is said.
	NDots int `json:"ndots" expr:"ndots"`
	// TimeoutSeconds is how long a client waits for one server; 5 when nothing is
	// said.
	TimeoutSeconds float64 `json:"timeout_seconds" expr:"timeout_seconds"`
	// Attempts is how often it goes through the servers; 2 when nothing is said.
	Attempts int `json:"attempts" expr:"attempts"`
	// Options are all options as they stand, such as rotate or use-vc, at most the
	// first 16.
	Options []string `json:"options" expr:"options"`
}

// nameFiles are the files that say how this host finds names.
type nameFiles struct{ resolvConf, hosts string }

const (
	resolvConfPath  = "/etc/resolv.conf"
	resolvConfBytes = 64 << 10
	hostsPath       = "/etc/hosts"
	hostsBytes      = 4 << 20
)

// readResolvConf reads the servers that the host asks. That there is no such file
// is observed.
func readResolvConf(path string) (ResolvConf, error) {
	c := ResolvConf{Servers: []string{}, InvalidServers: []string{}, Search: []string{}, Options: []string{}}
	text, err := readBounded(path, resolvConfBytes)
	if errors.Is(err, fs.ErrNotExist) {
		text = nil
	} else if err != nil {
		return c, engine.Blind("cannot read "+path, "give the input servers, or make the file readable", err)
	}
	c.Exists = err == nil
	err = c.parse(path, text)
	return c, err
}

func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, most))
}

func (c *ResolvConf) parse(path string, text []byte) error {
	config, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return engine.Blind("cannot read "+path, "give the input servers", err)
	}
	c.NDots, c.TimeoutSeconds, c.Attempts = config.Ndots, float64(config.Timeout), config.Attempts
	for _, server := range config.Servers {
		if _, err := netip.ParseAddr(server); err != nil {
			c.InvalidServers = appendBounded(c.InvalidServers, server)
		} else {
			c.Servers = appendBounded(c.Servers, server)
		}
	}
	for _, domain := range config.Search {
		c.Search = appendBounded(c.Search, domain)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "options" {
			for _, option := range fields[1:] {
				c.Options = appendBounded(c.Options, option)
			}
		}
	}
	return nil
}

// appendBounded keeps the first 16 words, fit to be shown.
func appendBounded(list []string, word string) []string {
	if len(list) >= maxServers {
		return list
	}
	return append(list, reach.Printable(word))
}

// readHosts reads which addresses /etc/hosts gives the name.
func (o *DNS) readHosts(call *engine.Call, in DNSInput, path string) {
	if in.Type != "A" && in.Type != "AAAA" {
		call.NotAsked("hosts_addresses", "the file has only addresses", "ask for type A or AAAA")
		return
	}
	text, err := readBounded(path, hostsBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		call.Unread("hosts_addresses", "cannot read "+path+": "+err.Error(), "make it readable")
		return
	}
	o.HostsAddresses = hostsAddresses(string(text), o.Name, in.Type == "A")
}

// hostsAddresses are the addresses of a name in a file of hosts(5).
func hostsAddresses(text, name string, four bool) []string {
	addresses := []string{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc(fields[1:], func(f string) bool { return strings.EqualFold(strings.TrimSuffix(f, "."), name) }) {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || addr.Unmap().Is4() != four || slices.Contains(addresses, addr.Unmap().String()) || len(addresses) >= maxRecords {
			continue
		}
		addresses = append(addresses, addr.Unmap().String())
	}
	return addresses
}
