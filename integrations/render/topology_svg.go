package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Sizes in the picture, in pixels.
const (
	svgName   = 9.2 // a column of a name, in the widest of usual fonts
	svgMore   = 7.0 // of what stands below it
	svgLine   = 18.0
	svgPad    = 12.0
	svgGapX   = 70.0
	svgGapY   = 18.0
	svgMargin = 24.0
	svgLane   = 14.0 // the height of an edge that passes a column
)

// box is where a vertex is drawn.
type box struct{ x, y, width, height float64 }

// topologySVG draws the graph as a picture that needs nothing else, light or
// dark as the reader's page is.
func topologySVG(w io.Writer, t *Topology) error {
	graph := inLayers(t.needs())
	boxes, width, height := t.place(graph)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n", width, height, width, height)
	title := "services and what they depend on"
	if t.Summary != "" {
		title = t.Summary
	}
	fmt.Fprintf(&b, "<title>%s</title>\n%s", escapeXML(Clean(title)), svgStyle)
	for _, bad := range []bool{false, true} { // the way that the failing took is on top
		i := 0
		for from, list := range t.needs() {
			for _, to := range list {
				if t.bad(from, to) == bad {
					t.edge(&b, graph.chains[i], boxes, from, to)
				}
				i++
			}
		}
	}
	for i, s := range t.Services {
		box := boxes[i]
		class := "service " + s.Status
		if s.Suspect {
			class += " suspect"
		}
		fmt.Fprintf(&b, `<g class="%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8"/>`+"\n",
			escapeXML(strings.TrimSpace(class)), escapeXML(Clean(joinNonEmpty(" · ", s.Name, s.Status, s.Detail, s.Owner))), box.x, box.y, box.width, box.height)
		for n, line := range topologyLabel(s) {
			kind := "more"
			if n == 0 {
				kind = "name"
				if sign, _ := topologyMark(s); s.Status != "" {
					line = sign + " " + line
				}
			}
			fmt.Fprintf(&b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, kind, box.x+svgPad, box.y+svgPad+svgLine*(float64(n)+0.72), escapeXML(line))
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

const svgStyle = `<style>
svg { background: #fbfaf7; font: 14px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color-scheme: light dark; }
rect { fill: #ffffff; stroke: #6b6860; stroke-width: 1.2; }
text { fill: #22211e; } .more { fill: #6b6860; font-size: 12px; } .name { font-weight: 600; }
path { fill: none; stroke: #a8a498; stroke-width: 1.4; } path.optional { stroke-dasharray: 5 4; } path.tip { fill: #a8a498; stroke: none; }
path.bad { stroke: #b3261e; stroke-width: 2; } path.tip.bad { fill: #b3261e; }
.failing rect { fill: #fbe3e1; stroke: #b3261e; } .healthy rect { fill: #e2f3e7; stroke: #1f7a3d; } .unknown rect { fill: #fbf0d9; stroke: #8a5a00; }
.suspect rect { stroke-width: 4; }
@media (prefers-color-scheme: dark) {
  svg { background: #171614; } rect { fill: #1f1e1b; stroke: #a09c91; } text { fill: #e9e6de; } .more { fill: #a09c91; }
  path { stroke: #6d695f; } path.tip { fill: #6d695f; } path.bad { stroke: #ff8f85; } path.tip.bad { fill: #ff8f85; }
  .failing rect { fill: #3a1f1c; stroke: #ff8f85; } .healthy rect { fill: #1b2e21; stroke: #7fd79b; } .unknown rect { fill: #332813; stroke: #f0c070; }
}
</style>
`

// bad tells whether both ends of an edge fail: that is the way the failing took.
func (t *Topology) bad(from, to int) bool {
	return t.Services[from].Status == "failing" && t.Services[to].Status == "failing"
}

// edge draws an arrow from what needs to what is needed.
func (t *Topology) edge(b *strings.Builder, c chain, boxes []box, from, to int) {
	var classes []string
	if t.bad(from, to) {
		classes = append(classes, "bad")
	}
	for _, d := range t.Services[from].DependsOn {
		if d.Service == t.Services[to].Name && d.Optional {
			classes = append(classes, "optional")
		}
	}
	start := boxes[c.vertices[0]]
	x, y := start.x+start.width, start.y+start.height/2
	var path strings.Builder
	fmt.Fprintf(&path, "M%.1f %.1f", x, y)
	last := len(c.vertices) - 1
	for i, v := range c.vertices[1:] {
		next := boxes[v]
		endX, endY := next.x, next.y+next.height/2
		if i+1 == last && !c.reversed {
			endX -= 7 // the tip
		}
		middle := (x + endX) / 2
		fmt.Fprintf(&path, " C%.1f %.1f %.1f %.1f %.1f %.1f", middle, y, middle, endY, endX, endY)
		if i+1 < last {
			endX += next.width
			fmt.Fprintf(&path, " L%.1f %.1f", endX, endY)
		}
		x, y = endX, endY
	}
	tip := fmt.Sprintf("M%.1f %.1f l-8 -4.5 v9 z", x+7, y)
	if c.reversed {
		tip = fmt.Sprintf("M%.1f %.1f l8 -4.5 v9 z", start.x+start.width, start.y+start.height/2)
	}
	class := strings.Join(classes, " ")
	fmt.Fprintf(b, `<path class="%s" d="%s"/><path class="%s" d="%s"/>`+"\n", class, path.String(), strings.TrimSpace("tip "+class), tip)
}

// place gives each vertex its box, and the size of the whole.
func (t *Topology) place(graph layered) (boxes []box, wide, high float64) {
	count := graph.real
	for _, column := range graph.columns {
		for _, v := range column {
			count = max(count, v+1)
		}
	}
	boxes = make([]box, count)
	tall := make([]float64, len(graph.columns))
	x := svgMargin
	for i, column := range graph.columns {
		widest := 0.0
		for _, v := range column {
			boxes[v].height = svgLane
			if v < graph.real {
				lines := topologyLabel(t.Services[v])
				boxes[v].height = 2*svgPad + svgLine*float64(len(lines)) - 4
				boxes[v].width = 2*svgPad + svgName*float64(2+width(lines[0])) // with its sign
				for _, line := range lines[1:] {
					boxes[v].width = max(boxes[v].width, 2*svgPad+svgMore*float64(width(line)))
				}
				widest = max(widest, boxes[v].width)
			}
			tall[i] += boxes[v].height + svgGapY
		}
		for _, v := range column {
			boxes[v].x, boxes[v].width = x, widest
		}
		x += widest + svgGapX
		high = max(high, tall[i])
	}
	for i, column := range graph.columns {
		y := svgMargin + (high-tall[i])/2
		for _, v := range column {
			boxes[v].y = y
			y += boxes[v].height + svgGapY
		}
	}
	return boxes, max(x-svgGapX, svgMargin) + svgMargin, high + 2*svgMargin - svgGapY
}

// escapeXML escapes a text for an element or an attribute.
func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}
