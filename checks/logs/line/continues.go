package line

import (
	"bytes"
	"strings"
)

// follows says whether a line looks like a part of the message before it, in any
// format: it is empty, begins with white space or a closing bracket, or is a line of
// a stack trace of Java, Python, Go, PHP or Node.
func follows(line []byte) bool {
	if len(line) == 0 {
		return true
	}
	switch c := line[0]; {
	case isSpace(c), c == '}', c == ']', c == ')':
		return true
	case c == '.':
		return bytes.HasPrefix(line, []byte("..."))
	case c == '#': // PHP's "#0 /app/index.php(12): main()", and rsyslog's tab
		return bytes.HasPrefix(line, []byte("#011")) || len(line) > 2 && isDigit(line[1]) && (line[2] == ' ' || isDigit(line[2]))
	case isLetter(c), c == '[':
		return beginsTrace(line) || isException(line) || isCall(line)
	}
	return false
}

// beginsTrace knows the fixed beginnings.
func beginsTrace(line []byte) bool {
	var rest []byte
	switch line[0] {
	case 'C':
		rest = []byte("Caused by:")
	case 'S':
		rest = []byte("Suppressed:")
		if bytes.HasPrefix(line, []byte("Stack trace:")) {
			return true
		}
	case 'T':
		rest = []byte("Traceback (")
		if bytes.HasPrefix(line, []byte("The above exception was")) {
			return true
		}
	case 'D':
		rest = []byte("During handling of the above")
	case '[':
		rest = []byte("[signal SIG")
	case 'c':
		rest = []byte("created by ")
	case 'g':
		return bytes.HasPrefix(line, []byte("goroutine ")) && bytes.HasSuffix(bytes.TrimRight(line, " \r\n"), []byte("]:"))
	default:
		return false
	}
	return bytes.HasPrefix(line, rest)
}

// isException knows java.lang.IllegalStateException: text, at the start of a line.
func isException(line []byte) bool {
	dots, end := 0, 0
	for ; end < len(line); end++ {
		c := line[end]
		if c == '.' {
			dots++
		} else if !isLetter(c) && !isDigit(c) && c != '_' && c != '$' {
			break
		}
	}
	if dots == 0 || end < len(line) && line[end] != ':' && !isSpace(line[end]) {
		return false
	}
	for _, suffix := range []string{"Exception", "Error", "Throwable"} {
		if bytes.HasSuffix(line[:end], []byte(suffix)) {
			return true
		}
	}
	return false
}

// isCall knows a line of a goroutine's trace: main.(*server).handle(0xc000010000).
func isCall(line []byte) bool {
	line = bytes.TrimRight(line, " \r\n")
	if len(line) < 4 || line[len(line)-1] != ')' || bytes.IndexByte(line, '.') < 0 {
		return false
	}
	open := bytes.LastIndexByte(line, '(')
	if open < 0 || open == len(line)-2 && line[0] == '[' {
		return false
	}
	for _, c := range line[:open] {
		if !isLetter(c) && !isDigit(c) && strings.IndexByte("_./*()-[]", c) < 0 {
			return false
		}
	}
	for _, c := range line[open+1 : len(line)-1] {
		if !isLetter(c) && !isDigit(c) && strings.IndexByte(" ,.{}?_", c) < 0 {
			return false
		}
	}
	return true
}
