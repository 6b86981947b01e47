package line

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said is what a line says.
type said struct {
	level   Level
	message string
	fields  string // name=value; name for one that is nil
}

// formatTests are lines as real programs write them, with what is wanted of each. The
// format is detected from all lines of a log.
var formatTests = []struct {
	name   string
	format string
	fields string // read of each line
	lines  []string
	want   []said
}{
	{
		name: "nginx combined", format: "access", fields: "client status path bytes user_agent url query",
		lines: []string{
			`203.0.113.7 - - [02/Jan/2024:15:04:05 +0000] "GET /api/orders/17?page=2&x=%20 HTTP/1.1" 200 5316 "https://example.com/?q=1" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`,
			`2001:db8::17 - alice [02/Jan/2024:15:04:06 +0000] "POST /login HTTP/2.0" 502 0 "-" "curl/8.4.0"`,
			`198.51.100.9 - - [02/Jan/2024:15:04:07 +0000] "\x16\x03\x01\x00\xEE" 400 157 "-" "-"`,
			`198.51.100.9 - - [02/Jan/2024:15:04:08 +0000] "" 400 0 "-" "-"`,
			`198.51.100.9 - - [02/Jan/2024:15:04:09 +0000] "GET /\x22a\x22 HTTP/1.1" 404 12 "-" "say \x22hi\x22"`,
		},
		want: []said{
			{Info, "GET /api/orders/17 200", "client=203.0.113.7 status=200 path=/api/orders/17 bytes=5316 user_agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 url=/api/orders/17?page=2&x=%20 query=page=2&x=%20"},
			{Error, "POST /login 502", "client=2001:db8::17 status=502 path=/login bytes=0 user_agent=curl/8.4.0 url=/login query"},
			{Warning, "- 400", "client=198.51.100.9 status=400 path bytes=157 user_agent=- url query"},
			{Warning, "- 400", "client=198.51.100.9 status=400 path bytes=0 user_agent=- url query"},
			{Warning, `GET /\x22a\x22 404`, `client=198.51.100.9 status=404 path=/"a" bytes=12 user_agent=say "hi" url=/"a" query`},
		},
	},
	{
		name: "nginx with times by name", format: "access", fields: "status latency upstream_latency rt uct request_id",
		lines: []string{
			`10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8" rt=0.250 uct="0.001" urt="0.002, 0.004" request_id=7f`,
			`10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET / HTTP/1.1" 499 0 "-" "curl/8" rt=1.000 uct="-" urt="-" request_id=`,
		},
		want: []said{
			{Info, "GET / 200", "status=200 latency=0.250 upstream_latency=0.002, 0.004 rt=0.250 uct=0.001 request_id=7f"},
			{Warning, "GET / 499", "status=499 latency=1.000 upstream_latency=- rt=1.000 uct=- request_id="},
		},
	},
	{
		name: "ingress-nginx", format: "access", fields: "status latency upstream_latency",
		lines: []string{
			`10.1.2.3 - - [02/Jan/2024:15:04:05 +0000] "GET /x HTTP/1.1" 200 612 "-" "curl/8" 812 0.123 [shop-web-80] [] 10.0.0.5:8080, 10.0.0.6:8080 0, 612 0.002, 0.121 502, 200 2a1b`,
		},
		want: []said{{Info, "GET /x 200", "status=200 latency=0.123 upstream_latency=0.002, 0.121"}},
	},
	{
		name: "Apache with a virtual host and a time", format: "access", fields: "vhost client user bytes latency referer time",
		lines: []string{
			`www.example.com:443 192.0.2.4 - frank smith [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 - "http://a/" "Mozilla/4.08 [en] (Win98; \"I\")" 12034`,
			`192.0.2.4 - - [10/Oct/2000:13:55:36 -0700] "-" 408 -`,
		},
		want: []said{
			{Info, "GET /apache_pb.gif 200", "vhost=www.example.com:443 client=192.0.2.4 user=frank smith bytes=- latency=12034µs referer=http://a/ time=10/Oct/2000:13:55:36 -0700"},
			{Warning, "- 408", "vhost client=192.0.2.4 user=- bytes=- latency referer time=10/Oct/2000:13:55:36 -0700"},
		},
	},
	{
		name: "nginx errors", format: "plain", fields: "level",
		lines: []string{
			`2024/01/02 15:04:05 [error] 1234#5678: *17 open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or directory), client: 10.0.0.1, server: _`,
			`2024/01/02 15:04:05 [crit] 1234#0: SSL_do_handshake() failed`,
			`2024/01/02 15:04:06 [notice] 1#1: signal process started`,
		},
		want: []said{
			{Error, `open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or directory), client: 10.0.0.1, server: _`, "level=error"},
			{Critical, "SSL_do_handshake() failed", "level=critical"},
			{Notice, "signal process started", "level=notice"},
		},
	},
	{
		name: "Apache errors", format: "plain",
		lines: []string{
			`[Wed Oct 11 14:32:52.123456 2023] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:1234] File does not exist: /usr/local/apache2/htdocs/favicon.ico`,
			`[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties`,
		},
		want: []said{
			{Error, "File does not exist: /usr/local/apache2/htdocs/favicon.ico", ""},
			{Notice, "workerEnv.init() ok /etc/httpd/conf/workers2.properties", ""},
		},
	},
	{
		name: "PostgreSQL", format: "plain",
		lines: []string{
			`2024-01-02 15:04:05.678 UTC [57] LOG:  database system is ready to accept connections`,
			`2024-01-02 15:04:06.001 UTC [91] shop@orders ERROR:  relation "nope" does not exist at character 15`,
			`2024-01-02 15:04:06.001 UTC [91] shop@orders STATEMENT:  select * from nope`,
			`2024-01-02 15:04:07.001 UTC [92] shop@orders FATAL:  remaining connection slots are reserved`,
			`2024-01-02 15:04:07.001 UTC [93] HINT:  Future log output will appear in directory "log".`,
			`2024-01-02 15:04:08.001 UTC [93] WARNING:  there is no transaction in progress`,
		},
		want: []said{
			{Info, "database system is ready to accept connections", ""},
			{Error, `relation "nope" does not exist at character 15`, ""},
			{Info, "select * from nope", ""},
			{Critical, "remaining connection slots are reserved", ""},
			{Info, `Future log output will appear in directory "log".`, ""},
			{Warning, "there is no transaction in progress", ""},
		},
	},
	{
		name: "MySQL 8", format: "plain",
		lines: []string{
			`2024-01-02T15:04:05.678901Z 0 [System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.0.35) starting as process 1`,
			`2024-01-02T15:04:06.678901Z 1 [ERROR] [MY-012592] [InnoDB] Operating system error number 2 in a file operation.`,
			`2024-01-02T15:04:07.678901Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.`,
			`2024-01-02T15:04:08.678901Z 12 [Note] [MY-010914] [Server] Aborted connection 12 to db: 'shop'`,
		},
		want: []said{
			{Info, "/usr/sbin/mysqld (mysqld 8.0.35) starting as process 1", ""},
			{Error, "Operating system error number 2 in a file operation.", ""},
			{Warning, "CA certificate ca.pem is self signed.", ""},
			{Info, "Aborted connection 12 to db: 'shop'", ""},
		},
	},
	{
		name: "Redis", format: "plain",
		lines: []string{
			`1:C 02 Jan 2024 15:04:05.678 # WARNING overcommit_memory is set to 0!`,
			`1:M 02 Jan 2024 15:04:05.679 * Ready to accept connections tcp`,
			`1:M 02 Jan 2024 15:04:06.000 - Accepted 10.0.0.1:4711`,
			`1:M 02 Jan 2024 15:04:06.000 . DB 0: 1 keys`,
		},
		want: []said{
			{Warning, "WARNING overcommit_memory is set to 0!", ""},
			{Notice, "Ready to accept connections tcp", ""},
			{Debug, "Accepted 10.0.0.1:4711", ""},
			{Debug, "DB 0: 1 keys", ""},
		},
	},
	{
		name: "MongoDB", format: "json", fields: "c id attr.error.codeName attr.list[1]",
		lines: []string{
			`{"t":{"$date":"2024-01-02T15:04:05.678+00:00"},"s":"I",  "c":"NETWORK",  "id":22943,   "ctx":"listener","msg":"Connection accepted","attr":{"remote":"10.0.0.1:4711","list":["a","b"]}}`,
			`{"t":{"$date":"2024-01-02T15:04:05.678+00:00"},"s":"E",  "c":"REPL",     "id":1,   "ctx":"main","msg":"Failed","attr":{"error":{"code":26,"codeName":"NamespaceNotFound"}}}`,
			`{"t":{"$date":"2024-01-02T15:04:05.678+00:00"},"s":"D2", "c":"REPL",     "id":2,   "ctx":"main","msg":"Noise"}`,
		},
		want: []said{
			{Info, "Connection accepted", "c=NETWORK id=22943 attr.error.codeName attr.list[1]=b"},
			{Error, "Failed", "c=REPL id=1 attr.error.codeName=NamespaceNotFound attr.list[1]"},
			{Debug, "Noise", "c=REPL id=2 attr.error.codeName attr.list[1]"},
		},
	},
	{
		name: "rsyslog", format: "syslog", fields: "host program pid severity",
		lines: []string{
			`Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=218.188.2.4 `,
			`Jun  4 15:16:02 combo kernel: [  12.345678] usb 1-1: new high-speed USB device`,
			`Jun 14 15:16:03 combo systemd[1]: Started Session 17 of user root.`,
			`Jun 14 15:16:04 combo shop[812]: 2024-01-02 15:04:05 ERROR payment.Client - declined`,
			`Jun 14 15:16:05 combo kubelet[7]: E0102 15:04:05.678901       7 kubelet.go:2431] "Error getting node" err="node \"a\" not found"`,
			`Jun 14 15:16:06 combo dockerd[9]: time="2024-01-02T15:04:05Z" level=warning msg="no \"x\" here"`,
			`Jun 14 15:16:07 combo -- MARK --`,
		},
		want: []said{
			{Unknown, "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=218.188.2.4", "host=combo program=sshd(pam_unix) pid=19939 severity"},
			{Unknown, "usb 1-1: new high-speed USB device", "host=combo program=kernel pid severity"},
			{Unknown, "Started Session 17 of user root.", "host=combo program=systemd pid=1 severity"},
			{Error, "declined", "host=combo program=shop pid=812 severity"},
			{Error, "Error getting node", "host=combo program=kubelet pid=7 severity"},
			{Warning, `no "x" here`, "host=combo program=dockerd pid=9 severity"},
			{Unknown, "-- MARK --", "host=combo program pid severity"},
		},
	},
	{
		name: "RFC 3164 and RFC 5424", format: "syslog", fields: "facility severity host program pid msgid time",
		lines: []string{
			`<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8`,
			`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App]\"x"] An application event log entry...`,
			`<11>1 2003-10-11T22:14:15.003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.`,
		},
		want: []said{
			{Critical, "'su root' failed for lonvick on /dev/pts/8", "facility=auth severity=crit host=mymachine program=su pid msgid time=Oct 11 22:14:15"},
			{Notice, "An application event log entry...", "facility=local4 severity=notice host=mymachine.example.com program=evntslog pid msgid=ID47 time=2003-10-11T22:14:15.003Z"},
			{Error, "%% It's time to make the do-nuts.", "facility=user severity=err host=192.0.2.1 program=myproc pid=8710 msgid time=2003-10-11T22:14:15.003-07:00"},
		},
	},
	{
		name: "journalctl", format: "syslog", fields: "host program pid",
		lines: []string{
			`2024-01-02T15:04:05+0000 web1 nginx[812]: 2024/01/02 15:04:05 [emerg] 812#812: bind() to 0.0.0.0:80 failed`,
			`2024-01-02T15:04:05.123456+01:00 web1 sshd[9]: Accepted publickey for root`,
			`Tue 2024-01-02 15:04:05 UTC web1 systemd[1]: Reached target Multi-User System.`,
			`Jan 02 15:04:05.123456 web1 kernel: eth0: link down`,
		},
		want: []said{
			{Critical, "bind() to 0.0.0.0:80 failed", "host=web1 program=nginx pid=812"},
			{Unknown, "Accepted publickey for root", "host=web1 program=sshd pid=9"},
			{Unknown, "Reached target Multi-User System.", "host=web1 program=systemd pid=1"},
			{Unknown, "eth0: link down", "host=web1 program=kernel pid"},
		},
	},
	{
		name: "HAProxy", format: "syslog", fields: "program pid",
		lines: []string{
			`Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"`,
		},
		want: []said{{Unknown, `10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"`, "program=haproxy pid=14389"}},
	},
	{
		name: "JSON behind syslog", format: "json", fields: "status",
		lines: []string{
			`Jan  2 15:04:05 web1 shop[12]: {"level":"error","msg":"no \"luck\"","status":500}`,
			`Jan  2 15:04:05 web1 shop[12]: {"level":"info","msg":"ok","status":200}`,
		},
		want: []said{{Error, `no "luck"`, "status=500"}, {Info, "ok", "status=200"}},
	},
	{
		name: "klog", format: "klog", fields: "pid source pod err",
		lines: []string{
			`I0102 15:04:05.678901    1234 controller.go:114] "Pod status updated" pod="kube-system/kubedns" status="ready"`,
			`E0102 15:04:05.678901       7 reflector.go:138] k8s.io/client-go/informers/factory.go:134: Failed to watch *v1.Node: unknown`,
			`W0102 15:04:05.678901       7 x.go:1] "a \"b\"" err="c: \"d\""`,
			`F0102 15:04:05.678901       7 x.go:1] `,
		},
		want: []said{
			{Info, "Pod status updated", "pid=1234 source=controller.go:114 pod=kube-system/kubedns err"},
			{Error, "k8s.io/client-go/informers/factory.go:134: Failed to watch *v1.Node: unknown", "pid=7 source=reflector.go:138 pod err"},
			{Warning, `a "b"`, `pid=7 source=x.go:1 pod err=c: "d"`},
			{Critical, "", "pid=7 source=x.go:1 pod err"},
		},
	},
	{
		name: "klog in CRI", format: "klog in cri", fields: "source",
		lines: []string{
			`2024-01-02T15:04:05.678901234Z stderr F I0102 15:04:05.678901    1 main.go:1] starting`,
			`2024-01-02T15:04:05.678901234+02:00 stderr F E0102 15:04:05.678901    1 main.go:2] broken`,
		},
		want: []said{{Info, "starting", "source=main.go:1"}, {Error, "broken", "source=main.go:2"}},
	},
	{
		name: "JSON in CRI", format: "json in cri", fields: "a",
		lines: []string{
			`2024-01-02T15:04:05.678901234Z stdout F {"level":"warn","msg":"m","a":1}`,
			`2024-01-02T15:04:05.678901234Z stdout P {"level":"info","a":"x`,
			`2024-01-02T15:04:05.678901234Z stdout F {"level":"info","a":"\u00e9","msg":""}`,
		},
		want: []said{{Warning, "m", "a=1"}, {Info, `{"level":"info","a":"x`, "a"}, {Info, "", "a=é"}},
	},
	{
		name: "JSON in Docker", format: "json in docker", fields: "level b",
		lines: []string{
			`{"log":"{\"level\":\"error\",\"msg\":\"he said \\\"no\\\"\",\"b\":[1]}\n","stream":"stdout","time":"2024-01-02T15:04:05.678901234Z"}`,
			`{"log":"{\"level\":30,\"msg\":\"plain\"}\r\n","stream":"stdout","time":"2024-01-02T15:04:05.678901234Z"}`,
		},
		want: []said{{Error, `he said "no"`, "level=error b=[1]"}, {Info, "plain", "level=info b"}},
	},
	{
		name: "text in Docker", format: "plain in docker",
		lines: []string{
			`{"log":"2024-01-02 15:04:05 ERROR [main] it broke: {\"level\":\"info\"}\n","stream":"stderr","time":"2024-01-02T15:04:05.678901234Z"}`,
			`{"log":"2024-01-02 15:04:05 INFO  [main] fine\n","stream":"stderr","time":"2024-01-02T15:04:05.678901234Z"}`,
		},
		want: []said{{Error, `it broke: {"level":"info"}`, ""}, {Info, "fine", ""}},
	},
	{
		name: "zap, zerolog, logrus and slog as JSON", format: "json", fields: "level http.status ctx[0].id",
		lines: []string{
			`{"level":"error","ts":1704207845.6789,"caller":"app/main.go:42","msg":"failed","http":{"status":503},"stacktrace":"main.main\n\t/app/main.go:42"}`,
			`{"time":"2024-01-02T15:04:05Z","level":"WARN+2","msg":"slow","http.status":200}`,
			`{"ctx":[{"id":"7"}],"time":"2024-01-02T15:04:05Z","level":"debug","message":"z\tz"}`,
			`{"level":"fatal","msg":"gone","nested":{"level":"info","msg":"inner"},"text":"\"level\":\"info\""}`,
			`{"nested":{"level":"info","msg":"inner"},"text":"\"level\":\"info\",","level":"panic","msg":"outer"}`,
			`{"level":"gold","msg":"no level"}`,
		},
		want: []said{
			{Error, "failed", "level=error http.status=503 ctx[0].id"},
			{Warning, "slow", "level=warning http.status=200 ctx[0].id"},
			{Debug, "z\tz", "level=debug http.status ctx[0].id=7"},
			{Critical, "gone", "level=critical http.status ctx[0].id"},
			{Critical, "outer", "level=critical http.status ctx[0].id"},
			{Unknown, "no level", "level=gold http.status ctx[0].id"},
		},
	},
	{
		name: "pino", format: "json", fields: "level req.url",
		lines: []string{
			`{"level":30,"time":1704207845678,"pid":1,"hostname":"a","req":{"id":1,"url":"/"},"msg":"request completed"}`,
			`{"level":60,"time":1704207845678,"pid":1,"hostname":"a","msg":"dead"}`,
		},
		want: []said{{Info, "request completed", "level=info req.url=/"}, {Critical, "dead", "level=critical req.url"}},
	},
	{
		name: "GELF and the journal", format: "json",
		lines: []string{
			`{"version":"1.1","host":"a","short_message":"m","level":3}`,
			`{"version":"1.1","host":"a","short_message":"n","level":6}`,
			`{"__CURSOR":"s=1","PRIORITY":"4","MESSAGE":"from the journal"}`,
		},
		want: []said{{Error, "m", ""}, {Info, "n", ""}, {Warning, "from the journal", ""}},
	},
	{
		name: "logrus and slog as text", format: "logfmt", fields: "level msg err n empty",
		lines: []string{
			`time="2024-01-02T15:04:05Z" level=error msg="it \"broke\"\n" err="a=b c" n=5`,
			`time=2024-01-02T15:04:05.000Z level=INFO msg=ok n=6 empty=`,
			`time=2024-01-02T15:04:05.000Z level=DEBUG-4 msg="level=error is text" n=6 empty=""`,
		},
		want: []said{
			{Error, "it \"broke\"\n", "level=error msg=it \"broke\"\n err=a=b c n=5 empty"},
			{Info, "ok", "level=info msg=ok err n=6 empty="},
			{Debug, "level=error is text", "level=debug msg=level=error is text err n=6 empty="},
		},
	},
	{
		name: "Go's log with slog", format: "plain", fields: "n",
		lines: []string{
			`2024/01/02 15:04:05 INFO request done n=17 path=/`,
			`2024/01/02 15:04:05 ERROR request failed n="1 8" err="x"`,
			`2024/01/02 15:04:06 listening on :8080`,
		},
		want: []said{
			{Info, "request done n=17 path=/", "n=17"},
			{Error, `request failed n="1 8" err="x"`, "n=1 8"},
			{Unknown, "listening on :8080", "n"},
		},
	},
	{
		name: "Python", format: "plain",
		lines: []string{
			`2024-01-02 15:04:05,678 - app.views - ERROR - Division by zero`,
			`2024-01-02 15:04:05,678 - root - WARNING - careful`,
			`Traceback (most recent call last):`,
			`  File "/app/x.py", line 1, in <module>`,
			`ValueError: error`,
			`2024-01-02 15:04:05,678 - app - INFO - done`,
		},
		want: []said{
			{Error, "Division by zero", ""}, {Warning, "careful", ""},
			{Unknown, "Traceback (most recent call last):", ""}, {Unknown, `  File "/app/x.py", line 1, in <module>`, ""},
			{Unknown, "ValueError: error", ""}, {Info, "done", ""},
		},
	},
	{
		name: "Python's default", format: "plain",
		lines: []string{`ERROR:root:it broke`, `WARNING:app.db:slow: 3 s`},
		want:  []said{{Error, "it broke", ""}, {Warning, "slow: 3 s", ""}},
	},
	{
		name: "log4j and Spring Boot", format: "plain",
		lines: []string{
			`2024-01-02 15:04:05,678 ERROR [http-nio-8080-exec-1] com.shop.OrderService - order 17 failed`,
			"java.lang.IllegalStateException: error in state",
			"\tat com.shop.OrderService.place(OrderService.java:42)",
			"Caused by: java.sql.SQLException: WARN",
			"\t... 23 more",
			`2024-01-02T15:04:05.678Z  WARN 1 --- [           main] c.s.OrderService                         : slow`,
			`2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200`,
			`081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38 terminating`,
		},
		want: []said{
			{Error, "order 17 failed", ""},
			{Unknown, "java.lang.IllegalStateException: error in state", ""},
			{Unknown, "\tat com.shop.OrderService.place(OrderService.java:42)", ""},
			{Unknown, "Caused by: java.sql.SQLException: WARN", ""},
			{Unknown, "\t... 23 more", ""},
			{Warning, "slow", ""},
			{Info, "Notification time out: 3200", ""},
			{Info, "PacketResponder 1 for block blk_38 terminating", ""},
		},
	},
	{
		name: "Rails", format: "plain",
		lines: []string{
			`I, [2024-01-02T15:04:05.678901 #12]  INFO -- : [7f3a] Started GET "/" for 10.0.0.1`,
			`F, [2024-01-02T15:04:05.678901 #12] FATAL -- : ActionController::RoutingError (No route matches)`,
		},
		want: []said{{Info, `Started GET "/" for 10.0.0.1`, ""}, {Critical, "ActionController::RoutingError (No route matches)", ""}},
	},
	{
		name: "zap's console", format: "plain",
		lines: []string{
			"2024-01-02T15:04:05.678Z\terror\tserver/main.go:42\trequest failed\t{\"status\": 500}",
			"2024-01-02T15:04:05.678Z\tinfo\tserver/main.go:43\tno error found",
		},
		want: []said{{Error, "request failed\t{\"status\": 500}", ""}, {Info, "no error found", ""}},
	},
	{
		name: "Android", format: "plain",
		lines: []string{
			`01-02 15:04:05.678  1234  1250 W ActivityManager: Slow operation`,
			`01-02 15:04:05.679  1234  1250 E AndroidRuntime: FATAL EXCEPTION: main`,
			`01-02 15:04:05.680  1234  1250 I chatty  : uid=1000 expire 3 lines`,
		},
		want: []said{
			{Warning, "ActivityManager: Slow operation", ""},
			{Error, "AndroidRuntime: FATAL EXCEPTION: main", ""},
			{Info, "chatty  : uid=1000 expire 3 lines", ""},
		},
	},
	{
		name: "levels in lower case learnt", format: "plain",
		lines: []string{
			`2024-01-02T15:04:05Z info connected to db`,
			`2024-01-02T15:04:05Z error reading response`,
			`2024-01-02T15:04:05Z warn no error found`,
			`2024-01-02T15:04:05Z info x`,
		},
		want: []said{{Info, "connected to db", ""}, {Error, "reading response", ""}, {Warning, "no error found", ""}, {Info, "x", ""}},
	},
}

func TestFormats(t *testing.T) {
	for _, test := range formatTests {
		t.Run(test.name, func(t *testing.T) {
			var sample [][]byte
			for _, text := range test.lines {
				sample = append(sample, []byte(text))
			}
			f := Detect(sample)
			if f.Name() != test.format {
				t.Fatalf("got %s, want %s", f.Name(), test.format)
			}
			again, err := Parse(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			if again.Name() != f.Name() {
				t.Errorf("parsed: got %s, want %s", again.Name(), f.Name())
			}
			fields, err := f.Fields(strings.Fields(test.fields)...)
			if err != nil {
				t.Fatal(err)
			}
			var got []said
			var scratch []byte
			for _, line := range sample {
				message := string(f.MessageInto(line, &scratch))
				if other := string(f.Message(line)); other != message {
					t.Errorf("Message: %q, MessageInto: %q", other, message)
				}
				got = append(got, said{f.Level(line), message, readAll(fields, line)})
			}
			if d := cmp.Diff(got, test.want, cmp.AllowUnexported(said{})); d != "" {
				t.Errorf("got -, want +\n%s", d)
			}
		})
	}
}

// readAll gives the fields of a line as name=value.
func readAll(fields *Fields, line []byte) string {
	values := make([][]byte, len(fields.Names()))
	fields.Read(line, values)
	var all []string
	for i, name := range fields.Names() {
		if values[i] != nil {
			name += "=" + string(values[i])
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}
