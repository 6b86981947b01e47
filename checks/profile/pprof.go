// Package profile asks programs what they spend their time and memory on, where
// they serve profiles in the format of pprof: those in Go by net/http/pprof, and
// others by libraries of their own.
package profile

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

// Profiles makes the checks that ask for profiles.
type Profiles struct{ allow *reach.AllowList }

// New gives the checks that connect to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Profiles { return Profiles{allow} }

// PprofInput are the inputs of profile.pprof.
type PprofInput struct {
	// URL is where the program serves its profiles, such as http://app1:6060; where it
	// has no path, /debug/pprof is meant. A user and password in it are sent and never
	// shown.
	URL string `json:"url" required:"true" format:"url"`
	// Profiles are which to take: cpu, goroutine, heap, mutex and block. Without cpu
	// the program has next to no work with it.
	Profiles []string `json:"profiles" default:"[\"cpu\",\"goroutine\",\"heap\",\"mutex\"]"`
	// Window is how long the processor is watched, and the time between the two
	// readings of the others.
	Window time.Duration `json:"window" default:"5s" min:"1s" max:"60s"`
	// Timeout is how long everything may take beside the window.
	Timeout time.Duration `json:"timeout" default:"10s" min:"10ms" max:"1m"`

	// User is who to log in as by HTTP's basic authentication; "" means nobody.
	User string `json:"user"`
	// Password is the user's.
	Password engine.Secret `json:"password"`
	// Token is sent as "Authorization: Bearer", in place of user.
	Token engine.Secret `json:"token"`
	// Headers are sent beside our own.
	Headers map[string]string `json:"headers"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the server's certificate has to have; "" means the
	// host in url.
	ServerName string `json:"server_name" format:"host"`
	// CertFile is a PEM file with the certificate to show; "" means none.
	CertFile string `json:"cert_file" format:"path"`
	// KeyFile is the PEM file with its key, without a passphrase; "" means that it is
	// in cert_file.
	KeyFile string `json:"key_file" format:"path"`
}

// Pprof is the check profile.pprof.
//
// It reads the profiles of goroutines, heap, mutexes and blocking, then watches
// the processor for the window, and reads the others again. What is told of heap,
// mutexes and blocking is estimated from samples, as Go's runtime keeps them; what
// the heap holds is as of the last garbage collection.
//
// Example:
//
//	app: { check: profile.pprof, with: { url: "http://app1.example.com:6060", window: 10s } }
//
// By hand:
//
//	go tool pprof -top 'http://app1.example.com:6060/debug/pprof/profile?seconds=10'
//	go tool pprof -top http://app1.example.com:6060/debug/pprof/goroutine
func (p Profiles) Pprof() engine.Check[PprofInput, Pprof] {
	return engine.Check[PprofInput, Pprof]{
		Name:      "profile.pprof",
		Doc:       "What a program spends processor time and memory on, how its goroutines and heap grow, and what waits for locks.",
		Cost:      5200 * time.Millisecond,
		Risk:      engine.Load,
		RiskOf:    riskPprof,
		Target:    targetPprof,
		Plan:      planPprof,
		Run:       p.lookPprof,
		Summarize: summarizePprof,
	}
}

// riskPprof: the processor is interrupted a hundred times a second to be watched.
func riskPprof(in PprofInput) engine.Risk {
	if slices.Contains(in.Profiles, kindCPU) {
		return engine.Load
	}
	return engine.Read
}

func targetPprof(in PprofInput) string {
	api, err := in.api()
	if err != nil {
		return ""
	}
	return api.Address()
}

func planPprof(in PprofInput) []engine.Touch {
	api, err := in.api()
	if err != nil {
		return nil
	}
	return api.Plan("HTTP GET of the profiles " + strings.Join(in.Profiles, ", "))
}

func (in PprofInput) api() (webapi.API, error) {
	base := in.URL
	if u, err := url.Parse(base); err == nil && strings.Trim(u.Path, "/") == "" {
		base = strings.TrimRight(base, "/") + "/debug/pprof"
	}
	return webapi.New(base, webapi.Access{
		User: in.User, Password: in.Password, Token: in.Token, Headers: in.Headers,
		TLS: reach.TLSFiles{ServerName: in.ServerName, CA: in.CAFile, Certificate: in.CertFile, Key: in.KeyFile},
	})
}

// kinds checks the input profiles and gives them without repeats.
func (in PprofInput) kinds() ([]string, error) {
	var kinds []string
	all := []string{kindCPU, kindGoroutine, kindHeap, kindMutex, kindBlock}
	for _, kind := range in.Profiles {
		if !slices.Contains(all, kind) {
			return nil, fmt.Errorf("profiles: %q is not one of %s", kind, strings.Join(all, ", "))
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("profiles: name at least one of %s", strings.Join(all, ", "))
	}
	return kinds, nil
}

func summarizePprof(o Pprof) string {
	if o.Outcome != reach.OK && o.Goroutines.Count == 0 && o.CPU.Samples == 0 {
		text := reach.Clip(o.Address, 40) + " " + o.Outcome.Words()
		if o.Error != "" {
			text += ": " + reach.Clip(o.Error, 80)
		}
		return text
	}
	var parts []string
	if o.Goroutines.Count > 0 {
		parts = append(parts, fmt.Sprintf("%d goroutines", o.Goroutines.Count))
	}
	if o.Heap.InUseBytes > 0 {
		parts = append(parts, fmt.Sprintf("%.0f MiB of heap", float64(o.Heap.InUseBytes)/(1<<20)))
	}
	if o.CPU.Samples > 0 {
		text := fmt.Sprintf("%.2f cores", o.CPU.Cores)
		if len(o.CPU.Top) > 0 {
			text += fmt.Sprintf(", most in %s (%.0f %%)", reach.Clip(o.CPU.Top[0].Function, 40), o.CPU.Top[0].FlatPercent)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
