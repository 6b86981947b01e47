package nginxtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Backend is an application behind nginx. What it does stands in the query of
// each request: first_byte and body are how long it waits before the answer and in
// the middle of the body, status is its status, bytes the length of its body,
// headers=N as many headers; hang answers nothing, and drip begins a body that does
// not end.
type Backend struct {
	// Address is its host and port.
	Address string
}

// StartBackend starts a backend on an address such as 127.0.0.1:0.
func StartBackend(t testing.TB, address string) *Backend {
	t.Helper()
	l, err := net.Listen("tcp", address) //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(Serve), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // it ends when the test does
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return &Backend{Address: l.Addr().String()}
}

// Serve answers as the query says.
func Serve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	wait(r, query, "first_byte")
	if query.Has("hang") {
		<-r.Context().Done()
		return
	}
	if text := query.Get("retry_after"); text != "" {
		w.Header().Set("Retry-After", text)
	}
	if status := number(query, "status"); status != 0 {
		w.WriteHeader(status)
	}
	bytes := max(10, number(query, "bytes"))
	write(w, bytes/2)
	_ = http.NewResponseController(w).Flush() // an answer that nobody takes ends here
	wait(r, query, "body")
	if query.Has("drip") {
		<-r.Context().Done()
		return
	}
	write(w, bytes-bytes/2)
}

func wait(r *http.Request, query url.Values, name string) {
	delay, err := time.ParseDuration(query.Get(name))
	if err != nil {
		return
	}
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
	}
}

func number(query url.Values, name string) int {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil {
		return 0
	}
	return n
}

func write(w io.Writer, bytes int) { fmt.Fprint(w, strings.Repeat("x", bytes)) }
