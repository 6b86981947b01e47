module gumshoe

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/shirou/gopsutil/v3 v3.24.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
