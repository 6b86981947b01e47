package checktest

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Client is the client program of a server, which reads statements that end with a
// semicolon from its input. When the test is killed, so is it.
type Client struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	asked int

	kill   sync.Once
	killed chan struct{}
}

// StartClient starts a client program. It is closed when the test ends.
func StartClient(t testing.TB, cmd *exec.Cmd) *Client {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{cmd: cmd, in: in, out: bufio.NewReader(out), killed: make(chan struct{})}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// start starts the program on a thread that lasts as long as it does: it is killed
// when the thread ends that has started it, and tests in namespaces of their own end
// theirs.
func (c *Client) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- c.cmd.Start()
		<-c.killed
	}()
	err := <-started
	if err != nil {
		c.kill.Do(func() { close(c.killed) })
	}
	return err
}

// Close ends the connection, whatever it does.
func (c *Client) Close() {
	c.in.Close()
	_ = c.cmd.Process.Kill() // it may have ended
	_ = c.cmd.Wait()
	c.kill.Do(func() { close(c.killed) })
}

// Send sends a statement and waits for nothing.
func (c *Client) Send(t testing.TB, statement string) {
	t.Helper()
	if _, err := io.WriteString(c.in, statement+";\n"); err != nil {
		t.Fatal(err)
	}
}

// Ask executes a statement, and gives the lines that it shows. The echo is what
// makes the program show a text, with %s for it.
func (c *Client) Ask(t testing.TB, statement, echo string) (lines []string) {
	t.Helper()
	c.asked++
	mark := fmt.Sprintf("done %d", c.asked)
	if _, err := io.WriteString(c.in, statement+";\n"+fmt.Sprintf(echo, mark)+"\n"); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if line = strings.TrimRight(line, "\n"); line == mark {
			return lines
		}
		lines = append(lines, line)
	}
}

// Repeat executes a statement again and again until the test ends; it is the last
// that the client is asked.
func (c *Client) Repeat(t testing.TB, statement string) {
	t.Helper()
	go func() { _, _ = io.Copy(io.Discard, c.out) }() // it ends with the program
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := io.WriteString(c.in, statement+";\n"); err != nil {
				return // the connection is closed
			}
		}
	}()
	t.Cleanup(func() { // before the client's own
		close(stop)
		_ = c.cmd.Process.Kill()
		c.in.Close()
		<-done
	})
}
