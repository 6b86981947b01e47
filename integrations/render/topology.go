package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Formats in which a topology can be drawn, beside text and JSON.
const (
	FormatDOT Format = "dot"
	FormatSVG Format = "svg"
)

// Topology is the services that are declared, and what is known of them.
type Topology struct {
	// Probed says that the services were looked at; without that only what is
	// declared is known.
	Probed bool `json:"probed"`
	// Summary says in a line how they are; "" unless Probed.
	Summary string `json:"summary,omitempty"`
	// Services are in the order of the file.
	Services []TopologyService `json:"services"`
	// Suspects are the names of those at which the failing begins, the most urgent
	// first.
	Suspects []string `json:"suspects"`
}

// TopologyService is a service in a Topology.
type TopologyService struct {
	Name     string `json:"name"`
	Owner    string `json:"owner,omitempty"`
	Critical bool   `json:"critical,omitempty"`
	// DependsOn are the services that it needs.
	DependsOn []TopologyDependency `json:"depends_on"`
	// Status is healthy, failing, unknown or not_probed; "" unless it was looked at.
	Status string `json:"status,omitempty"`
	// Suspect says that the failing begins here.
	Suspect bool `json:"suspect,omitempty"`
	// Detail is what was seen, or which check would look.
	Detail string `json:"detail,omitempty"`
	// Affected are the services that fail and that need it.
	Affected []string `json:"affected,omitempty"`
}

// TopologyDependency is a service that another needs.
type TopologyDependency struct {
	Service  string `json:"service"`
	Optional bool   `json:"optional,omitempty"`
}

// TopologyJSON writes the topology as JSON.
func TopologyJSON(w io.Writer, t *Topology) error { return writeJSON(w, t) }

// DrawTopology draws the topology as text, DOT or SVG.
func DrawTopology(w io.Writer, format Format, t *Topology, o Options) error {
	switch format {
	case FormatDOT:
		return topologyDOT(w, t)
	case FormatSVG:
		return topologySVG(w, t)
	case FormatJSON:
		return TopologyJSON(w, t)
	case FormatText, FormatMarkdown, FormatHTML, FormatJUnit:
	}
	return topologyText(w, t, o)
}

// topologyText draws trees, from the services that nothing depends on down.
func topologyText(w io.Writer, t *Topology, o Options) error {
	p := newPage(o)
	tree := topologyTree{page: p, services: make(map[string]TopologyService), seen: make(map[string]bool)}
	needed := make(map[string]bool)
	for _, s := range t.Services {
		tree.services[s.Name] = s
		for _, d := range s.DependsOn {
			needed[d.Service] = true
		}
	}
	if t.Summary != "" {
		p.line(p.in(bold, Clean(t.Summary)))
		for i, name := range t.Suspects {
			tree.suspect(i+1, tree.services[name])
		}
		p.blank()
	}
	for _, s := range t.Services {
		if !needed[s.Name] {
			tree.draw(s.Name, "", "", false)
		}
	}
	for _, s := range t.Services { // what is left needs itself, in a circle
		if !tree.seen[s.Name] {
			tree.draw(s.Name, "", "", false)
		}
	}
	return p.flush(w)
}

type topologyTree struct {
	*page

	services map[string]TopologyService
	seen     map[string]bool
}

// suspect tells of a service at which the failing begins.
func (t *topologyTree) suspect(n int, s TopologyService) {
	text := s.Name
	if s.Owner != "" {
		text += " (" + s.Owner + ")"
	}
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	if len(s.Affected) > 0 {
		text += "; it affects " + shortList(s.Affected, 6)
	}
	label := fmt.Sprintf("  %d ", n)
	t.hangIn(t.in(badly, label), width(label), Clean(text), plain)
}

// shortList names at most so many, and counts the rest.
func shortList(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// draw draws a service with what it needs below it; what has been drawn already
// is only named.
func (t *topologyTree) draw(name, first, rest string, optional bool) {
	s := t.services[name]
	again := t.seen[name]
	t.seen[name] = true
	sign, st := topologyMark(s)
	label := Clean(name)
	var notes []string
	if s.Critical {
		notes = append(notes, "critical")
	}
	if optional {
		notes = append(notes, "optional")
	}
	if s.Owner != "" && !again {
		notes = append(notes, s.Owner)
	}
	if again && len(s.DependsOn) > 0 {
		notes = append(notes, "see above")
	}
	nameStyle := plain
	if s.Suspect {
		nameStyle = badly
	}
	line := first + t.in(st, sign) + " " + t.in(nameStyle, label)
	used := width(first) + width(sign) + 1 + width(label)
	if len(notes) > 0 {
		text := " (" + Clean(strings.Join(notes, ", ")) + ")"
		line += t.in(dim, text)
		used += width(text)
	}
	if s.Detail != "" && !again {
		const column = 34
		gap := max(2, column-used)
		line += strings.Repeat(" ", gap) + t.in(dim, fit(Clean(s.Detail), max(10, t.Width-used-gap)))
	}
	t.line(line)
	if again {
		return
	}
	for i, d := range s.DependsOn {
		branch, below := "├─ ", "│  "
		if i == len(s.DependsOn)-1 {
			branch, below = "└─ ", "   "
		}
		t.draw(d.Service, rest+branch, rest+below, d.Optional)
	}
}

// topologyMark is the sign of a service's state.
func topologyMark(s TopologyService) (sign string, st style) {
	switch {
	case s.Suspect:
		return "✗", badly
	case s.Status == "failing":
		return "✗", red
	case s.Status == "healthy":
		return "✓", green
	case s.Status == "unknown":
		return "?", magenta
	}
	return "·", dim
}

// topologyDOT writes the graph in Graphviz's language.
func topologyDOT(w io.Writer, t *Topology) error {
	var b strings.Builder
	b.WriteString("digraph services {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontname=\"sans-serif\"];\n")
	for _, s := range t.Services {
		attributes := []string{"label=" + dotQuote(strings.Join(topologyLabel(s), "\n"))}
		if _, fill := topologyColours(s); fill != "" {
			attributes = append(attributes, "fillcolor="+dotQuote(fill))
		}
		if s.Suspect {
			attributes = append(attributes, "penwidth=3", `color="#b3261e"`)
		}
		fmt.Fprintf(&b, "  %s [%s];\n", dotQuote(s.Name), strings.Join(attributes, ", "))
	}
	for _, s := range t.Services {
		for _, d := range s.DependsOn {
			style := ""
			if d.Optional {
				style = " [style=dashed]"
			}
			fmt.Fprintf(&b, "  %s -> %s%s;\n", dotQuote(s.Name), dotQuote(d.Service), style)
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// topologyLabel is what stands in a service's box.
func topologyLabel(s TopologyService) []string {
	lines := []string{Clean(s.Name)}
	if (s.Status == "failing" || s.Status == "unknown") && s.Detail != "" {
		lines = append(lines, fit(Clean(s.Detail), 36))
	}
	if s.Owner != "" {
		lines = append(lines, fit(Clean(s.Owner), 36))
	}
	return lines
}

// topologyColours are the line and the ground of a service's box, on a light page.
func topologyColours(s TopologyService) (line, fill string) {
	switch s.Status {
	case "failing":
		return "#b3261e", "#fbe3e1"
	case "healthy":
		return "#1f7a3d", "#e2f3e7"
	case "unknown":
		return "#8a5a00", "#fbf0d9"
	}
	return "#6b6860", ""
}

// dotQuote writes a text as a quoted ID of DOT.
func dotQuote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

// indexes gives the place of each service by its name.
func (t *Topology) indexes() map[string]int {
	index := make(map[string]int, len(t.Services))
	for i, s := range t.Services {
		index[s.Name] = i
	}
	return index
}

// needs gives what each service needs, as places in Services, ascending.
func (t *Topology) needs() [][]int {
	index := t.indexes()
	needs := make([][]int, len(t.Services))
	for i, s := range t.Services {
		for _, d := range s.DependsOn {
			if j, ok := index[d.Service]; ok && j != i {
				needs[i] = append(needs[i], j)
			}
		}
		slices.Sort(needs[i])
		needs[i] = slices.Compact(needs[i])
	}
	return needs
}
