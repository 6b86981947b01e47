package packets

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
)

// network is three namespaces in a row: a, a router m, and b, with a capture of what
// passes one of them.
const network = `set -eu
n=$1 where=$2 out=$3 fault=$4 play=$5
a=$n-a m=$n-m b=$n-b
trap 'for x in $a $m $b; do for p in $(ip netns pids $x 2>/dev/null); do kill -9 $p 2>/dev/null || true; done; ip netns del $x 2>/dev/null || true; done' EXIT
for x in $a $m $b; do ip netns add $x; ip -n $x link set lo up; done
ip link add name e0 netns $a type veth peer name m0 netns $m
ip link add name e0 netns $b type veth peer name m1 netns $m
ip -n $a addr add 10.77.1.1/24 dev e0; ip -n $m addr add 10.77.1.2/24 dev m0
ip -n $b addr add 10.77.2.1/24 dev e0; ip -n $m addr add 10.77.2.2/24 dev m1
ip -n $a link set e0 up; ip -n $m link set m0 up; ip -n $m link set m1 up; ip -n $b link set e0 up
ip -n $a route add default via 10.77.1.2; ip -n $b route add default via 10.77.2.2
ip netns exec $m sysctl -qw net.ipv4.ip_forward=1
eval "$fault"
ip netns exec $n-$where timeout 30 tcpdump -i e0 -U --immediate-mode -w $out tcp 2>/dev/null &
until [ -s $out ]; do sleep 0.05; done
eval "$play"
sleep 1
for p in $(ip netns pids $n-$where); do kill -INT $p 2>/dev/null || true; done
sleep 0.5
`

// server answers each connection by a program of Python.
func server(body string) string {
	return `ip netns exec $b python3 -c '
import socket,time,struct
l=socket.create_server(("10.77.2.1",8000))
c,_=l.accept()
` + body + `' &
until ip netns exec $b ss -Hltn | grep -q :8000; do sleep 0.05; done
`
}

func client(body string) string {
	return `ip netns exec $a timeout 12 python3 -c '
import socket,time,struct
s=socket.create_connection(("10.77.2.1",8000),3)
` + body + `' || true
`
}

// TestRealFaults makes faults in network namespaces and reads what tcpdump captured.
func TestRealFaults(t *testing.T) { //nolint:tparallel // it loads the machine: not beside other tests
	checktest.Need(t, "root", os.Geteuid() == 0)
	for _, tool := range []string{"ip", "nft", "tcpdump", "python3", "sysctl", "ss"} {
		_, err := exec.LookPath(tool)
		checktest.Need(t, tool, err == nil)
	}
	const hole = `ip -n $m link set m1 mtu 1400; ip -n $m link set m0 mtu 1400
ip netns exec $m nft 'table ip f { chain o { type filter hook output priority 0; icmp type destination-unreachable drop; }; }'
`
	filter := func(rule string) string {
		return "ip netns exec $m nft 'table ip f { chain o { type filter hook forward priority 0; " + rule + "; }; }'\n"
	}
	const give = "c.recv(100)\nc.sendall(b\"x\"*200000)\ntime.sleep(8)\n"
	for number, test := range []struct {
		name, where, fault, play string
		holds                    func(o *Traffic) bool
	}{
		{"black hole from the server", "b", hole, server(give) + client("s.sendall(b\"ask\")\ns.settimeout(3)\ntry: s.recv(1000)\nexcept OSError: pass\ns.close()\ntime.sleep(1)\n"),
			func(o *Traffic) bool { return o.TCP.BlackHoled == 1 && o.Findings[0].Kind == "black_hole" }},
		{"loss", "b", "ip -n $b link set e0 gso_max_segs 1\n" + filter("tcp sport 8000 numgen inc mod 6 == 5 drop"), server(give) + client("s.sendall(b\"ask\")\nn=0\nwhile n<200000: n+=len(s.recv(65536))\n"),
			func(o *Traffic) bool { return o.TCP.BlackHoled == 0 && o.Servers[0].RetransmittedToClient > 0 }},
		{"a filtered port", "a", filter("tcp dport 8000 drop"), client(""),
			func(o *Traffic) bool { return o.TCP.Unanswered == 1 && o.TCP.Refused == 0 }},
		{"a refused port", "a", "", client(""), func(o *Traffic) bool { return o.TCP.Refused == 1 && o.TCP.Unanswered == 0 }},
		{"a server that thinks", "a", "", server("c.recv(100)\ntime.sleep(0.3)\nc.sendall(b\"hi\")\ntime.sleep(1)\n") + client("s.sendall(b\"ask\")\ns.recv(10)\n"),
			func(o *Traffic) bool {
				return o.TCP.Wait.Where == "server" && o.TCP.Wait.ServerSeconds > 0.29 && o.TCP.Wait.ServerSeconds < 0.6
			}},
		{"a client that does not read", "b", "", server("c.recv(100)\nc.setblocking(True)\nc.sendall(b\"x\"*9000000)\ntime.sleep(1)\n") + client("s.sendall(b\"ask\")\ntime.sleep(3)\nn=0\nwhile n<9000000: n+=len(s.recv(65536))\n"),
			func(o *Traffic) bool { return o.TCP.Wait.Where == "client" && o.Servers[0].ZeroWindowsByClient > 0 }},
		{"a reset in the middle", "a", "", server("c.recv(100)\nc.sendall(b\"x\"*100000)\nc.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack(\"ii\",1,0))\nc.close()\n") + client("s.sendall(b\"ask\")\ntime.sleep(1)\n"),
			func(o *Traffic) bool { return o.TCP.AbortedByServer == 1 && o.TCP.AbortedByClient == 0 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join("/tmp", "gumshoe-"+strings.ReplaceAll(test.name, " ", "-")+".pcap")
			t.Cleanup(func() { _ = os.Remove(out) })
			name := fmt.Sprintf("gp%d-%d", os.Getpid(), number)
			text, err := exec.CommandContext(t.Context(), "bash", "-c", network, "bash", name, test.where, out, test.fault, test.play).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			o, _ := look(t, map[string]any{"path": out})
			if !test.holds(&o) {
				t.Errorf("%s\n%+v\n%+v\n%s", summarize(o), o.TCP, o.Findings, text)
			}
		})
	}
}
