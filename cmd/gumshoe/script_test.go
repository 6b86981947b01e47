package main

// The scripts of testdata/script drive the real program: one for each command,
// and errors.txtar for what a user can get wrong. With -update they are rewritten
// to what the program prints now.

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var updateScripts = flag.Bool("update", false, "rewrite the scripts to what the program prints")

func TestMain(m *testing.M) {
	if task := os.Getenv("GUMSHOE_TEST_TASK"); task != "" {
		tasks()[task](os.Args[len(os.Args)-1])
		return
	}
	testscript.Main(m, map[string]func(){"gumshoe": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts:       *updateScripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit":      exit,
			"listen":    listen,
			"normalize": normalize,
		},
	})
}

// exit runs a command that has to end with a status: exit 3 gumshoe run x.
func exit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exit STATUS COMMAND …")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// listen opens a TCP port on this machine until the script ends, and puts its
// address into a variable.
func listen(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
}

// What differs from run to run.
var variable = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b0[0-9A-HJKMNP-TV-Z]{25}\b`), "RUN"},
	{regexp.MustCompile(`\b0[0-9A-HJKMNP-TV-Z]{9}\b`), "RUN"},
	{regexp.MustCompile(`  +(< )?\d+(\.\d+)? (µs|ms|s)  `), "  TIME  "},
	{regexp.MustCompile(`(✓|✗) (\S+) (< )?\d+(\.\d+)? (µs|ms|s)\b`), "$1 $2 TIME"},
	{regexp.MustCompile(`([|·]) (< )?\d+(\.\d+)? (µs|ms|s) ([|·])`), "$1 TIME $5"},
	{regexp.MustCompile(`(refused|connected)(?: +"")? +\d+(\.\d+)? (µs|ms|s)\b`), "$1 TIME"},
	{regexp.MustCompile(`\bin (< )?\d+(\.\d+)? (µs|ms|s)(, \d+ of \d+)`), "in TIME$4"},
	{regexp.MustCompile(`   +in TIME`), "   in TIME"},
	{regexp.MustCompile(`(?m)^ +\d+\.\d\d s `), " AT "},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)?`), "WHEN"},
	{regexp.MustCompile(`("(?:\w+_seconds|at_seconds|age_seconds)": )[0-9.e+-]+`), "${1}0"},
	{regexp.MustCompile(`time="[0-9.]+"`), `time="0"`},
	{regexp.MustCompile(`(connect(?:ed|_seconds)\D*)[0-9.]+ (µs|ms|s)`), "${1}TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,5}\b`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`go1\.[0-9.]+\S* \S+/\S+`), "GO"},
}

// normalize writes a text, stdout or stderr without what differs from run to
// run: normalize stdout out.txt.
func normalize(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	if host, err := os.Hostname(); err == nil {
		text = regexp.MustCompile(`(on |"|hostname=")`+regexp.QuoteMeta(host)+`("| ·|\b)`).ReplaceAllString(text, "${1}HOST$2")
	}
	for _, v := range variable {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}
