package load

import (
	"strings"

	"gumshoe/engine/source"
)

// own gives the keys of a runbook that are read only from the file that is run.
// A used file may have them, so that it can be run by itself too.
func own() []string {
	return []string{"title", "about", "patience", "budget", "owner", "escalation", "symptom", "triggers"}
}

// bringIn reads the files that a document uses, and those that they use. A file
// that is reached twice is read once.
func (b *builder) bringIn(d *document) { b.follow(d, nil) }

func (b *builder) follow(d *document, chain []*document) {
	names, ok := d.object.Field("use").Strings(`"use"`, b.faults)
	if !ok {
		b.poisoned.open = b.poisoned.open || !d.object.Field("use").IsZero()
		return
	}
	if !b.within(d.object.Field("use"), len(names), "used files", maxFiles) {
		b.poisoned.open = true
		return
	}
	chain = append(chain, d)
	seen := make(map[string]bool)
	for _, name := range names {
		if seen[name.Value] {
			b.faults.Addf(name.Position, "%q is used twice; leave one out", name.Value)
			continue
		}
		seen[name.Value] = true
		at, ok := b.resolveUse(d, name)
		if !ok {
			b.poisoned.open = true
			continue
		}
		if b.isCycle(chain, at, name) || b.isRead(at) {
			continue
		}
		if len(b.docs) >= maxFiles {
			b.faults.Addf(name.Position, "a runbook is made of at most %d files", maxFiles)
			return
		}
		used := b.readDocument(at, chain)
		if used == nil {
			b.poisoned.open = true
			continue
		}
		for _, key := range own() {
			used.object.Field(key)
		}
		b.follow(used, chain)
		used.object.Done()
	}
}

// resolveUse finds a used file: beside the one that uses it, then where
// runbooks are found by name.
func (b *builder) resolveUse(d *document, name source.Text) (Place, bool) {
	if isPath(name.Value) {
		b.faults.Addf(name.Position, "use: takes the name of a runbook beside this one or in the runbook folders, not the path %q", name.Value)
		return Place{}, false
	}
	at, ok := b.loader.byName(name.Value, d.at.dir())
	if !ok && d.at.stock == nil {
		beside := *b.loader
		beside.Dirs = append([]string{d.at.dir()}, beside.Dirs...)
		b.faults.Addf(name.Position, "there is no runbook %q to use%s", name.Value, beside.elsewhere(name.Value))
	} else if !ok {
		b.faults.Addf(name.Position, "there is no runbook %q to use%s", name.Value, b.loader.elsewhere(name.Value))
	}
	return at, ok
}

// isCycle tells of a file that leads back to itself, naming the chain.
func (b *builder) isCycle(chain []*document, at Place, name source.Text) bool {
	for i, d := range chain {
		if !d.at.same(at) {
			continue
		}
		var names []string
		for _, link := range chain[i:] {
			names = append(names, link.at.Name)
		}
		names = append(names, at.Name)
		b.faults.Addf(name.Position, "use: goes in a circle: %s; take one link out", strings.Join(names, " → "))
		return true
	}
	return false
}

func (b *builder) isRead(at Place) bool {
	for _, d := range b.docs {
		if d.at.same(at) {
			return true
		}
	}
	return false
}
