package expression

import (
	"fmt"

	"gumshoe/engine/kleene"
)

// maxSteps bounds one evaluation: about 50 ms. It counts nodes visited,
// elements iterated and, in part, the bytes of strings looked through.
const maxSteps = 500_000

// maxText bounds the strings that an evaluation makes.
const maxText = 1 << 20

// node is a part of a compiled expression. It is immutable.
type node interface {
	eval(e *run) (value, *cause)
}

// run is one evaluation.
type run struct {
	env   *Environment
	label string // the expression, for messages
	steps int
	stack []frame // the predicates under way, the innermost last
	notes []value // what was read, for people
	// partial takes an incomplete list as far as it goes: for names, which are no
	// evidence. In a predicate a list is complete or unknown all the same.
	partial bool
}

type frame struct {
	element value
	unknown *cause // why the element could not be read
	index   int
}

// eval evaluates a part; a cause means that it is unknown.
func (e *run) eval(n node) (value, *cause) {
	if why := e.charge(1); why != nil {
		return value{}, why
	}
	return n.eval(e)
}

// charge counts steps, and is a cause when there have been too many.
func (e *run) charge(steps int) *cause {
	e.steps += steps
	if e.steps <= maxSteps {
		return nil
	}
	return &cause{
		reason: fmt.Sprintf("stopped after %d steps: %s", maxSteps, clip(e.label, 200)),
		fix:    "make the expression or the lists that it goes through smaller",
	}
}

// chargeSort counts what sorting values takes.
func (e *run) chargeSort(values []value) *cause {
	steps := 8 * len(values)
	for _, v := range values {
		if s, ok := v.x.(string); ok {
			steps += len(s) / 8
		}
	}
	return e.charge(steps)
}

// truth evaluates a condition; the cause is not nil when it is Unknown.
func (e *run) truth(n node) (kleene.Truth, *cause) {
	v, why := e.eval(n)
	if why != nil {
		return kleene.Unknown, why
	}
	b, _ := v.x.(bool)
	return kleene.Of(b), nil
}

// list evaluates a part that is a list.
func (e *run) list(n node) (*items, *cause) {
	v, why := e.eval(n)
	if why != nil {
		return nil, why
	}
	l, ok := v.x.(*items)
	if !ok {
		return nil, &cause{reason: "internal: not a list"}
	}
	return l, nil
}

// text evaluates a part that is a string, and charges for looking through it.
func (e *run) text(n node) (string, *cause) {
	v, why := e.eval(n)
	if why != nil {
		return "", why
	}
	s, _ := v.x.(string)
	return s, e.charge(len(s) / 64)
}

// safely runs f, and turns a panic, which would be a bug of ours, into a cause.
func safely(f func() *cause) (why *cause) {
	defer func() {
		if p := recover(); p != nil {
			why = &cause{reason: fmt.Sprintf("internal: %v", p)}
		}
	}()
	return f()
}

type constNode struct{ v value }

func (n *constNode) eval(*run) (value, *cause) { return n.v, nil }

// readNode is a whole chain of fields, noted for people when it is read.
type readNode struct{ chain node }

const maxNotes = 20

func (n *readNode) eval(e *run) (value, *cause) {
	v, why := n.chain.eval(e)
	if why == nil && v.at != nil && len(e.notes) < maxNotes {
		e.notes = append(e.notes, v)
	}
	return v, why
}
