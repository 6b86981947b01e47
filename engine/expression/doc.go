// Package expression compiles the expressions and templates of runbooks
// against the Go types of what they read, and evaluates them in three values:
// a condition over something nobody could observe is unknown, never false.
//
// # The language
//
// The grammar is expr-lang's, of which this package is the only importer. It
// takes the parser and the syntax tree from it and nothing else: the type
// checker and the evaluator are its own, because
//
//   - expr's virtual machine has no value for "unknown": a missing map key reads
//     as zero, 1/0 as +Inf, and with NaN both x > 1 and !(x > 1) come out wrong;
//   - it cannot be interrupted and does not count the bytes of strings, whereas
//     a walk over a tree counts its steps, so that a runaway expression ends;
//   - expr's checker stops at the first fault, speaks of Go's types, accepts a
//     value of type any as a bool, sees methods and pointers, and knows nothing
//     of enums.
//
// What is not in the language is refused at load, by name and with what to
// write instead: let, ;, $env, ?., ??, get, reduce, nil, mappings, methods,
// ranges beyond 1,000 numbers, patterns that are not literals, and whatever
// would read a clock. Functions lists what there is.
//
// # Unknown
//
// Each read is looked up in the Environment, which knows for every root whether
// it was observed and which fields of it were not. An unknown operand makes the
// result unknown, except where Kleene's rules decide without it: in and, or,
// not and the ternary, in any, all, none and one over elements (of which an
// incomplete list hides some), and in `in`. Also unknown are: an absent key of
// a map, an index out of range, a number that is not finite, an aggregate of no
// values, a find that finds nothing, a percentile of too few samples.
//
// # Helpers
//
// KiB, MiB and GiB are numbers of bytes. percentile(list, p) interpolates
// linearly between the closest ranks; it needs 1/(1-p/100) samples, so 20 for
// p95 and 100 for p99. share(list, predicate) is the fraction from 0 to 1 of
// elements for which the predicate holds; of an empty list it is unknown.
// outlier(list) tells whether any value's robust z-score is beyond 3.5, of at
// least 3 values. unusual(step.field) is the robust z-score of an observed
// number against its own history, of at least 8 values. The robust z-score is
// (x − median) / (1.4826·MAD) (Iglewicz and Hoaglin, How to Detect and Handle
// Outliers, 1993); it is unknown when the MAD is 0, save that outlier is false
// when all values are equal. seconds(duration) is a number.
package expression
