package main_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// This file holds the rules of docs/architecture.md about what a package may
// import, and about the shape of packages and files. It reads the source itself,
// whatever the build tags, so a package cannot hide an import from it.

// A rule says what of ours the packages that match it may import. A pattern is a
// path below the module, in which * is one element and a final /... is the
// package with all below it. The first rule that matches a package holds.
type rule struct {
	packages string
	may      []string // for all files
	tests    []string // for test files, beside what all files may
	because  string
}

var rules = []rule{
	{packages: "engine/kleene", because: "it is at the bottom: it imports nothing of ours"},
	{packages: "engine/statistic", because: "it is at the bottom: it imports nothing of ours"},
	{packages: "engine/source", may: []string{"engine/kleene"}, because: "kleene ← source ← expression ← engine ← load"},
	{
		packages: "engine/expression", may: []string{"engine/kleene", "engine/source", "engine/statistic"},
		because: "kleene ← source ← expression ← engine ← load",
	},
	{packages: "engine/belief", may: []string{"engine/kleene"}, because: "belief is pure: it knows only truth values"},
	{
		packages: "engine", may: []string{"engine/kleene", "engine/source", "engine/expression", "engine/belief"},
		tests: []string{"engine/..."}, because: "kleene ← source ← expression ← engine ← load",
	},
	{
		packages: "engine/load",
		may:      []string{"engine", "engine/kleene", "engine/source", "engine/expression", "engine/belief"},
		tests:    []string{"engine/..."},
		because:  "kleene ← source ← expression ← engine ← load",
	},
	{
		packages: "engine/replay",
		may:      []string{"engine", "engine/kleene", "engine/source", "engine/expression"},
		tests:    []string{"engine/...", "runbooks"},
		because:  "recorded cases need only the domain",
	},
	{packages: "engine/incident", may: []string{"engine", "engine/kleene"}, because: "incidents are pure"},
	{packages: "engine/chaos/...", may: []string{"engine/..."}, because: "the engine imports no check and no integration"},

	{packages: "checks", may: []string{"engine", "checks/*"}, tests: []string{"engine/..."}, because: "it only lists the checks"},
	{packages: "checks/reference", may: []string{"engine"}, because: "the reference is made of whatever checks it is given"},
	{
		packages: "checks/checktest", may: []string{"engine", "engine/kleene", "engine/source", "engine/expression", "checks/reference"},
		because: "the conformance suite knows no check",
	},
	{packages: "checks/docgen", may: []string{"checks", "checks/reference"}, because: "it only writes the reference of the list of checks"},
	{
		packages: "checks/host", may: []string{"engine", "checks/systemd", "checks/kernellog"}, tests: []string{"engine/...", "checks/checktest", "checks/systemd/systemdtest"},
		because: "families import engine, and never each other",
	},
	{packages: "checks/systemd", tests: []string{"checks/checktest", "checks/systemd/systemdtest"}, because: "it only speaks to systemd"},
	{packages: "checks/systemd/systemdtest", may: []string{"checks/checktest"}, because: "it only starts a systemd for tests"},
	{packages: "checks/kernellog", because: "it only reads the kernel's messages"},
	{packages: "checks/packetfilter", because: "it only compiles filters of packets"},
	{
		packages: "checks/topology", may: []string{"engine", "engine/kleene"}, tests: []string{"engine/...", "checks/checktest"},
		because: "it knows services, and no other check",
	},
	{packages: "checks/reach", may: []string{"engine"}, tests: []string{"checks/checktest"}, because: "it only connects, for all families"},
	{packages: "checks/capturefile", because: "it only reads and writes captured packets"},
	{
		packages: "checks/livecapture", may: []string{"checks/capturefile", "checks/packetfilter"}, tests: []string{"checks/checktest"},
		because: "it only captures packets, as files of them have them",
	},
	{packages: "checks/webapi", may: []string{"engine", "checks/reach"}, tests: []string{"checks/checktest"}, because: "it only asks HTTP APIs, for all families"},
	{packages: "checks/packets/traffic", tests: []string{"checks/capturefile"}, because: "it knows packets, and no files, sockets or checks"},
	{
		packages: "checks/packets", may: []string{"engine", "checks/capturefile", "checks/livecapture", "checks/packetfilter", "checks/packets/traffic", "checks/reach"},
		tests: []string{"engine/...", "checks/checktest"}, because: "it joins what reads, filters and analyses packets, and knows no other check",
	},
	{packages: "checks/logs/tally", may: []string{"engine/statistic"}, because: "it counts, and knows nothing of logs"},
	{packages: "checks/logs/template", may: []string{"checks/logs/tally"}, because: "it knows messages, and counts them"},
	{packages: "checks/logs/*", because: "it knows lines of text, and nothing of ours"},
	{
		packages: "checks/logs", may: []string{"engine", "checks/logs/*"}, tests: []string{"engine/...", "checks/checktest"},
		because: "it joins what reads, searches and counts lines, and knows no other check",
	},
	{packages: "checks/*/*", may: []string{"checks/checktest"}, because: "it only starts a real server for tests"},
	{
		packages: "checks/*", may: []string{"engine", "engine/statistic", "checks/reach", "checks/webapi"}, tests: []string{"engine/...", "checks/checktest", "checks/*/*"},
		because: "families import engine, and never each other",
	},

	{
		packages: "integrations/server", may: []string{"engine/...", "integrations/*"},
		because: "the server composes integrations, and never checks",
	},
	{
		packages: "integrations/*", may: []string{"engine/...", "integrations/store"}, tests: []string{"runbooks"},
		because: "integrations import engine, never checks, and of their siblings only store",
	},

	{packages: "runbooks", tests: []string{"engine/...", "checks"}, because: "it only embeds the stock runbooks"},
	{packages: "cmd/gumshoe", may: []string{"..."}, because: "cmd wires everything"},
}

// homes is where each third-party module may be imported: it has one home, and
// whoever needs it elsewhere asks its home or argues for a second one here.
// A home of "tests" is any test file, and the packages that are for tests alone.
var homes = map[string][]string{
	"github.com/expr-lang/expr":      {"engine/expression"},
	"go.yaml.in/yaml/v4":             {"engine/source"},
	"github.com/robfig/cron/v3":      {"engine/load"},
	"github.com/shirou/gopsutil/v3":  {"checks/host"},
	"golang.org/x/sys":               {"checks/host", "checks/backups", "checks/livecapture", "tests"}, // statx, device numbers, packet sockets; namespaces
	"github.com/klauspost/compress":  {"checks/backups", "checks/capturefile", "checks/logs/textfile"}, // zstd, and gzip at speed
	"github.com/facebook/time":       {"checks/host"},                                                  // asks chronyd
	"github.com/beevik/ntp":          {"checks/probe"},                                                 // asks a time server
	"github.com/miekg/dns":           {"checks/probe"},                                                 // asks one name server
	"github.com/coreos/go-systemd":   {"checks/systemd"},                                               // asks systemd, over D-Bus
	"github.com/godbus/dbus":         {"checks/systemd", "checks/host"},
	"github.com/jackc/pgx/v5":        {"checks/postgres"},
	"github.com/go-sql-driver/mysql": {"checks/mysql"},
	"github.com/redis/go-redis/v9":   {"checks/redis"},
	"go.mongodb.org/mongo-driver/v2": {"checks/mongodb"},
	"github.com/twmb/franz-go":       {"checks/kafka", "checks/kafka/kafkatest"},
	"github.com/rabbitmq/amqp091-go": {"checks/rabbitmq", "checks/rabbitmq/rabbitmqtest"},
	"github.com/nats-io/nats.go":     {"checks/nats"},
	"github.com/google/pprof":        {"checks/profile"},
	"golang.org/x/net":               {"checks/packetfilter", "checks/packets", "checks/livecapture"}, // instructions of BPF
	"github.com/google/gopacket":     {"checks/packets/traffic", "tests"},                             // headers of packets; another reader of captures
	"github.com/ulikunitz/xz":        {"checks/logs/textfile"},                                        // xz, which logrotate can be told to use
	"gonum.org/v1/gonum":             {"checks/logs/tally"},                                           // the beta function
	"github.com/oklog/ulid/v2":       {"integrations/store"},
	"github.com/spf13/cobra":         {"cmd/gumshoe"},
	"github.com/spf13/pflag":         {"cmd/gumshoe"}, // the flags of cobra's commands
	"golang.org/x/term":              {"cmd/gumshoe"},

	"github.com/emersion/go-smtp":              {"tests"}, // servers to be probed
	"github.com/emersion/go-sasl":              {"tests"},
	"github.com/nats-io/nats-server/v2":        {"tests"},
	"google.golang.org/grpc":                   {"tests"},
	"github.com/google/go-cmp":                 {"tests"},
	"github.com/rogpeppe/go-internal":          {"tests"},
	"github.com/santhosh-tekuri/jsonschema/v6": {"tests"},
}

// impure lists what of the standard library a pure package cannot use: it does
// no I/O, reads no clock and draws no random numbers.
var impure = []string{"os", "os/*", "net", "net/*", "io", "io/*", "log", "log/*", "time", "math/rand", "math/rand/v2", "crypto/rand", "syscall"}

var pure = []string{"engine/belief", "engine/kleene"}

// meaningless are package names that say nothing about what is inside.
var meaningless = []string{"util", "utils", "common", "helper", "helpers", "type", "types", "model", "models", "base", "misc", "shared", "lib"}

// maxLines bounds a file that is neither a test nor generated.
const maxLines = 500

// graph is what the rules are about.
type graph []sourceFile

// sourceFile is a Go file of ours.
type sourceFile struct {
	path      string // below the module
	name      string // of the package
	lines     int
	generated bool
	imports   []reference
	inits     []reference // its init functions
}

// reference is something named in a file.
type reference struct {
	line int
	name string
}

func (f sourceFile) folder() string { return path.Dir(f.path) }
func (f sourceFile) test() bool     { return strings.HasSuffix(f.path, "_test.go") }

// TestImports holds the rules against the source.
func TestImports(t *testing.T) {
	g, err := readGraph(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(g) < 40 {
		t.Fatalf("only %d files were read", len(g))
	}
	for _, v := range violations(g) {
		t.Error(v)
	}
}

// TestImportsPlanted plants a violation of each rule and sees it reported.
func TestImportsPlanted(t *testing.T) {
	importing := func(name, imported string) string {
		return fmt.Sprintf("package %s\n\nimport _ %q\n", name, imported)
	}
	for _, test := range []struct {
		name, file, text string
		want             string // "" when the rules allow it
	}{
		{
			"a family imports another", "checks/host/planted.go", importing("host", "gumshoe/checks/probe"),
			"checks/host/planted.go:3: checks/host may not import checks/probe: families import engine, and never each other",
		},
		{
			"a family imports the list of families", "checks/host/planted.go", importing("host", "gumshoe/checks"),
			"checks/host/planted.go:3: checks/host may not import checks: families import engine, and never each other",
		},
		{
			"a test of a family imports another", "checks/host/planted_test.go", importing("host_test", "gumshoe/checks/probe"),
			"checks/host/planted_test.go:3: checks/host may not import checks/probe: families import engine, and never each other",
		},
		{
			"a family imports the conformance suite", "checks/host/planted.go", importing("host", "gumshoe/checks/checktest"),
			"checks/host/planted.go:3: checks/host may not import checks/checktest: families import engine, and never each other",
		},
		{
			"a family's platform file imports another", "checks/host/planted_plan9.go",
			"//go:build plan9\n\n" + importing("host", "gumshoe/checks/probe"),
			"checks/host/planted_plan9.go:5: checks/host may not import checks/probe: families import engine, and never each other",
		},
		{
			"a family imports what starts a server", "checks/redis/planted.go", importing("redis", "gumshoe/checks/redis/redistest"),
			"checks/redis/planted.go:3: checks/redis may not import checks/redis/redistest: families import engine, and never each other",
		},
		{"a test of a family starts its server", "checks/redis/planted_test.go", importing("redis_test", "gumshoe/checks/redis/redistest"), ""},
		{"what starts a server uses the suite", "checks/redis/redistest/planted.go", importing("redistest", "gumshoe/checks/checktest"), ""},
		{"a test of a family uses the conformance suite", "checks/host/planted_test.go", importing("host_test", "gumshoe/checks/checktest"), ""},
		{
			"an integration imports checks", "integrations/slack/planted.go", importing("slack", "gumshoe/checks/host"),
			"integrations/slack/planted.go:3: integrations/slack may not import checks/host: integrations import engine, never checks, and of their siblings only store",
		},
		{
			"an integration imports a sibling", "integrations/slack/planted.go", importing("slack", "gumshoe/integrations/render"),
			"integrations/slack/planted.go:3: integrations/slack may not import integrations/render: integrations import engine, never checks, and of their siblings only store",
		},
		{"an integration imports store", "integrations/slack/planted.go", importing("slack", "gumshoe/integrations/store"), ""},
		{"the server composes integrations", "integrations/server/planted.go", importing("server", "gumshoe/integrations/slack"), ""},
		{
			"the server imports checks", "integrations/server/planted.go", importing("server", "gumshoe/checks"),
			"integrations/server/planted.go:3: integrations/server may not import checks: the server composes integrations, and never checks",
		},
		{
			"the engine imports checks", "engine/planted.go", importing("engine", "gumshoe/checks"),
			"engine/planted.go:3: engine may not import checks: kleene ← source ← expression ← engine ← load",
		},
		{
			"the engine imports the loader", "engine/planted.go", importing("engine", "gumshoe/engine/load"),
			"engine/planted.go:3: engine may not import engine/load: kleene ← source ← expression ← engine ← load",
		},
		{"a test of the engine uses the loader", "engine/planted_test.go", importing("engine_test", "gumshoe/engine/load"), ""},
		{
			"source imports expression", "engine/source/planted.go", importing("source", "gumshoe/engine/expression"),
			"engine/source/planted.go:3: engine/source may not import engine/expression: kleene ← source ← expression ← engine ← load",
		},
		{
			"belief imports the engine", "engine/belief/planted.go", importing("belief", "gumshoe/engine"),
			"engine/belief/planted.go:3: engine/belief may not import engine: belief is pure: it knows only truth values",
		},
		{
			"belief reads the clock", "engine/belief/planted.go", importing("belief", "time"),
			"engine/belief/planted.go:3: engine/belief may not import time: it is pure",
		},
		{
			"the stock runbooks import the loader", "runbooks/planted.go", importing("runbooks", "gumshoe/engine/load"),
			"runbooks/planted.go:3: runbooks may not import engine/load: it only embeds the stock runbooks",
		},
		{
			"something imports cmd", "integrations/slack/planted.go", importing("slack", "gumshoe/cmd/gumshoe"),
			"integrations/slack/planted.go:3: integrations/slack may not import cmd/gumshoe: integrations import engine, never checks, and of their siblings only store",
		},
		{
			"a module away from home", "engine/planted.go", importing("engine", "go.yaml.in/yaml/v4"),
			"engine/planted.go:3: engine may not import go.yaml.in/yaml/v4: the home of go.yaml.in/yaml/v4 is engine/source",
		},
		{
			"an unknown module", "engine/planted.go", importing("engine", "example.com/left/pad/v2"),
			"engine/planted.go:3: example.com/left/pad/v2 has no home: add its module to homes in imports_test.go, with the one package that imports it",
		},
		{
			"a module whose name only begins like a known one", "engine/source/planted.go", importing("source", "go.yaml.in/yaml/v44"),
			"engine/source/planted.go:3: go.yaml.in/yaml/v44 has no home: add its module to homes in imports_test.go, with the one package that imports it",
		},
		{
			"a module for tests in the program", "engine/planted.go", importing("engine", "github.com/google/go-cmp/cmp"),
			"engine/planted.go:3: engine may not import github.com/google/go-cmp/cmp: the home of github.com/google/go-cmp is tests",
		},
		{"a module for tests in a test", "engine/planted_test.go", importing("engine", "github.com/google/go-cmp/cmp"), ""},
		{"a package of a module at home", "engine/expression/planted.go", importing("expression", "github.com/expr-lang/expr/vm"), ""},
		{
			"cgo", "checks/host/planted.go", importing("host", "C"),
			"checks/host/planted.go:3: checks/host may not import C: the program is one static binary",
		},
		{
			"a package without a place", "engine/planted/planted.go", "package planted\n",
			"engine/planted/planted.go:1: engine/planted has no place: add it to rules in imports_test.go, with what it may import",
		},
		{
			"a meaningless name", "checks/util/planted.go", "package util\n",
			`checks/util/planted.go:1: package "util" says nothing about what is in it`,
		},
		{
			"an init function", "engine/planted.go", "package engine\n\nfunc init() {}\n",
			"engine/planted.go:3: init() runs unasked: make it a value that main passes on",
		},
		{"a method called init", "engine/planted.go", "package engine\n\ntype x struct{}\n\nfunc (x) init() {}\n", ""},
		{
			"a long file", "engine/planted.go", "package engine\n" + strings.Repeat("// more\n", 500),
			"engine/planted.go:1: 501 lines: more than 500 are two files",
		},
		{"a long generated file", "engine/planted.go", "// Code generated by hand. DO NOT EDIT.\n\npackage engine\n" + strings.Repeat("\n", 500), ""},
		{"a long test", "engine/planted_test.go", "package engine\n" + strings.Repeat("// more\n", 500), ""},
		{"not ours", "engine/testdata/planted.go", importing("engine", "gumshoe/checks"), ""},
		{"an example's own module", "docs/example/planted.go", importing("example", "gumshoe/checks"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, err := readGraph(fstest.MapFS{
				test.file:             {Data: []byte(test.text)},
				"docs/example/go.mod": {Data: []byte("module example\n")},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(violations(g), "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// violations lists what in the graph breaks the rules, by file and line.
func violations(g graph) []string {
	type fault struct {
		file string
		line int
		text string
	}
	var found []fault
	for _, f := range g {
		report := func(line int, format string, args ...any) {
			found = append(found, fault{f.path, line, fmt.Sprintf(format, args...)})
		}
		if slices.Contains(meaningless, strings.TrimSuffix(f.name, "_test")) {
			report(1, "package %q says nothing about what is in it", f.name)
		}
		if f.lines > maxLines && !f.generated && !f.test() {
			report(1, "%d lines: more than %d are two files", f.lines, maxLines)
		}
		for _, i := range f.inits {
			report(i.line, "init() runs unasked: make it a value that main passes on")
		}
		r := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, f.folder()) })
		if r < 0 {
			report(1, "%s has no place: add it to rules in imports_test.go, with what it may import", f.folder())
			continue
		}
		for _, i := range f.imports {
			if why := forbidden(f, rules[r], i.name); why != "" {
				report(i.line, "%s", why)
			}
		}
	}
	slices.SortFunc(found, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.file, b.file), a.line-b.line, cmp.Compare(a.text, b.text))
	})
	texts := make([]string, len(found))
	for i, v := range found {
		texts[i] = fmt.Sprintf("%s:%d: %s", v.file, v.line, v.text)
	}
	return slices.Compact(texts)
}

// forbidden says why a file may not import something; "" when it may.
func forbidden(f sourceFile, r rule, imported string) string {
	no := func(what, why string) string { return f.folder() + " may not import " + what + ": " + why }
	may := r.may
	if f.test() {
		may = append(slices.Clone(may), r.tests...)
	}
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == "C":
		return no("C", "the program is one static binary")
	case first == "gumshoe":
		ours := strings.TrimPrefix(strings.TrimPrefix(imported, "gumshoe"), "/")
		ownTest := f.test() && ours == f.folder()
		testsOnly := forTests(ours) && !f.test() && !forTests(f.folder())
		if !ownTest && (testsOnly || !matchesAny(may, ours)) {
			return no(ours, r.because)
		}
	case strings.Contains(first, "."):
		module := moduleOf(imported)
		atHome := func(home string) bool {
			return home == f.folder() || home == "tests" && (f.test() || forTests(f.folder()))
		}
		if module == "" {
			return imported + " has no home: add its module to homes in imports_test.go, with the one package that imports it"
		}
		if !slices.ContainsFunc(homes[module], atHome) {
			return no(imported, "the home of "+module+" is "+strings.Join(homes[module], " and "))
		}
	case matchesAny(pure, f.folder()) && matchesAny(impure, imported) && !f.test():
		return no(imported, "it is pure")
	}
	return ""
}

// moduleOf finds the module in homes that a package belongs to.
func moduleOf(imported string) string {
	best := ""
	for module := range homes {
		if (imported == module || strings.HasPrefix(imported, module+"/")) && len(module) > len(best) {
			best = module
		}
	}
	return best
}

// forTests tells whether a package is for tests alone: the conformance suite, or
// one that starts a real server, such as checks/postgres/postgrestest.
func forTests(folder string) bool {
	return strings.HasPrefix(folder, "checks/") && strings.HasSuffix(folder, "test")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if root, all := strings.CutSuffix(pattern, "/..."); all {
		return name == root || strings.HasPrefix(name, root+"/")
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// readGraph reads every Go file of the module.
func readGraph(module fs.FS) (graph, error) {
	var g graph
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skipFolder(module, name)
		case path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		f, err := readFile(name, text)
		g = append(g, f)
		return err
	})
	return g, err
}

// skipFolder says fs.SkipDir for a folder whose Go files are not part of the
// module.
func skipFolder(module fs.FS, name string) error {
	if name == "." {
		return nil
	}
	base := path.Base(name)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return fs.SkipDir
	}
	if _, err := fs.Stat(module, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func readFile(name string, text []byte) (sourceFile, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return sourceFile{}, err
	}
	f := sourceFile{
		path: name, name: parsed.Name.Name,
		lines: bytes.Count(text, []byte("\n")), generated: ast.IsGenerated(parsed),
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return f, err
		}
		f.imports = append(f.imports, reference{set.Position(spec.Pos()).Line, imported})
	}
	for _, declaration := range parsed.Decls {
		if d, ok := declaration.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
			f.inits = append(f.inits, reference{set.Position(d.Pos()).Line, "init"})
		}
	}
	return f, nil
}
