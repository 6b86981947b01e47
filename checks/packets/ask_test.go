package packets

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func TestQuestion(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "the scheme",
		"tcp://db.example.com:5432":         "",
		"tcp://[2001:db8::1]:5432/":         "",
		"dns://10.0.0.2/www.example.com":    "",
		"dns://[::1]:5353/www.example.com.": "",
		"https://www.example.com/a?b=c":     "",
		"ftp://host/":                       "none of tcp",
		"tcp://host":                        "not host:port",
		"tcp://host:1/more":                 "nothing else",
		"dns://10.0.0.2":                    "not a host name",
		"dns://10.0.0.2/a..b":               "not a name",
		"dns://10.0.0.2:0/a":                "from 1 to 65535",
		"http://user:word@host/":            "no place",
		"http://host:99999/":                "from 1 to 65535",
		":":                                 "not a URL",
	} {
		q, err := parseQuestion(text)
		if want == "" {
			if err != nil || q == nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// once asks, and fails when it cannot.
func once(t *testing.T, text string) {
	t.Helper()
	q, err := parseQuestion(text)
	if err != nil {
		t.Fatal(err)
	}
	a := asker{q: q, asked: 1}
	if err := a.once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAskTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	once(t, "tcp://"+l.Addr().String())
	if _, err := l.Accept(); err != nil {
		t.Error(err)
	}
}

func TestAskDNS(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan string, 1)
	go func() {
		data := make([]byte, 512)
		n, from, err := l.ReadFrom(data)
		var m dnsmessage.Message
		if err == nil {
			err = m.Unpack(data[:n])
		}
		if err != nil {
			asked <- err.Error()
			return
		}
		asked <- m.Questions[0].Name.String() + " " + m.Questions[0].Type.String()
		_, _ = l.WriteTo(data[:n], from)
	}()
	once(t, "dns://"+l.LocalAddr().String()+"/www.example.com")
	if got := <-asked; got != "www.example.com. TypeA" {
		t.Errorf("asked for %s", got)
	}
}

func TestAskHTTP(t *testing.T) {
	paths := make(chan string, 2)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer s.Close()
	once(t, s.URL+"/page")
	if got := <-paths; got != "/page" || len(paths) > 0 {
		t.Errorf("asked for %s, and %d more", got, len(paths))
	}
}

func TestOwnNameServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if ownNameServer("10.0.0.2", path) {
		t.Error("a file that is not there names a server")
	}
	if err := os.WriteFile(path, []byte("# nameserver 10.0.0.9\nsearch example.com\nnameserver 169.254.169.253\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"169.254.169.253": true, "10.0.0.9": false, "example.com": false} {
		if ownNameServer(host, path) != want {
			t.Errorf("%s: want %v", host, want)
		}
	}
}

// TestAskWhileCapturing: what is asked for is captured, and how often it was answered is told.
func TestAskWhileCapturing(t *testing.T) {
	checktest.Need(t, "root, to capture packets", os.Geteuid() == 0)
	port := checktest.FreePort(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	inputs := map[string]any{"interface": "lo", "window": "1500ms", "filter": "tcp", "port": port, "ask": "tcp://" + at}
	out, _ := checktest.Observe[Traffic](t, New(nil).Capture(), inputs)
	// The last time may have come too late to be answered within the window.
	if out.Answered < 1 || out.Answered > out.Asked || out.TCP.Refused < out.Answered {
		t.Errorf("closed: asked %d, answered %d, refused %d", out.Asked, out.Answered, out.TCP.Refused)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, _ = checktest.Observe[Traffic](t, New(nil).Capture(), inputs)
	if out.Answered < 1 || out.Answered > out.Asked || out.TCP.Handshakes < out.Answered {
		t.Errorf("open: asked %d, answered %d, handshakes %d", out.Asked, out.Answered, out.TCP.Handshakes)
	}
}

// TestAskIsRefused: whom policy forbids is not asked.
func TestAskIsRefused(t *testing.T) {
	allow := reach.NewAllowList([]engine.Destination{})
	checktest.Need(t, "root, to capture packets", os.Geteuid() == 0)
	for _, ask := range []string{"tcp://127.0.0.1:9", "dns://127.0.0.1/example.com", "http://db.example.com/"} {
		o := checktest.Look(t, New(allow).Capture(), map[string]any{"interface": "lo", "window": "200ms", "filter": "udp port 1", "ask": ask})
		if o.Output != nil || !strings.Contains(o.Reason, "not in the list of allowed targets") {
			t.Errorf("%s: %+v", ask, o)
		}
	}
}
