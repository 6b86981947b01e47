package backups

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

const maxBackups = 100

// wanted are the backups that the inputs ask for.
func (b Backups) wanted(in StateInput) []Declared {
	if in.Backup == "" {
		return b.declared
	}
	i := slices.IndexFunc(b.declared, func(d Declared) bool { return d.Name == in.Backup })
	if i < 0 {
		return nil
	}
	return b.declared[i : i+1]
}

func (b Backups) plan(in StateInput) []engine.Touch {
	var touches []engine.Touch
	file := func(path, how string) {
		if filepath.IsAbs(path) {
			touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: path, How: how})
		}
	}
	remote := false
	for _, d := range b.wanted(in) {
		file(d.Data, "stat")
		file(d.RestoreTest, "stat")
		for _, c := range d.Copies {
			for _, pattern := range c.Paths {
				file(fixedFolder(pattern), "list, and read of what is below the newest that match "+filepath.Base(pattern))
			}
			if host, port, err := endpoint(c.URL); c.URL != "" && err == nil {
				remote = true
				touches = append(touches, reach.Plan(reach.JoinPort(host, port), "HEAD "+shown(c.URL))...)
			}
		}
	}
	if touches != nil {
		file("/dev", "stat what is below, to tell the disk of a file system")
	}
	if remote {
		touches = append(touches, reach.TLSFiles{}.Plan()...)
	}
	return touches
}

// fixedPart is the folder of a pattern above anything that is not literal.
func fixedPart(pattern string) string {
	for strings.ContainsAny(pattern, `*?[\`) {
		pattern = filepath.Dir(pattern)
	}
	return pattern
}

// look is the run of the check.
func (b Backups) look(ctx context.Context, call *engine.Call, in StateInput) (State, error) {
	o := State{Backups: []Backup{}, Copies: []Copy{}}
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if len(b.declared) == 0 {
		return o, engine.Blind("no backups are declared, so nobody knows what should be there",
			"declare them under backups: in gumshoe.yaml, as in {orders: {paths: /var/backups/orders/*.dump, every: 1d}}", nil)
	}
	declared := b.wanted(in)
	if len(declared) == 0 {
		names := make([]string, len(b.declared))
		for i, d := range b.declared {
			names[i] = d.Name
		}
		return o, fmt.Errorf("no backup %q is declared; declared are %s", reach.Clip(in.Backup, 60), reach.Clip(strings.Join(names, ", "), 200))
	}
	s := &survey{Backups: b, call: call, in: in, deadline: time.Now().Add(reach.InnerTimeout(ctx, in.Timeout)), at: time.Now()}
	if b.now != nil {
		s.at = b.now()
	}
	o.RuleHolds = true
	possible := true
	for i, d := range declared {
		if i == maxBackups {
			call.Unread("backups", fmt.Sprintf("%d backups are declared; these are the first %d", len(declared), maxBackups), "look at the others by name")
			possible = possible && !o.RuleHolds
			break
		}
		var copies []seen
		for _, c := range d.Copies {
			observed, err := s.copy(ctx, d, c, fmt.Sprintf("copies[%d].", len(o.Copies)))
			if err != nil {
				return o, err
			}
			o.Copies = append(o.Copies, observed.Copy)
			copies = append(copies, observed)
		}
		compare(copies)
		for i, c := range copies {
			o.Copies[len(o.Copies)-len(copies)+i].Behind = c.Behind
		}
		backup, may := s.sum(d, copies, fmt.Sprintf("backups[%d].", i))
		o.RuleHolds, possible = o.RuleHolds && backup.RuleHolds, possible && may
		o.Backups = append(o.Backups, backup)
	}
	if possible && !o.RuleHolds {
		call.Unread("rule_holds", "not all that the rule is about could be seen", "")
	}
	return o, ctx.Err()
}

// survey is one look at all backups.
type survey struct {
	Backups

	call     *engine.Call
	in       StateInput
	deadline time.Time
	at       time.Time // what ages are counted from
}

// seen is a copy with what is known and not known of it.
type seen struct {
	Copy

	unread bool // whether it is good could not be told
	hidden bool // whether it is immutable could not be told
	dated  bool // its age is known
	disk   string
}

// copy looks at one copy.
func (s *survey) copy(ctx context.Context, d Declared, c DeclaredCopy, path string) (seen, error) {
	o := seen{Copy: Copy{
		Backup: d.Name, Medium: c.Medium, Offsite: c.Offsite, DeclaredImmutable: c.Immutable,
		Format: d.Format, Checksum: "none", Verified: "unverified", ImmutableBy: "none",
	}}
	var err error
	if c.URL != "" {
		err = s.remote(ctx, d, c, &o, path)
	} else {
		err = s.local(ctx, d, c, &o, path)
	}
	o.Good = o.Outcome == reach.OK && !o.Overdue && !o.unread
	if o.unread {
		s.call.Unread(path+"good", "it could not be read", "")
	}
	return o, err
}

// unreadFields marks fields of a copy for a reason.
func (s *survey) unreadFields(path, reason, fix string, fields ...string) {
	for _, field := range fields {
		s.call.Unread(path+field, reason, fix)
	}
}

// endpoint is where a URL leads.
func endpoint(text string) (host string, port int, _ error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", 0, err
	}
	return reach.Endpoint(u)
}

// shown is a URL without what may be secret: its user, and its query, which signs.
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL"
	}
	return reach.Printable((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
