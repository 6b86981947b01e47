package template

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gumshoe/checks/logs/tally"
)

// mine gives the texts of the templates of messages, with how many lines each has.
func mine(messages ...string) []string {
	m := New(0)
	for _, message := range messages {
		m.Add([]byte(message), 0, tally.Window, 0)
	}
	var texts []string
	for _, t := range m.Templates() {
		texts = append(texts, fmt.Sprintf("%d %s", t.Lines[tally.Window], t.Text))
	}
	return texts
}

func TestValuesThatShow(t *testing.T) {
	tests := []struct {
		name, one, other, want string
	}{
		{"numbers", "took 12 retries", "took 7 retries", "took <*> retries"},
		{"signs", "signal -64 dBm", "signal 12 dBm", "signal <*> dBm"},
		{"an address and a port", "from 10.0.0.1 port 5123", "from 192.168.1.77 port 80", "from <*> port <*>"},
		{"address with port", "to 10.0.0.1:80 failed", "to [2001:db8::1]:80 failed", "to <*> failed"},
		{"identifiers", "order 0xdeadbeef lost", "order 5f3a-77 lost", "order <*> lost"},
		{"letters of hexadecimal", "order deadbeef lost", "order cafebabe lost", "order <*> lost"},
		{"paths", "cannot open /etc/passwd now", "cannot open /var/lib/x.db now", "cannot open <*> now"},
		{"paths of Windows", `cannot open C:\Users now`, `cannot open D:\Data\x now`, "cannot open <*> now"},
		{"URLs", "GET https://a.example/x done", "GET http://b.example/y done", "GET <*> done"},
		{"mail", "sent to ann@example.com again", "sent to bob@example.org again", "sent to <*> again"},
		{"host names", "resolve db.corp.example failed", "resolve www.a.test.example failed", "resolve <*> failed"},
		{"units of time", "took 5 ms today", "took 2 seconds today", "took <*> today"},
		{"units of data", "(size 384.0 B, free 2 GB)", "(size 1 KB, free 9 MB)", "(size <*>, free <*>)"},
		{"an amount said twice", "sent 18846 bytes (18.4 KB) and closed", "sent 12 bytes and closed", "sent <*> and closed"},
		{"less than a second", "lifetime <1 sec", "lifetime 00:12", "lifetime <*>"},
		{"key and value", "uid=0 euid=1000", "uid=33 euid=0", "uid=<*> euid=<*>"},
		{"brackets", "sshd[123]: session", "sshd[4]: session", "sshd[<*>]: session"},
		{"lists of values", "delete 1 2 3 now", "delete 5 now", "delete <*> now"},
		{"dates", "started at Tue Jul 26 05:47:42 2005", "started at Fri Jul  1 07:57:30 2005", "started at <*>"},
		{"texts in quotes", `relation "order items" is gone`, `relation "users" is gone`, `relation "<*>" is gone`},
		{"requests", `"GET /a b HTTP/1.1" ok`, `"GET /c HTTP/1.1" ok`, `"GET <*>" ok`},
		{"true and false", "visible=true now", "visible=false now", "visible=<*> now"},
		{"NUL and broken UTF-8", "a \x00\xff 1 b", "a \x00\xff 2 b", "a \xff <*> b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mine(tt.one, tt.other)
			if diff := cmp.Diff([]string{"2 " + tt.want}, got); diff != "" {
				t.Errorf("templates of %q and %q (-want +got):\n%s", tt.one, tt.other, diff)
			}
		})
	}
}

func TestValuesThatVary(t *testing.T) {
	users := []string{"ann", "bob", "eve", "mallory", "trent"}
	each := func(format string) (messages []string) {
		for _, user := range users {
			messages = append(messages, fmt.Sprintf(format, user))
		}
		return messages
	}
	tests := []struct {
		name     string
		messages []string
		want     []string
	}{
		{"many words in one place", each("session of %s began"), []string{"5 session of <*> began"}},
		{"with what is the same in them", each("login ok user=%s, again"), []string{"5 login ok user=<*>, again"}},
		{"few words are states", []string{"link is up", "link is down"}, []string{"1 link is down", "1 link is up"}},
		{"the first word says who speaks", each("%s started well"),
			[]string{"1 ann started well", "1 bob started well", "1 eve started well", "1 mallory started well", "1 trent started well"}},
		{"a value elsewhere is one here", append(each("session of %s began"), "end of ann", "end of bob"), []string{"5 session of <*> began", "2 end of <*>"}},
		{"a word beside values", []string{"peer 10.0.0.1 left", "peer localhost left"}, []string{"2 peer <*> left"}},
		{"a key with values", []string{"peer=10.0.0.1 left", "peer= left"}, []string{"2 peer=<*> left"}},
		{"two places at once", []string{
			"move a1x from ann to red", "move a2x from bob to green", "move a3x from eve to blue", "move a4x from mallory to black",
			"move a5x from trent to white", "move a6x from ann to grey", "move a7x from peggy to brown", "move a8x from walter to pink",
		}, []string{"8 move <*> from <*> to <*>"}},
		{"what never varies is shown", []string{"rev 2 of disk 1", "rev 2 of disk 5", "rev 2 of disk 6"}, []string{"3 rev 2 of disk <*>"}},
		{"exceptions stay apart", []string{"died of java.io.IOException: x", "died of java.net.SocketException: x"},
			[]string{"1 died of java.io.IOException: x", "1 died of java.net.SocketException: x"}},
		{"requests by method", []string{`"GET /a HTTP/1.1" ok`, `"POST /a HTTP/1.1" ok`}, []string{`1 "GET /a HTTP/1.1" ok`, `1 "POST /a HTTP/1.1" ok`}},
		{"empty", []string{"", "  "}, []string{"2 "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mine(tt.messages...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("templates (-want +got):\n%s", diff)
			}
			backwards := slices.Clone(tt.messages)
			slices.Reverse(backwards)
			if diff := cmp.Diff(len(got), len(mine(backwards...))); diff != "" {
				t.Errorf("the other way round there are others (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStats(t *testing.T) {
	m := New(0)
	m.Add([]byte("took 5 ms"), 200, tally.Window, 3)
	m.Add([]byte("took 7 ms"), 100, tally.Before, 4)
	m.Add([]byte("took 9 ms"), 300, tally.Window, 5)
	got := m.Templates()
	want := []Template{{Text: "took <*>", ID: identify("took <*>"), Stats: Stats{Lines: tally.Count{1, 2}, First: 100, Last: 300, Example: "took 5 ms", Mark: 3}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
}

// words gives random messages of which hardly two are of one form.
func words(n int) []string {
	random := rand.New(rand.NewPCG(42, 42))
	messages := make([]string, n)
	for i := range messages {
		parts := make([]string, 3+random.IntN(6))
		for j := range parts {
			letters := make([]byte, 1+random.IntN(9))
			for k := range letters {
				letters[k] = 'g' + byte(random.IntN(20))
			}
			parts[j] = string(letters)
		}
		messages[i] = strings.Join(parts, " ")
	}
	return messages
}

func TestBounded(t *testing.T) {
	const most = 500
	m := New(most)
	for _, message := range words(20_000) {
		m.Add([]byte(message), 0, tally.Window, 0)
		if len(m.forms) > most || len(m.byHash) > 4*most {
			t.Fatalf("%d forms and %d hashes are held, want at most %d and %d", len(m.forms), len(m.byHash), most, 4*most)
		}
	}
	if !m.Coarse() {
		t.Error("nothing says that forms were merged coarsely")
	}
	var lines int64
	for _, template := range m.Templates() {
		lines += template.Lines[tally.Window]
	}
	if lines != 20_000 {
		t.Errorf("%d lines are told, want 20000", lines)
	}
}

func TestMerge(t *testing.T) {
	messages := words(300)
	for i := range 300 {
		messages = append(messages, fmt.Sprintf("user %s%c logged in from 10.0.0.%d", messages[i][:1], 'g'+rune(i%20), i), fmt.Sprintf("took %d ms", i))
	}
	whole, one, other := New(0), New(0), New(0)
	for i, message := range messages {
		whole.Add([]byte(message), int64(i+1), i%2, 0)
		half := one
		if i >= len(messages)/2 {
			half = other
		}
		half.Add([]byte(message), int64(i+1), i%2, 0)
	}
	one.Merge(other)
	if diff := cmp.Diff(whole.Templates(), one.Templates()); diff != "" {
		t.Errorf("two miners that are merged differ from one that saw everything (-one +merged):\n%s", diff)
	}
}

func FuzzMiner(f *testing.F) {
	f.Add([]byte("user ann logged in\nuser bob logged in\n\"GET / HTTP/1.1\" 200 12 ms\n\"open\n(18.4 KB) <1 s\n"), 3)
	f.Add([]byte("a=\"b c\"d 1\x00\xff2 5 µs Jan 1 Sun Jan"), 1)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		lines := bytes.Split(text, []byte("\n"))
		m := New(1 + most&63)
		for i, line := range lines {
			m.Add(line, int64(i), i&1, 0)
		}
		var total int64
		for _, template := range m.Templates() {
			total += template.Lines.Total()
		}
		if total != int64(len(lines)) {
			t.Errorf("%d lines are told, want %d", total, len(lines))
		}
		small := New(0)
		for _, line := range lines {
			small.Add(line, 0, tally.Window, 0)
		}
		texts := map[string]bool{}
		for _, template := range small.Templates() {
			texts[template.Text] = true
		}
		for _, line := range lines {
			if text := small.Find(line); !texts[text] {
				t.Errorf("%q is of %q, which is no template", line, text)
			}
		}
	})
}

// BenchmarkAdd takes in messages as an application writes them: 15 templates, and
// one message in a thousand that was never seen.
func BenchmarkAdd(b *testing.B) {
	random := rand.New(rand.NewPCG(42, 42))
	users := []string{"ann", "bob", "eve", "mallory", "trent", "peggy", "walter", "oscar"}
	formats := []func() string{
		func() string { return fmt.Sprintf("order %d accepted in %dms", random.IntN(1e6), random.IntN(900)) },
		func() string {
			return fmt.Sprintf("user %s logged in from 10.0.%d.%d", users[random.IntN(8)], random.IntN(256), random.IntN(256))
		},
		func() string {
			return fmt.Sprintf("GET /api/v1/orders/%d 200 %d.%03d", random.IntN(1e6), random.IntN(3), random.IntN(1000))
		},
		func() string { return fmt.Sprintf("cache miss for key session:%x", random.Uint64()) },
		func() string { return "connection refused by upstream, trying the next one" },
		func() string {
			return fmt.Sprintf("retry %d of 5 after timeout contacting payment gateway", random.IntN(6))
		},
	}
	var messages [][]byte
	size := 0
	for range 10_000 {
		message := formats[random.IntN(len(formats))]()
		messages = append(messages, []byte(message))
		size += len(message)
	}
	b.SetBytes(int64(size / len(messages)))
	b.ReportAllocs()
	m := New(0)
	for i := 0; b.Loop(); i++ {
		m.Add(messages[i%len(messages)], int64(i), tally.Window, 0)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}
