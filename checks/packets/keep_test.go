package packets

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// keptFile is an engine.File in a folder.
type keptFile struct{ *os.File }

func (f keptFile) Keep() (string, error) { return f.Name(), f.Close() }
func (f keptFile) Discard() error        { return os.Remove(f.Name()) }

// keepIn captures what a client says to a server, and gives what was kept of it.
func keepIn(t *testing.T, keep string) (o engine.Observation, file []byte) {
	t.Helper()
	checktest.Need(t, "root, to capture packets", os.Geteuid() == 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	d, err := New(nil).Capture().Definition()
	if err != nil {
		t.Fatal(err)
	}
	in, faults := d.In.Decode(map[string]any{"interface": "lo", "port": port, "window": "600ms", "keep": keep})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	over, dir := make(chan struct{}), t.TempDir()
	go func() {
		defer close(over)
		o = engine.Local("here")(t.Context(), engine.Request{
			Step: "step", Check: d, Input: in, Timeout: checktest.Timeout,
			Keep: func(name string) (engine.File, error) {
				f, err := os.Create(filepath.Join(dir, name))
				return keptFile{f}, err
			},
		})
	}()
	for done := false; !done; {
		select {
		case <-over:
			done = true
		case <-time.After(20 * time.Millisecond):
			c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err == nil {
				_, err = io.WriteString(c, "password=correct-horse")
				c.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) > 1 {
		t.Fatalf("got %v, %v; want one file at most", files, err)
	}
	if len(files) == 1 {
		if file, err = os.ReadFile(files[0]); err != nil {
			t.Fatal(err)
		}
	}
	return o, file
}

// TestKeptHeadersHoldNoData: what users send is in the packets, and not in the file.
func TestKeptHeadersHoldNoData(t *testing.T) {
	o, file := keepIn(t, "headers")
	if len(o.Attachments) != 1 || o.Attachments[0].Bytes != int64(len(file)) {
		t.Fatalf("got %+v of %d bytes: %s", o.Attachments, len(file), o.Reason)
	}
	if bytes.Contains(file, []byte("correct-horse")) || bytes.Contains(file, []byte("password")) {
		t.Error("the file has data in it")
	}
	r, err := capturefile.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var p capturefile.Packet
	withData := 0
	for err = r.Next(&p); err == nil; err = r.Next(&p) {
		if p.WireLength > len(p.Data) && len(p.Data) >= 14+20+20 {
			withData++
		}
	}
	if got := o.Output.(Traffic); r.Packets() != got.Packets || withData == 0 {
		t.Errorf("got %d packets in the file, %d of them with data, until %v; want the %d that were looked at", r.Packets(), withData, err, got.Packets)
	}
}

func TestKeptPacketsAreWhole(t *testing.T) {
	o, file := keepIn(t, "all")
	if len(o.Attachments) != 1 || !bytes.Contains(file, []byte("correct-horse")) {
		t.Errorf("got %+v, want a file with the data", o.Attachments)
	}
}

func TestNothingIsKept(t *testing.T) {
	if o, file := keepIn(t, "none"); len(o.Attachments) != 0 || file != nil || o.Output == nil {
		t.Errorf("got %+v, %d bytes; want no file", o.Attachments, len(file))
	}
}
