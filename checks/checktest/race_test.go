//go:build race

package checktest

// racing tells whether the race detector is on.
const racing = true
