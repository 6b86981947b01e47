package checktest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program says how to start a real server for a test.
type Program struct {
	// Argv is the program, looked up in PATH, and its arguments. It stays in the
	// foreground.
	Argv []string
	// Env is added to the environment of the test.
	Env []string
	// Dir is where it runs; "" means a folder of its own.
	Dir string
	// User is who runs it when the test is root; "" means the same user. Servers
	// that refuse to run as root need it, and folders that the user may write.
	User string
	// Ready tells whether it serves; it is asked again and again.
	Ready func() error
}

// Server is a program that serves until its test ends. When the test is killed,
// so is it.
type Server struct {
	program Program
	cmd     *exec.Cmd
	ended   chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

// startTimeout is how long a server may take to serve on a busy machine.
const startTimeout = 90 * time.Second

// Start starts a server and waits until it is ready. A machine without the
// program skips the test, or fails it, as Need does.
func Start(t testing.TB, p Program) *Server {
	t.Helper()
	path, err := exec.LookPath(p.Argv[0])
	Need(t, "the program "+p.Argv[0], err == nil)
	p.Argv = append([]string{path}, p.Argv[1:]...)
	if p.Dir == "" {
		p.Dir = t.TempDir()
	}
	s := &Server{program: p}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("%s said: %s", path, s.Log())
		}
	})
	s.Restart(t)
	return s
}

// Restart starts the server again after Stop or Kill, and waits until it is ready.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	cmd := exec.Command(s.program.Argv[0], s.program.Argv[1:]...) //nolint:noctx // the test says what, and Kill ends it
	cmd.Dir, cmd.Env = s.program.Dir, append(os.Environ(), s.program.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if s.program.User != "" && os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = Credential(t, s.program.User)
	}
	cmd.Stdout, cmd.Stderr = s, s
	cmd.WaitDelay = time.Second // what it leaves behind may keep its output open
	started, ended := make(chan error), make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() {
		// Pdeathsig comes when the thread that started the program ends, and tests in
		// namespaces of their own end theirs: this one waits.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ends is for the test to see, in its log
		}
	}()
	if err := <-started; err != nil {
		s.cmd = nil
		t.Fatal(err)
	}
	if err := s.wait(); err != nil {
		t.Fatalf("%s: %v\n%s", s.program.Argv[0], err, s.Log())
	}
}

func (s *Server) wait() error {
	deadline := time.After(startTimeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.program.Ready()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("it ended: %s", s.cmd.ProcessState)
		case <-deadline:
			return fmt.Errorf("it is not ready after %s: %w", startTimeout, err)
		case <-tick.C:
		}
	}
}

// PID is the process id of the program itself.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Pause stops the program and all it started with SIGSTOP: it accepts
// connections, in the kernel, and answers nothing. The signal takes a moment to
// reach every thread of the program itself, which is waited for.
func (s *Server) Pause() {
	s.signal(syscall.SIGSTOP)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(startTimeout); time.Now().Before(end) && !s.stopped(); {
		<-tick.C
	}
}

// stopped tells whether no thread of the program runs.
func (s *Server) stopped() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.PID()))
	for _, path := range threads {
		stat, _ := os.ReadFile(path) // a thread that has ended has none
		_, state, found := strings.Cut(string(stat), ") ")
		if found && !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// Resume lets it go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// Stop asks it to end, and waits until it has.
func (s *Server) Stop() {
	s.signal(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	<-s.ended
}

// Kill ends it and all it started in its process group, and waits until it has.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	s.signal(syscall.SIGKILL)
	<-s.ended
}

// signal goes to the whole process group, which may be gone.
func (s *Server) signal(signal syscall.Signal) { _ = syscall.Kill(-s.cmd.Process.Pid, signal) }

// Write keeps what the program says.
func (s *Server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// Log is what the program has said so far.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// WriteProgram writes a program for the test to start. Meanwhile this process starts
// no other, which would hold the file open for a moment: the kernel starts none that
// somebody may write (ETXTBSY).
func WriteProgram(t testing.TB, path string, content []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, content, 0o755) //nolint:gosec // other users run it
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
}

// Credential is that of a user of this machine, to run a program as.
func Credential(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	account, err := user.Lookup(name)
	Need(t, "the user "+name, err == nil)
	id := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	return &syscall.Credential{Uid: id(account.Uid), Gid: id(account.Gid)}
}

// FreePort is a port of 127.0.0.1 that is free for TCP and UDP. It is none of
// those that the kernel gives to clients, or to whoever listens on port 0: another
// would have it before the server is up.
func FreePort(t testing.TB) int {
	t.Helper()
	const first, count = 20000, 12000
	for range count {
		port := first + rand.IntN(count)
		at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", at) //nolint:noctx // it does not wait
		if err != nil {
			continue
		}
		l.Close()
		u, err := net.ListenPacket("udp", at) //nolint:noctx // it does not wait
		if err != nil {
			continue
		}
		u.Close()
		return port
	}
	t.Fatal("no port is free")
	return 0
}

// Listens is a Ready that asks whether a TCP port of 127.0.0.1 accepts.
func Listens(port int) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second) //nolint:noctx // it has a timeout
		if err == nil {
			conn.Close()
		}
		return err
	}
}

// ListensUDP is a Ready that asks whether a UDP port of 127.0.0.1 is open, by the
// kernel's list, in the network namespace of the thread that asks.
func ListensUDP(port int) func() error {
	entry := fmt.Sprintf("0100007F:%04X ", port) // as on a little-endian machine
	return func() error {
		list, err := os.ReadFile("/proc/thread-self/net/udp")
		if err == nil && !bytes.Contains(list, []byte(entry)) {
			err = fmt.Errorf("nothing has opened UDP port %d", port)
		}
		return err
	}
}
