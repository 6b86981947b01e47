// Package prometheustest starts a real Prometheus for tests, with the history that
// a test gives it.
package prometheustest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// Options say what a Prometheus is to be like.
type Options struct {
	// History are lines of OpenMetrics with times: what it already knows.
	History string
	// Scrape are host:port of the targets that it scrapes, once a second.
	Scrape []string
	// Flags are added to its command line.
	Flags []string
	// WebConfig is the text of its web.config.file; "" means none.
	WebConfig string
	// Scheme is https when WebConfig makes it so; "" means http.
	Scheme string
}

// Server is a Prometheus of its own folder, until its test ends.
type Server struct {
	*checktest.Server

	// Address is its host and port, URL where it is.
	Address, URL string
}

// Start starts a Prometheus on 127.0.0.1.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if options.History != "" {
		remember(t, filepath.Join(dir, "history.txt"), data, options.History)
	}
	port := checktest.FreePort(t)
	s := &Server{Address: fmt.Sprintf("127.0.0.1:%d", port)}
	scheme := "http"
	if options.Scheme != "" {
		scheme = options.Scheme
	}
	s.URL = scheme + "://" + s.Address

	argv := []string{
		"prometheus", "--config.file=" + write(t, dir, "prometheus.yml", configuration(options.Scrape)), "--storage.tsdb.path=" + data,
		"--web.listen-address=" + s.Address, "--log.level=warn", "--storage.tsdb.retention.time=30d",
	}
	if options.WebConfig != "" {
		argv = append(argv, "--web.config.file="+write(t, dir, "web.yml", options.WebConfig))
	}
	client := &http.Client{
		Timeout:   time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}, //nolint:gosec // it is our own, on loopback
	}
	s.Server = checktest.Start(t, checktest.Program{
		Argv: append(argv, options.Flags...), Dir: dir,
		Ready: func() error {
			response, err := client.Get(s.URL + "/-/ready") //nolint:noctx // it has a timeout
			if err != nil {
				if options.Scheme == "https" && strings.Contains(err.Error(), "certificate required") {
					return nil // it serves, and we have none
				}
				return err
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
				return errors.New(response.Status)
			}
			return nil
		},
	})
	return s
}

// NodeExporter starts a real node exporter and gives its host and port.
func NodeExporter(t testing.TB) (*checktest.Server, string) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", checktest.FreePort(t))
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return checktest.Start(t, checktest.Program{
		Argv: []string{"prometheus-node-exporter", "--web.listen-address=" + address, "--collector.disable-defaults", "--collector.loadavg", "--collector.meminfo", "--log.level=error"},
		Ready: func() error {
			response, err := client.Get("http://" + address + "/metrics") //nolint:noctx // it has a timeout
			if err == nil {
				response.Body.Close()
			}
			return err
		},
	}), address
}

func configuration(scrape []string) string {
	text := "global: { scrape_interval: 1s, scrape_timeout: 1s }\n"
	if len(scrape) > 0 {
		text += fmt.Sprintf("scrape_configs:\n- { job_name: test, static_configs: [{ targets: [%s] }] }\n", strings.Join(scrape, ", "))
	}
	return text
}

// remember writes what a Prometheus is to know already.
func remember(t testing.TB, file, data, history string) {
	t.Helper()
	write(t, filepath.Dir(file), filepath.Base(file), strings.TrimRight(history, "\n")+"\n# EOF\n")
	promtool, err := exec.LookPath("promtool")
	checktest.Need(t, "promtool of Prometheus", err == nil)
	if out, err := exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", file, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
