// Package logs reads what programs write about themselves: how much of what, by which
// level, template and field, and what of it is new or has grown since before the
// trouble began.
//
// A question is compiled, each goroutine reads blocks of lines into a reading of its
// own, and what they read is merged and concluded from. How lines are built is known
// to package line, when they were written to package stamp, how they are searched to
// package search, what they have in common to package template, and how they are
// counted to package tally.
package logs
