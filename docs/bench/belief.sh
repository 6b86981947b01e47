#!/bin/sh
# Prints the figures of docs/belief.md again: what a decision costs, and how good
# the decisions are. The networks are read from $GUMSHOE_MODELS, or else from
# $GUMSHOE_FIXTURES/models; without either, that part says that it is skipped.
set -eu
cd "$(dirname "$0")/../.."
go test -run '^$' -bench . -benchtime 1s ./engine/belief
go test -count 1 -run Evaluation -v ./engine/belief
