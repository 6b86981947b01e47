package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gumshoe/engine"
)

// Allowed is one command that may be run, exactly as written.
type Allowed struct {
	// Argv is the program and all its arguments.
	Argv []string
	// Risk is what policy says the command can do.
	Risk engine.Risk
}

// policy is the list of allowed commands.
type policy []Allowed

func (p policy) find(argv []string) (Allowed, bool) {
	i := slices.IndexFunc(p, func(a Allowed) bool { return len(argv) > 0 && slices.Equal(a.Argv, argv) })
	if i < 0 {
		return Allowed{}, false
	}
	return p[i], true
}

func (p policy) risk(argv []string) engine.Risk {
	if entry, ok := p.find(argv); ok {
		return entry.Risk
	}
	return engine.Change
}

// locate finds a program's absolute path.
func locate(name string) (string, error) {
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		return "", engine.Refused(fmt.Sprintf("the program %q is named by a relative path", name),
			"name it by its absolute path, or by its name alone")
	}
	program, err := exec.LookPath(name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", engine.Blind(fmt.Sprintf("may not run %s", name), "run gumshoe as a user that may", err)
	case err != nil || !filepath.IsAbs(program):
		return "", engine.Blind(fmt.Sprintf("there is no program %s", name), "install it, or correct PATH", nil)
	}
	return program, nil
}

// searchPath is where programs are looked for, and what they are given as PATH.
func searchPath() string {
	if path := os.Getenv("PATH"); path != "" {
		return path
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// written is argv as gumshoe.yaml has it.
func written(argv []string) string {
	words := make([]string, len(argv))
	for i, word := range argv {
		words[i] = word
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return !strings.ContainsRune("-./_", r) && !isWord(r) }) ||
			!isWord(rune(word[0])) && word[0] != '/' && word[0] != '-' || numeric(word) {
			words[i] = strconv.Quote(word)
		}
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// numeric words need quotes to stay text in YAML.
func numeric(word string) bool {
	_, err := strconv.ParseFloat(word, 64)
	return err == nil || word == "-" || word == "true" || word == "false" || word == "null" || word == "yes" || word == "no"
}
