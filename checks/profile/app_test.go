package profile

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// The program that is looked at is this test's own, in a process of its own, which
// does what it is told to.

func TestMain(m *testing.M) {
	if os.Getenv("GUMSHOE_TEST_TASK") == "pprof-app" {
		app(os.Getenv("APP_ADDRESS"), os.Getenv("APP_DOES"))
		return
	}
	os.Exit(m.Run())
}

func app(address, does string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", func(w http.ResponseWriter, r *http.Request) {
		if _, password, given := r.BasicAuth(); does == "guarded" && (!given || password != "right") {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if filepath.Base(r.URL.Path) == "profile" {
			pprof.Profile(w, r)
			return
		}
		pprof.Index(w, r)
	})
	switch does {
	case "burns":
		go burnProcessor()
	case "leaks":
		go leakGoroutines()
		go leakMemory()
	case "counts":
		runtime.SetMutexProfileFraction(1)
	case "counted":
		runtime.SetMutexProfileFraction(1)
		waitForLock()
		runtime.SetMutexProfileFraction(0) // what was counted stays
	case "contends":
		runtime.SetMutexProfileFraction(1)
		runtime.SetBlockProfileRate(1)
		go contendForLock()
	}
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		panic(err) // the test shows it
	}
}

//go:noinline
func burnProcessor() {
	for n := uint64(1); ; n = n*6364136223846793005 + 1442695040888963407 {
		if n == 0 {
			return
		}
	}
}

func leakGoroutines() {
	for range time.Tick(5 * time.Millisecond) {
		go waitForever(make(chan int))
	}
}

//go:noinline
func waitForever(never chan int) { <-never }

func leakMemory() {
	var kept [][]byte
	for range time.Tick(10 * time.Millisecond) {
		kept = append(kept, keepMemory())
		if len(kept)%10 == 0 {
			runtime.GC() // what is in use is told as of the last
		}
	}
	runtime.KeepAlive(kept)
}

//go:noinline
func keepMemory() []byte { return make([]byte, 1<<19) }

// waitForLock ends when one that waits for a lock has been counted.
func waitForLock() {
	var records [10]runtime.BlockProfileRecord
	for {
		var lock sync.Mutex
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { lock.Lock(); time.Sleep(2 * time.Millisecond); lock.Unlock() })
		}
		both.Wait()
		if n, _ := runtime.MutexProfile(records[:]); n > 0 {
			return
		}
	}
}

func contendForLock() {
	var lock sync.Mutex
	for range 4 {
		go holdLock(&lock)
	}
}

//go:noinline
func holdLock(lock *sync.Mutex) {
	for {
		lock.Lock()
		time.Sleep(2 * time.Millisecond)
		lock.Unlock()
	}
}

// start starts the program and gives its URL.
func start(t testing.TB, does string) (*checktest.Server, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(checktest.FreePort(t)))
	s := checktest.Start(t, checktest.Program{
		Argv: []string{self}, Env: []string{"GUMSHOE_TEST_TASK=pprof-app", "APP_ADDRESS=" + address, "APP_DOES=" + does},
		Ready: func() error {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				conn.Close()
			}
			return err
		},
	})
	return s, fmt.Sprintf("http://%s", address)
}
