// Package search finds the lines of a log that match a pattern, as grep does and
// about as fast. It works on blocks of whole lines in memory; reading files is the
// caller's business.
//
// # Lines
//
// A line ends before its newline and before any carriage returns in front of that.
// A pattern sees one line at a time: a match never spans lines, ^ and \A are the
// start of the line, $ and \z its end, and the empty pattern matches each line. The
// last line of a block may lack its newline. NUL is a byte like others.
//
// # Patterns
//
// Patterns have RE2's syntax (package regexp), and mean what they mean there: a byte
// that is not UTF-8 is one character, U+FFFD; ignoring case, k is also U+212A and
// s is also U+017F; \b and \w know the letters of ASCII only.
//
// # How it is fast
//
// From the pattern come literals of which each match contains at least one. Where
// they say it all, as in level=(error|fatal) or \b50[0-9]\b, nothing else is looked
// at. Otherwise a line that has one is run through a deterministic automaton that
// Compile made, or where that would be too large, through package regexp. Without
// usable literals each line goes there. [Pattern.Cost] says which it is.
//
// A single literal, or several that share two bytes, are looked for by those bytes
// and a third one, the rarest in logs, in eight places at once in an ordinary
// register. Others are looked for by two bytes of each, in a table of all pairs.
package search
