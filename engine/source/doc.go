// Package source reads the files that people write (runbooks, cases,
// gumshoe.yaml) as trees in which every key and value knows its place, so that
// whatever is wrong with them is told as file:line:column, all of it at once,
// with the likely fix.
//
// It is the only package that imports a YAML library. It knows nothing of what
// the files mean; that is for the packages that decode the trees.
package source
