package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	_ "embed"

	"github.com/spf13/cobra"

	"gumshoe/engine/source"
	"gumshoe/integrations/render"
)

//go:embed starter.yaml.tmpl
var starterText string

func (a *app) newCommand() *cobra.Command {
	var rules, alert string
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Start a runbook: write NAME.yaml",
		Long:    "Writes NAME.yaml, a runbook to be made your own; it never overwrites. With\n--from-alert it answers an alert of a Prometheus rules file.",
		Example: "  gumshoe new web-slow --from-alert rules.yml --alert HighRequestLatency",
		Args:    exactly("the name of the runbook", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if alert != "" && rules == "" {
				return errors.New("--alert names an alert of a rules file; give the file with --from-alert RULES.yml")
			}
			return a.newRunbook(args[0], rules, alert)
		},
	}
	cmd.Flags().StringVar(&rules, "from-alert", "", "a Prometheus rules `FILE` with the alert to answer")
	cmd.Flags().StringVar(&alert, "alert", "", "which `ALERT` of that file, when it has several")
	return cmd
}

func (a *app) newRunbook(name, rules, alert string) error {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
	dir, base := filepath.Split(name)
	if !runbookName.MatchString(base) {
		hint := ""
		if kebab := strings.Trim(notKebab.ReplaceAllString(strings.ToLower(base), "-"), "-"); runbookName.MatchString(kebab) {
			hint = fmt.Sprintf("; did you mean %q?", kebab)
		}
		return fmt.Errorf("%q is not a runbook's name: lower-case words joined by hyphens, such as web-slow%s", base, hint)
	}
	s := starter{Name: base, Title: strconv.Quote(strings.ToUpper(base[:1]) + strings.ReplaceAll(base[1:], "-", " "))}
	if rules != "" {
		if err := s.answer(rules, alert); err != nil {
			return err
		}
	}
	text, err := s.write()
	if err != nil {
		return failWith(exitInternal, err)
	}
	file := filepath.Join(dir, base+".yaml")
	if err := writeNew(file, text); err != nil {
		return err
	}
	return a.print(func(w io.Writer) error {
		fmt.Fprintf(w, "%s is written. Make it yours, then:\n", render.Clean(file))
		path := file
		if !strings.Contains(path, "/") {
			path = "./" + path
		}
		fmt.Fprintf(w, "  gumshoe lint %s\n  gumshoe run %s\n", render.Clean(path), render.Clean(path))
		return nil
	})
}

var (
	runbookName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	notKebab    = regexp.MustCompile(`[^a-z0-9]+`)
)

// starter is what a new runbook is made of. Its texts are ready to stand in YAML.
type starter struct {
	Name, Title string
	About       string
	Owner       string
	Comments    []string
	Trigger     string // the condition over the alert; "" without one
	On          string
}

func (s *starter) write() ([]byte, error) {
	t, err := template.New("starter").Parse(starterText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// alertRule is an alerting rule of Prometheus.
type alertRule struct {
	name, expr, duration string
	labels, annotations  map[string]string
}

// answer makes the runbook that of an alert.
func (s *starter) answer(file, name string) error {
	all, err := readRules(file)
	if err != nil {
		return err
	}
	var names []string
	var chosen []alertRule
	for _, r := range all {
		if !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
		if name == "" || r.name == name {
			chosen = append(chosen, r)
		}
	}
	switch {
	case len(all) == 0:
		return fmt.Errorf("%s has no alerting rules (groups: [{rules: [{alert: …}]}])", file)
	case len(chosen) == 0:
		return fmt.Errorf("%s has no alert %q%s (it has: %s)", file, name, source.DidYouMean(name, names), someOf(names))
	case name == "" && len(names) > 1:
		return fmt.Errorf("%s has %d alerts; choose one with --alert: %s", file, len(names), someOf(names))
	}
	s.fill(chosen[0], filepath.Base(file), len(chosen) > 1)
	return nil
}

// someOf lists names, not too many.
func someOf(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// fill takes from a rule what a runbook can use.
func (s *starter) fill(r alertRule, file string, several bool) {
	s.Trigger = "alert.labels.alertname == " + strconv.Quote(r.name)
	if severity := r.labels["severity"]; several && literal(severity) {
		// The same alert stands in the file more than once: this is one of them.
		s.Trigger += " and alert.labels.severity == " + strconv.Quote(severity)
	}
	s.Trigger = strconv.Quote(s.Trigger)
	title := words(r.name)
	if summary := plainSummary(r.annotations["summary"]); summary != "" {
		title = summary
	}
	s.Title = yamlText(title)
	if about := plainSummary(r.annotations["description"]); about != "" && !strings.Contains(r.annotations["description"], "{{") {
		s.About = yamlText(about)
	}
	for _, key := range []string{"team", "owner"} {
		if owner := r.labels[key]; literal(owner) {
			s.Owner = yamlText(owner)
		}
	}
	for _, text := range r.annotations {
		if strings.Contains(text, "$labels.instance") || strings.Contains(text, ".Labels.instance") {
			s.On = `"${alert.labels.instance}"`
		}
	}
	s.Comments = append(s.Comments, "It answers the alert "+r.name+" of "+file+":")
	for line := range strings.Lines(strings.TrimSpace(r.expr)) {
		s.Comments = append(s.Comments, "  "+strings.TrimRight(line, "\r\n"))
	}
	if r.duration != "" {
		s.Comments = append(s.Comments, "which has held for "+r.duration+" when it fires: the trouble began that much earlier.")
	}
	if url := r.annotations["runbook_url"]; url != "" {
		s.Comments = append(s.Comments, "What people did so far: "+url)
	}
	for i, c := range s.Comments {
		s.Comments[i] = render.Clean(c)
	}
}

// literal tells whether a label has a value that is not made when it fires.
func literal(label string) bool { return label != "" && !strings.Contains(label, "{{") }

var (
	goTemplate = regexp.MustCompile(`{{[^}]*}}`)
	// What is left of a phrase around something that is filled in: "(instance …)",
	// "on …", "for host …".
	inBrackets = regexp.MustCompile(`\s*[(\[][^()\[\]]*…[^()\[\]]*[)\]]`)
	withWord   = regexp.MustCompile(`(?i)\s*\b(?:on|of|at|for|from|in|to|by|is)\s+(?:(?:instance|host|node)\s+)?["':]*…["']*`)
	alone      = regexp.MustCompile(`["':]*…["']*`)
	// A gap that is part of a word or a number: "…s", "…%".
	glued = regexp.MustCompile(`[\pL\pN%]…|…[\pL\pN%]`)
	camel = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
)

// plainSummary makes a title of an annotation: without what Prometheus fills in
// when the alert fires, which a runbook cannot know. It is "" when nothing that
// reads well is left.
func plainSummary(text string) string {
	text = goTemplate.ReplaceAllString(strings.Join(strings.Fields(text), " "), "…")
	if glued.MatchString(text) {
		return ""
	}
	for _, gap := range []*regexp.Regexp{inBrackets, withWord, alone} {
		text = gap.ReplaceAllString(text, "")
	}
	return strings.Trim(strings.Join(strings.Fields(text), " "), " .,:;-–")
}

// words writes an alert's name as a title: HighRequestLatency as High request
// latency.
func words(name string) string {
	parts := strings.Fields(strings.NewReplacer("_", " ", "-", " ").Replace(camel.ReplaceAllString(name, "$1$3 $2$4")))
	for i, part := range parts {
		if i > 0 && part != strings.ToUpper(part) {
			parts[i] = strings.ToLower(part)
		}
	}
	return strings.Join(parts, " ")
}

// yamlText is a text as YAML that holds nothing else: in double quotes, which
// read as Go's do, and with ${ kept from being filled in.
func yamlText(text string) string {
	return strconv.Quote(strings.ReplaceAll(text, "${", "$${"))
}

// readRules reads the alerting rules of a Prometheus rules file. It reads what it
// knows and leaves the rest: Prometheus checks its own files.
func readRules(file string) ([]alertRule, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("--from-alert: %w", err)
	}
	var faults source.Faults
	root, ok := source.ReadFile(file, &faults)
	if err := faultsError(faults, "the rules file cannot be read; nothing was written"); err != nil {
		return nil, err
	}
	var rules []alertRule
	if !ok {
		return nil, nil
	}
	for _, group := range root.Field("groups").Items() {
		for _, rule := range group.Field("rules").Items() {
			if rule.Field("alert").Text().Value == "" {
				continue // a recording rule
			}
			rules = append(rules, alertRule{
				name: rule.Field("alert").Text().Value, expr: rule.Field("expr").Text().Value,
				duration: rule.Field("for").Text().Value,
				labels:   texts(rule.Field("labels")), annotations: texts(rule.Field("annotations")),
			})
		}
	}
	return rules, nil
}

func texts(n source.Node) map[string]string {
	m := make(map[string]string)
	for _, f := range n.Fields() {
		m[f.Key.Value] = f.Value.Text().Value
	}
	return m
}
