package render_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gumshoe/engine"
	"gumshoe/integrations/render"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file of testdata, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestReports(t *testing.T) {
	options := render.Options{Exit: 1, Footer: true, Kept: true}
	for _, name := range slices.Sorted(maps.Keys(reports())) {
		r := reports()[name]
		for ext, write := range map[string]func(io.Writer) error{
			"txt":      func(w io.Writer) error { return render.Text(w, r, options) },
			"explain":  func(w io.Writer) error { return render.Explain(w, r, options) },
			"md":       func(w io.Writer) error { return render.Markdown(w, r) },
			"html":     func(w io.Writer) error { return render.HTML(w, r) },
			"xml":      func(w io.Writer) error { return render.JUnit(w, r) },
			"json":     func(w io.Writer) error { return render.JSON(w, r) },
			"ansi.txt": func(w io.Writer) error { return render.Text(w, r, render.Options{Color: true}) },
		} {
			t.Run(name+"/"+ext, func(t *testing.T) {
				var out bytes.Buffer
				if err := write(&out); err != nil {
					t.Fatal(err)
				}
				if ext == "ansi.txt" {
					if plain := ansi(out.String()); name == "hostile" && strings.Contains(plain, "\x1b") {
						t.Errorf("an escape sequence of the host got through: %q", plain)
					}
					return
				}
				harmless(t, out.String())
				golden(t, name+"."+ext, out.Bytes())
			})
		}
	}
}

// ansi takes away the colours that we write ourselves.
func ansi(text string) string {
	for _, code := range []string{"0", "1", "2", "31", "32", "35", "36", "1;31", "1;32", "1;35"} {
		text = strings.ReplaceAll(text, "\x1b["+code+"m", "")
	}
	return text
}

// harmless checks that nothing in a text acts on a terminal.
func harmless(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%U at %d: %q", r, i, text[max(0, i-20):min(len(text), i+20)])
		}
	}
}

func TestTextFits(t *testing.T) {
	for _, width := range []int{60, 80, 110} {
		for name, r := range reports() {
			kept := map[string]bool{} // the paths of files
			for _, s := range r.Steps {
				for _, a := range s.Attachments {
					kept[a.Path] = true
				}
			}
			var out bytes.Buffer
			if err := render.Text(&out, r, render.Options{Width: width, Footer: true, Kept: true}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimRight(line, "\n")
				whole := strings.HasPrefix(line, "report ") || kept[strings.TrimSpace(line)] // to be copied
				if n := len([]rune(line)); n > width && !whole {
					t.Errorf("%s: %d columns of %d: %q", name, n, width, line)
				}
				if line != strings.TrimRight(line, " ") {
					t.Errorf("%s: blanks at the end of %q", name, line)
				}
			}
		}
	}
}

// The points that are printed for a confirmed cause add up to its own points.
func TestPointsAddUp(t *testing.T) {
	for name, r := range reports() {
		for _, h := range r.Hypotheses {
			if h.Verdict != engine.VerdictConfirmed {
				continue
			}
			sum := 0.0
			for _, e := range h.Evidence {
				sum += e.Points
			}
			if sum != h.Points {
				t.Errorf("%s: %s: the hand-made evidence is %v, its points %v", name, h.ID, sum, h.Points)
			}
		}
	}
}

// A report that was read back is written the same. (What is not UTF-8 is lost the
// first time.)
func TestJSONReadsBack(t *testing.T) {
	for name, r := range reports() {
		var written [3]bytes.Buffer
		for i := range written {
			if err := render.JSON(&written[i], r); err != nil {
				t.Fatal(err)
			}
			r = new(engine.Report)
			if err := json.Unmarshal(written[i].Bytes(), r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !bytes.Equal(written[1].Bytes(), written[2].Bytes()) {
			t.Errorf("%s changes when it is read back", name)
		}
	}
}

func TestXMLReadsBack(t *testing.T) {
	for name, r := range reports() {
		var out bytes.Buffer
		if err := render.JUnit(&out, r); err != nil {
			t.Fatal(err)
		}
		var any struct{}
		if err := xml.Unmarshal(out.Bytes(), &any); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a host says can neither run nor load anything in the page.
func TestHTMLIsInert(t *testing.T) {
	for name, r := range reports() {
		var out bytes.Buffer
		if err := render.HTML(&out, r); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script", "src=", "href=", "url(", "onerror", "@import"} {
			if strings.Contains(out.String(), bad) {
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
	}
}

func TestQuantity(t *testing.T) {
	for _, test := range []struct {
		path string
		n    float64
		want string
	}{
		{"free_bytes", 77.8 * (1 << 30), "77.8 GiB"},
		{"free_bytes", 0, "0 B"},
		{"free_bytes", 1023, "1023 B"},
		{"free_bytes", 1024, "1 KiB"},
		{"free_bytes", -1536, "−1.5 KiB"},
		{"swap_in_bytes_per_second", 4 << 20, "4 MiB/s"},
		{"requests_per_second", 12.345678901234, "12.35 /s"},
		{"mounts[2].used_percent", 89.97, "89.97 %"},
		{"used_percent", 0.0036, "< 0.01 %"},
		{"used_percent", 0.1 + 0.2, "0.3 %"},
		{"connect_seconds", 0.0004, "400 µs"},
		{"connect_seconds", 0.0123, "12.3 ms"},
		{"p95_seconds", 1.9, "1.9 s"},
		{"uptime_seconds", 200, "3 min 20 s"},
		{"uptime_seconds", 3600 * 5, "5 h"},
		{"uptime_seconds", 86400 * 30, "30 d"},
		{"uptime_seconds", 0, "0 s"},
		{"load1", 0.30000000000000004, "0.3"},
		{"pid", 10234, "10234"},
		{"port", 8080, "8080"},
	} {
		if got := render.Quantity(test.path, test.n); got != test.want {
			t.Errorf("%s %v: got %q, want %q", test.path, test.n, got, test.want)
		}
	}
}

func TestClean(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain – ünïcode ✓ 日本", "plain – ünïcode ✓ 日本"},
		{"a\x1b[31mb", `a\x1b[31mb`},
		{"a\rb\nc\td", `a\rb\nc d`},
		{"\xff\x00", `\xff\x00`},
		{"\u202e\u009b\u2028", `\u202e\u009b\u2028`},
	} {
		if got := render.Clean(test.in); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

// Whatever a host says, no format lets it act.
func FuzzReport(f *testing.F) {
	f.Add(evil)
	f.Add("{{.}} ${x} `a` \\| <b> &lt; \u2066 \U000e0001")
	f.Fuzz(func(t *testing.T, text string) {
		r := hostile()
		r.Title, r.Headline, r.Runbook, r.Steps[0].Summary, r.Hypotheses[0].Next = text, text, text, text, text
		r.Hypotheses[0].Evidence[0].Shown = text
		for _, format := range render.ReportFormats() {
			var out bytes.Buffer
			if err := render.Report(&out, format, r, render.Options{}); err != nil {
				t.Fatal(err)
			}
			harmless(t, out.String())
			switch format {
			case render.FormatJSON:
				if !json.Valid(out.Bytes()) {
					t.Error("not JSON")
				}
			case render.FormatJUnit:
				var suites struct{}
				if err := xml.Unmarshal(out.Bytes(), &suites); err != nil {
					t.Error(err)
				}
			case render.FormatHTML:
				if strings.Contains(out.String(), "<script") {
					t.Error("a tag got through")
				}
			case render.FormatText, render.FormatMarkdown, render.FormatDOT, render.FormatSVG:
			}
		}
		if cleaned := render.Clean(text); render.Clean(cleaned) != cleaned {
			t.Errorf("%q is not clean", cleaned)
		}
	})
}
