// Package engine is Gumshoe's domain: checks and what they observe, runbooks
// with their steps and hypotheses, the loop that runs them, and the report that
// says what was found.
//
// A run goes one way: a Runbook (made by package load) and an Observer go into
// a Runner; the Runner asks package belief which step tells most per second,
// observes it, evaluates the evidence that the observation decides, and goes on
// until a cause is confirmed or nothing is worth its time; out comes a Report.
//
// The package imports no check and no integration. What can be observed comes
// in through a Registry, and where it is observed through an Observer.
package engine
