package changes

import (
	"strings"
	"time"
)

// parsePacman takes a line of pacman.log, whose times had no seconds and no zone
// before 2020:
//
//	[2026-01-31T14:36:20+0100] [PACMAN] Running 'pacman -Syu'
//	[2026-01-31T14:36:24+0100] [ALPM] transaction started
//	[2026-01-31T14:36:25+0100] [ALPM] upgraded linux (6.6.9.arch1-1 -> 6.6.10.arch1-1)
//	[2026-01-31T14:36:26+0100] [ALPM] installed jq (1.7.1-1)
//	[2026-01-31T14:36:28+0100] [ALPM] transaction completed
func parsePacman(b *ledger, line string) {
	rest, ok := strings.CutPrefix(line, "[")
	if !ok {
		return
	}
	digits, rest, ok := strings.Cut(rest, "] [")
	if !ok {
		return
	}
	who, message, ok := strings.Cut(rest, "] ")
	if !ok || (who != "ALPM" && who != "PACMAN") {
		return
	}
	t, err := time.Parse("2006-01-02T15:04:05-0700", digits)
	if err != nil {
		if t, err = time.ParseInLocation("2006-01-02 15:04", digits, b.zone); err != nil {
			return
		}
	}
	if command, ok := strings.CutPrefix(message, "Running "); ok && who == "PACMAN" {
		b.begin(t, strings.Trim(command, "'"), "")
		return
	}
	verb, rest, _ := strings.Cut(message, " ")
	switch {
	case message == "transaction started" && b.open == nil:
		b.begin(t, "", "")
	case message == "transaction completed":
		b.open = nil // another transaction without a command is another run
	case message == "transaction failed" && b.open != nil:
		b.open.failed = true
	case who == "ALPM":
		name, versions, _ := strings.Cut(rest, " (")
		from, to, both := strings.Cut(strings.TrimSuffix(versions, ")"), " -> ")
		switch {
		case verb == "upgraded" && both, verb == "downgraded" && both:
			b.entry(t, verb, name, from, to)
		case verb == "installed":
			b.entry(t, verb, name, "", from)
		case verb == "reinstalled":
			b.entry(t, verb, name, from, from)
		case verb == "removed":
			b.entry(t, verb, name, from, "")
		}
	}
}
