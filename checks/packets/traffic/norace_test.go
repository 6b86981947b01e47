//go:build !race

package traffic

// raceDetector tells whether tests run slowly.
const raceDetector = false
