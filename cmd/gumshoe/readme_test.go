package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// session is the README's session: what stands between the marker and the end
// of the code block after it.
var session = regexp.MustCompile("(?s)(<!-- session:[^\n]*-->\n```\n)(.*?)(```\n)")

// The session that the README shows is what the program prints of a recorded
// case. With -update it is written again.
func TestREADMESession(t *testing.T) {
	const path = "../../README.md"
	var out, complaints bytes.Buffer
	args := []string{"test", "--verbose", "../../runbooks/cases/host-sick/deleted-but-open.yaml"}
	if status := run(t.Context(), args, strings.NewReader(""), &out, &complaints); status != exitHealthy {
		t.Fatalf("exit status %d: %s", status, complaints.String())
	}
	report, _, found := strings.Cut(out.String(), "\n\nhost-sick\n")
	if !found {
		t.Fatalf("no results after the report: %s", out.String())
	}
	want := "$ gumshoe run host-sick\n" + report + "\n"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block := session.FindSubmatch(readme)
	if block == nil {
		t.Fatal("README.md has no session")
	}
	if *updateScripts {
		updated := session.ReplaceAllLiteral(readme, []byte(string(block[1])+want+string(block[3])))
		if err := os.WriteFile(path, updated, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := string(block[2]); got != want {
		t.Errorf("README.md shows\n%s\nthe program prints\n%s", got, want)
	}
}

// Every YAML block of the README that is a runbook loads without a fault.
func TestREADMERunbook(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(runbook: ([a-z-]+).*?)```\n").FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("README.md shows no runbook")
	}
	for _, block := range blocks {
		path := t.TempDir() + "/" + string(block[2]) + ".yaml"
		if err := os.WriteFile(path, block[1], 0o600); err != nil {
			t.Fatal(err)
		}
		var out, complaints bytes.Buffer
		if status := run(t.Context(), []string{"lint", path}, strings.NewReader(""), &out, &complaints); status != exitHealthy || strings.Contains(out.String(), "warning") {
			t.Errorf("exit status %d: %s%s", status, out.String(), complaints.String())
		}
	}
}

// TestConfigurationPage: every gumshoe.yaml that the documentation shows can be
// used.
func TestConfigurationPage(t *testing.T) {
	for _, page := range []string{"../../docs/configuration.md", "../../README.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
			if !bytes.Contains(block[1], []byte("\nallow:")) {
				continue
			}
			shown++
			path := filepath.Join(t.TempDir(), "gumshoe.yaml")
			if err := os.WriteFile(path, block[1], 0o600); err != nil {
				t.Fatal(err)
			}
			a := &app{configFile: path}
			if _, err := a.registry(); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			if len(a.services) == 0 {
				t.Errorf("%s shows no services", page)
			}
		}
		if shown != 1 {
			t.Errorf("%s shows %d configurations, want 1", page, shown)
		}
	}
}
