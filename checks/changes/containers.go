package changes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	// engineTimeout is how long a container engine may take for all answers, and
	// maxAnswerBytes how long one may be.
	engineTimeout  = 2 * time.Second
	maxAnswerBytes = 1 << 20
	// maxContainers is how many containers are asked after one by one.
	maxContainers = 200
	// startsAtOnce is how soon a container starts that was created to be started.
	startsAtOnce = 10 * time.Second
)

// engineSockets lists where container engines that speak HTTP listen.
func engineSockets() []string { return []string{"run/docker.sock", "run/podman/podman.sock"} }

// otherSockets lists those of engines that we cannot ask.
func otherSockets() []string { return []string{"run/containerd/containerd.sock", "run/crio/crio.sock"} }

// readContainers asks Docker and Podman for their containers.
func readContainers(ctx context.Context, l *look) {
	asked := false
	sockets := engineSockets()
	if l.in.ContainerSocket != "" {
		sockets = []string{l.in.ContainerSocket}
	}
	for _, socket := range sockets {
		path := l.path(socket)
		info, err := os.Stat(path)
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist) && l.in.ContainerSocket == "":
			continue
		case err != nil:
			reason, fix := why(path, err)
			l.unread("containers", reason, fix)
			continue
		case info.Mode()&fs.ModeSocket == 0:
			l.unread("containers", path+" is no socket", "name the socket of Docker or Podman")
			continue
		}
		asked = true
		if err := l.engine(ctx, path); err != nil {
			reason, fix := "no answer at "+path+": "+brief(err), "look whether the container engine runs"
			if errors.Is(err, fs.ErrPermission) {
				reason, fix = "may not connect to "+path, "run gumshoe as root, or as a user in the group of "+path
			}
			l.unread("containers", text(reason), fix)
		}
	}
	if asked || l.in.ContainerSocket != "" {
		return
	}
	for _, socket := range otherSockets() {
		if _, err := os.Stat(l.path(socket)); err == nil {
			l.unread("containers", "the container engine at "+l.path(socket)+" has no HTTP interface", "look with crictl ps -a")
		}
	}
}

// brief gives the cause of an error of net/http, without the request.
func brief(err error) string {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	return err.Error()
}

// container is what GET /containers/json tells.
type container struct {
	ID      string   `json:"Id"`
	Names   []string `json:"Names"`
	Image   string   `json:"Image"`
	Created int64    `json:"Created"`
}

// containerState is what GET /containers/ID/json tells.
type containerState struct {
	RestartCount int `json:"RestartCount"`
	State        struct {
		Running    bool      `json:"Running"`
		StartedAt  time.Time `json:"StartedAt"`
		FinishedAt time.Time `json:"FinishedAt"`
		ExitCode   int       `json:"ExitCode"`
		OOMKilled  bool      `json:"OOMKilled"`
	} `json:"State"`
}

// engine asks the container engine at a socket.
func (l *look) engine(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		MaxResponseHeaderBytes: 64 << 10,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	var all []container
	// Without a version in the path, an engine answers in its own.
	if err := get(ctx, client, "/containers/json?all=1", &all); err != nil {
		return err
	}
	if len(all) > maxContainers {
		l.unread("containers", fmt.Sprintf("%s has %d containers, and %d were looked at", socket, len(all), maxContainers), "")
		all = all[:maxContainers] // the engine tells the newest first
	}
	for _, c := range all {
		if c.ID == "" || strings.Trim(strings.ToLower(c.ID), "0123456789abcdef") != "" {
			return errors.New("the answer is not that of a container engine")
		}
		var state containerState
		err := get(ctx, client, "/containers/"+c.ID+"/json", &state)
		if errors.Is(err, errGone) {
			continue
		} else if err != nil {
			return err
		}
		l.addContainer(c, state, socket)
	}
	return nil
}

var errGone = errors.New("the container is gone")

// get asks for one document.
func get(ctx context.Context, client *http.Client, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound && strings.Count(path, "/") > 2:
		return errGone
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the container engine says %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return err
	case len(body) > maxAnswerBytes:
		return fmt.Errorf("the answer has more than %d bytes", maxAnswerBytes)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("the answer is not that of a container engine")
	}
	return nil
}

// addContainer adds when a container was created, last started and last stopped.
func (l *look) addContainer(c container, state containerState, socket string) {
	name := c.ID[:min(len(c.ID), shownDigits)]
	if len(c.Names) > 0 {
		name = strings.TrimPrefix(c.Names[0], "/")
	}
	took := func(action string, at time.Time, detail string) {
		if at.Unix() > 0 && !at.Before(l.from) {
			l.add(event{Change: Change{
				Kind: "containers", Action: action, What: text(name), To: text(c.Image), Detail: detail, Time: at, Source: socket,
			}})
		}
	}
	created := time.Unix(c.Created, 0)
	took("created", created, "")
	if started := state.State.StartedAt; started.Sub(created) > startsAtOnce {
		detail := ""
		if state.RestartCount > 0 {
			detail = fmt.Sprintf("restarted %d times by the engine", state.RestartCount)
		}
		took("started", started, detail)
	}
	if !state.State.Running {
		detail := fmt.Sprintf("exit code %d", state.State.ExitCode)
		if state.State.OOMKilled {
			detail += ", out of memory"
		}
		took("stopped", state.State.FinishedAt, detail)
	}
}
