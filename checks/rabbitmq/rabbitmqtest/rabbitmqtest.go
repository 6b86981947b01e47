// Package rabbitmqtest starts a real RabbitMQ broker for tests.
package rabbitmqtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"gumshoe/checks/checktest"
)

// scripts is where Debian has them; those in /usr/sbin change the user and lose
// the environment.
const scripts = "/usr/lib/rabbitmq/bin/"

// The user that may do everything. RabbitMQ makes it.
const (
	User     = "guest"
	Password = "guest"
)

// Server is a broker of its own ports, folder and port mapper, until its test
// ends. It takes about five seconds to start: have one for a package.
type Server struct {
	*checktest.Server

	// Address is the host and port of AMQP, Management the URL of its API.
	Address, Management string
	// Dir is its folder.
	Dir string

	env []string
}

// Start starts a broker, which takes these lines of rabbitmq.conf beside.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	_, err := os.Stat(scripts + "rabbitmq-server")
	checktest.Need(t, "rabbitmq-server", err == nil)
	ports := map[string]int{}
	for _, name := range []string{"amqp", "management", "distribution", "epmd"} {
		ports[name] = checktest.FreePort(t)
	}
	address := func(name string) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[name])) }
	s := &Server{Address: address("amqp"), Management: "http://" + address("management"), Dir: t.TempDir()}
	config := append([]string{
		"listeners.tcp.1 = " + s.Address,
		"management.tcp.ip = 127.0.0.1",
		fmt.Sprintf("management.tcp.port = %d", ports["management"]),
		"vm_memory_high_watermark.absolute = 1GB",
		"disk_free_limit.absolute = 1MB",
		"collect_statistics_interval = 500",
		"management.sample_retention_policies.global.minute = 1",
		"management.sample_retention_policies.basic.minute = 1",
		"management.sample_retention_policies.detailed.10 = 1",
		"log.console = true",
		"log.console.level = warning",
		"log.file = false",
	}, settings...)
	s.write(t, "rabbitmq.conf", strings.Join(config, "\n")+"\n")
	s.write(t, "enabled_plugins", "[rabbitmq_management].\n")
	s.env = []string{
		"HOME=" + s.Dir,
		fmt.Sprintf("RABBITMQ_NODENAME=gumshoe%d@localhost", ports["amqp"]),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(s.Dir, "mnesia"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(s.Dir, "log"),
		"RABBITMQ_CONFIG_FILE=" + filepath.Join(s.Dir, "rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(s.Dir, "enabled_plugins"),
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_LOGS=-",
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", ports["distribution"]),
		fmt.Sprintf("ERL_EPMD_PORT=%d", ports["epmd"]),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
	}
	// The broker would start a port mapper that outlives it, if there were none.
	checktest.Start(t, checktest.Program{
		Argv: []string{"epmd", "-address", "127.0.0.1", "-port", strconv.Itoa(ports["epmd"])}, Ready: checktest.Listens(ports["epmd"]),
	})
	s.Server = checktest.Start(t, checktest.Program{
		Argv: []string{scripts + "rabbitmq-server"}, Env: s.env, Dir: s.Dir, Ready: s.ready,
	})
	return s
}

// ready tells whether the broker knows how it is itself.
func (s *Server) ready() error {
	var nodes []struct {
		Memory int64 `json:"mem_used"`
	}
	if err := s.Get("/api/nodes", &nodes); err != nil {
		return err
	}
	if len(nodes) == 0 || nodes[0].Memory == 0 {
		return errors.New("no statistics yet")
	}
	return nil
}

func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Control runs rabbitmqctl, which takes a second or two, and gives what it says.
func (s *Server) Control(t testing.TB, argv ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), scripts+"rabbitmqctl", append([]string{"-q"}, argv...)...)
	cmd.Dir, cmd.Env = s.Dir, append(os.Environ(), s.env...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rabbitmqctl %v: %v\n%s", argv, err, text)
	}
	return string(text)
}

// Get asks the management API, as its first user.
func (s *Server) Get(path string, into any) error { return s.ask(http.MethodGet, path, nil, into) }

// Put makes or changes something by the management API.
func (s *Server) Put(t testing.TB, path string, body map[string]any) {
	t.Helper()
	if err := s.ask(http.MethodPut, path, body, nil); err != nil {
		t.Fatal(err)
	}
}

// Delete removes something by the management API.
func (s *Server) Delete(t testing.TB, path string) {
	t.Helper()
	if err := s.ask(http.MethodDelete, path, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) ask(method, path string, body map[string]any, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, s.Management+path, bytes.NewReader(text)) //nolint:noctx // the client has a timeout
	if err != nil {
		return err
	}
	request.SetBasicAuth(User, Password)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// NewUser makes a user with a password that is its name, tags such as
// "monitoring", and all rights in the first virtual host.
func (s *Server) NewUser(t testing.TB, name, tags string) {
	t.Helper()
	s.Put(t, "/api/users/"+url.PathEscape(name), map[string]any{"password": name, "tags": tags})
	s.Put(t, "/api/permissions/%2F/"+url.PathEscape(name), map[string]any{"configure": ".*", "write": ".*", "read": ".*"})
}

// Channel opens a connection and a channel, as a client of that name, until the
// test ends.
func (s *Server) Channel(t testing.TB, name string) *amqp091.Channel {
	t.Helper()
	conn, err := amqp091.DialConfig("amqp://"+User+":"+Password+"@"+s.Address+"/", amqp091.Config{
		Properties: amqp091.Table{"connection_name": name}, Heartbeat: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	// A connection that is blocked does not answer a close in time.
	t.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) })
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

// Declare makes a queue, which is deleted when the test ends.
func (s *Server) Declare(t testing.TB, channel *amqp091.Channel, name string, arguments map[string]any) {
	t.Helper()
	if _, err := channel.QueueDeclare(name, true, false, false, false, amqp091.Table(arguments)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.ask(http.MethodDelete, "/api/queues/%2F/"+url.PathEscape(name), nil, nil) })
}

// Publish sends messages to a queue.
func Publish(channel *amqp091.Channel, queue string, count int) error {
	for range count {
		if err := channel.Publish("", queue, false, false, amqp091.Publishing{Body: []byte("a message"), DeliveryMode: amqp091.Transient}); err != nil {
			return err
		}
	}
	return nil
}
