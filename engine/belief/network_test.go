package belief

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"gumshoe/engine/kleene"
)

// diagnosis is a runbook that an author might write about a network made by
// somebody else. Its causes are nodes without parents that are rarely in any but
// their usual state; every other node is a step with one finding, which is true
// when the node is not in its usual state. One cause in seven is held out: it
// happens, and the runbook does not list it.
type diagnosis struct {
	net    *network
	usual  []int       // by node: its most frequent value
	causes []int       // nodes; the listed ones first
	listed int         // how many of them are listed
	weight []float64   // by cause: how often it is not as usual
	steps  []int       // nodes
	shows  [][]float64 // by cause and step: how often the finding is then true
	base   []float64   // by step: the same over all incidents
}

const (
	mostCauses = 40
	mostSteps  = 80
	rareCause  = 0.35
)

func newDiagnosis(net *network, r *rand.Rand) (*diagnosis, error) {
	d := &diagnosis{net: net, usual: make([]int, len(net.nodes))}
	samples := min(4000, max(200, 4_000_000/len(net.nodes)))
	counts := make([][]int, len(net.nodes))
	for i, n := range net.nodes {
		counts[i] = make([]int, len(n.values))
	}
	values := make([]int, len(net.nodes))
	for range samples {
		d.sample(r, values, nil)
		for i, v := range values {
			counts[i][v]++
		}
	}
	odd := make([]float64, len(net.nodes))
	depth := make([]int, len(net.nodes))
	for i := range counts {
		for v := range counts[i] {
			if counts[i][v] > counts[i][d.usual[i]] {
				d.usual[i] = v
			}
		}
		odd[i] = 1 - float64(counts[i][d.usual[i]])/float64(samples)
		for _, p := range net.nodes[i].parents {
			depth[i] = max(depth[i], depth[p]+1)
		}
	}
	for level := 0; level < 5 && len(d.causes) < 4; level++ {
		for i, n := range net.nodes {
			if depth[i] == level && len(n.values) > 1 && len(d.causes) < mostCauses && (odd[i] <= rareCause || level > 0) {
				d.causes = append(d.causes, i)
			}
		}
	}
	if len(d.causes) < 2 {
		return nil, fmt.Errorf("%d nodes that can be causes: want 2", len(d.causes))
	}
	for i := range net.nodes {
		if !contains(d.causes, i) && len(net.nodes[i].values) > 1 && len(d.steps) < mostSteps {
			d.steps = append(d.steps, i)
		}
	}
	if len(d.steps) == 0 {
		return nil, fmt.Errorf("nothing but causes")
	}
	r.Shuffle(len(d.causes), func(i, j int) { d.causes[i], d.causes[j] = d.causes[j], d.causes[i] })
	d.weigh(odd, samples)
	d.learn(r)
	// A cause that nothing shows is not one that anybody would list.
	var shown []int
	for c, node := range d.causes {
		for s := range d.steps {
			if d.shows[c][s] >= 0.5 && d.base[s] < 0.3 {
				shown = append(shown, node)
				break
			}
		}
	}
	if len(shown) >= 2 {
		d.causes = shown
		d.weigh(odd, samples)
		d.learn(r)
	}
	d.listed = len(d.causes) - len(d.causes)/7
	return d, nil
}

// weigh makes the rarest cause at most 25 times rarer than the most frequent.
func (d *diagnosis) weigh(odd []float64, samples int) {
	d.weight = nil
	most := 0.5 / float64(samples)
	for _, c := range d.causes {
		most = max(most, odd[c])
	}
	for _, c := range d.causes {
		d.weight = append(d.weight, max(odd[c], most/25))
	}
}

// learn estimates how often each finding is true under each cause alone.
func (d *diagnosis) learn(r *rand.Rand) {
	samples := min(400, max(40, 12_000_000/(len(d.net.nodes)*len(d.causes))))
	values := make([]int, len(d.net.nodes))
	d.shows = make([][]float64, len(d.causes))
	d.base = make([]float64, len(d.steps))
	sum := 0.0
	for c := range d.causes {
		d.shows[c] = make([]float64, len(d.steps))
		for range samples {
			d.sample(r, values, []int{c})
			for s, node := range d.steps {
				d.shows[c][s] += float64(count(values[node] != d.usual[node]))
			}
		}
		sum += d.weight[c]
		for s := range d.steps {
			d.shows[c][s] = (d.shows[c][s] + 0.5) / float64(samples+1)
			d.base[s] += d.weight[c] * d.shows[c][s]
		}
	}
	for s := range d.base {
		d.base[s] /= sum
	}
}

// sample draws every node. With causes, these are out of their usual state and
// the other causes in it; with nil, the network is left alone.
func (d *diagnosis) sample(r *rand.Rand, values []int, causes []int) {
	forced := map[int]bool{}
	if causes != nil {
		for i, node := range d.causes {
			forced[node] = contains(causes, i)
		}
	}
	for i, n := range d.net.nodes {
		row := 0
		for _, p := range n.parents {
			row = row*len(d.net.nodes[p].values) + values[p]
		}
		cells := n.table[row*len(n.values) : (row+1)*len(n.values)]
		skip := -1
		if odd, ok := forced[i]; ok {
			if !odd {
				values[i] = d.usual[i]
				continue
			}
			skip = d.usual[i]
		}
		total := 1.0
		if skip >= 0 {
			total -= cells[skip]
		}
		at := r.Float64() * total
		values[i] = -1
		for v, x := range cells {
			if v == skip {
				continue
			}
			if at -= x; at < 0 || values[i] < 0 && x > 0 {
				values[i] = v
			}
			if at < 0 {
				break
			}
		}
		if values[i] < 0 { // impossible here: any value but the usual one
			values[i] = (max(skip, 0) + 1) % len(n.values)
		}
	}
}

// author writes the runbook.
func (d *diagnosis) author(r *rand.Rand) *Model {
	spec := Spec{Hypotheses: make([]Hypothesis, d.listed), Symptom: true}
	total := 0.0
	for _, x := range d.weight {
		total += x
	}
	for s := range d.steps {
		spec.Steps = append(spec.Steps, Step{Cost: logUniform(r, 0.05, 30)})
		finding := Finding{Reads: []int{s}}
		for h := range d.listed {
			p := d.shows[h][s]
			rest := (d.base[s]*total - d.weight[h]*p) / max(total-d.weight[h], 1e-9)
			rest = min(max(rest, 0.001), 0.999)
			absent := (1 - p) / (1 - rest) * off(r)
			if citation, cited := worded(h, p/rest*off(r), absent); cited {
				// Much of what networks show is there in a minority of cases.
				citation.ElseNone = 10*math.Log10(absent) > absentPoints/2
				finding.Citations = append(finding.Citations, citation)
			} else if p/rest < 0.18 {
				finding.Citations = append(finding.Citations, Citation{Hypothesis: h, Word: Against})
			}
		}
		spec.Findings = append(spec.Findings, finding)
	}
	m, err := Compile(spec)
	if err != nil {
		panic(err)
	}
	return m
}

// happen draws an incident that can be seen, or a healthy system.
func (d *diagnosis) happen(r *rand.Rand) *incident {
	i := &incident{
		holds: make([]bool, d.listed), values: make([]kleene.Truth, len(d.steps)), faults: make([]uint8, len(d.steps)),
	}
	var causes []int
	switch {
	case r.IntN(5) == 0:
		i.healthy = true
		causes = []int{}
	case d.listed < len(d.causes) && r.IntN(10) == 0:
		causes = []int{d.listed + r.IntN(len(d.causes)-d.listed)}
	default:
		i.listed = true
		causes = []int{d.draw(r)}
		if other := d.draw(r); r.IntN(5) == 0 && other != causes[0] {
			causes = append(causes, other)
			i.double = true
		}
	}
	values := make([]int, len(d.net.nodes))
	for range 20 {
		d.sample(r, values, causes)
		seen := false
		for s, node := range d.steps {
			i.values[s] = kleene.Of(values[node] != d.usual[node])
			seen = seen || values[node] != d.usual[node]
		}
		if seen || i.healthy {
			break
		}
	}
	for _, c := range causes {
		if c < d.listed {
			i.holds[c] = true
		}
	}
	i.symptom = kleene.Of(!i.healthy)
	for s := range i.faults {
		if r.IntN(20) == 0 {
			i.faults[s] = uint8(1 + r.IntN(2))
		}
	}
	return i
}

func (d *diagnosis) draw(r *rand.Rand) int {
	sum := 0.0
	for _, x := range d.weight[:d.listed] {
		sum += x
	}
	at := r.Float64() * sum
	for c, x := range d.weight[:d.listed] {
		if at -= x; at < 0 {
			return c
		}
	}
	return d.listed - 1
}

// evaluateNetwork lets several authors write about a network, and runs every
// policy on the same incidents.
func evaluateNetwork(net *network, authors, each int, list []policy) ([]tally, string, error) {
	results := make([][]tally, authors)
	shape := make([]string, authors)
	errs := make([]error, authors)
	parallel(authors, func(n int) {
		results[n] = make([]tally, len(list))
		r := rand.New(rand.NewPCG(11, uint64(n)))
		d, err := newDiagnosis(net, r)
		if err != nil {
			errs[n] = err
			return
		}
		shape[n] = fmt.Sprintf("%d causes (+%d held out), %d steps", d.listed, len(d.causes)-d.listed, len(d.steps))
		m := d.author(r)
		for range each {
			i := d.happen(r)
			for p := range list {
				results[n][p].add(i, simulate(m, i, list[p]))
			}
		}
	})
	total := make([]tally, len(list))
	for n := range results {
		if errs[n] != nil {
			return nil, "", errs[n]
		}
		for p := range total {
			total[p].merge(&results[n][p])
		}
	}
	return total, shape[0], nil
}

// TestEvaluationNetworks prints the same figures for networks that others wrote.
// They are not asserted: the networks are open ground. What is asserted is that
// no policy calls many incidents healthy, and that nothing panics.
func TestEvaluationNetworks(t *testing.T) {
	folder := os.Getenv("GUMSHOE_MODELS")
	if folder == "" {
		if fixtures := os.Getenv("GUMSHOE_FIXTURES"); fixtures != "" {
			folder = filepath.Join(fixtures, "models")
		}
	}
	real := os.Getenv("GUMSHOE_TEST_REAL") != ""
	if folder == "" {
		if real {
			t.Fatal("GUMSHOE_TEST_REAL is set, but neither GUMSHOE_MODELS nor GUMSHOE_FIXTURES")
		}
		t.Skip("neither GUMSHOE_MODELS nor GUMSHOE_FIXTURES names a folder of *.bif networks")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.bif"))
	if err != nil || len(files) == 0 {
		if real {
			t.Fatalf("no *.bif in %s (%v)", folder, err)
		}
		t.Skipf("no *.bif in %s", folder)
	}
	sort.Strings(files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			const mostBytes = 32 << 20
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() > mostBytes {
				t.Skipf("%d bytes: more than %d", info.Size(), mostBytes)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			net, err := parseBIF(string(text))
			if err != nil {
				t.Fatal(err)
			}
			authors, each := 60, 20
			if !long() {
				authors, each = 10, 10
			}
			if len(net.nodes) > 300 {
				authors = max(authors/6, 2)
			}
			tallies, shape, err := evaluateNetwork(net, authors, each, policies)
			if err != nil {
				t.Skip(err)
			}
			t.Log("\n" + printed(info.Name()+": "+shape, policies, tallies))
			for p, tally := range tallies {
				if math.IsNaN(tally.brier) || share(tally.incidentAs, tally.incidents) > 2 {
					t.Errorf("%s calls %d of %d incidents healthy although their symptom is seen",
						policies[p].name, tally.incidentAs, tally.incidents)
				}
			}
		})
	}
}

func long() bool {
	return os.Getenv("GUMSHOE_TEST_LONG") != "" || testing.Verbose() && slices.ContainsFunc(os.Args, isEvaluation)
}
