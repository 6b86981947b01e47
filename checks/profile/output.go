package profile

import "gumshoe/checks/reach"

// The ways in which asking for profiles can end beside those of package reach.
const (
	Busy       reach.Outcome = "busy"
	NotFound   reach.Outcome = "not_found"
	Rejected   reach.Outcome = "rejected"
	Redirected reach.Outcome = "redirected"
)

// Pprof is what profile.pprof observes. What a part holds is unread when its
// profile was not asked for, or not given.
type Pprof struct {
	// Outcome tells what came of it: ok when every profile was given, else how the
	// first failed that was not: busy when another watches the processor already,
	// not_found when the program does not serve it there, rejected (error says why),
	// redirected (as to a login page), or why there was no answer.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,busy,not_found,rejected,redirected,auth_failed,no_permission,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error"`
	// Error is what the program said, or what is wrong with its answer; "" when there
	// is no more to say.
	Error string `json:"error" expr:"error"`
	// Address is the host and port that was asked.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// ResolveSeconds is how long looking up the name took; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is how long connecting took.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// WindowSeconds is the time between the two readings.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`

	// CPU is what the processor did in the window.
	CPU CPU `json:"cpu" expr:"cpu"`
	// Goroutines are those at the end of the window.
	Goroutines Goroutines `json:"goroutines" expr:"goroutines"`
	// Heap is what the program holds, and allocated in the window.
	Heap Heap `json:"heap" expr:"heap"`
	// Mutex is the waiting for locks in the window.
	Mutex Waits `json:"mutex" expr:"mutex"`
	// Block is the waiting for channels, locks and conditions in the window.
	Block Waits `json:"block" expr:"block"`
}

// CPU is a profile of the processor.
type CPU struct {
	// Seconds is how long it was watched.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// Cores is how many processors the program kept busy, on average.
	Cores float64 `json:"cores" expr:"cores"`
	// Samples is the number of samples: a hundred a second and busy processor.
	Samples int64 `json:"samples" expr:"samples"`
	// GCPercent is the share of the samples in Go's garbage collection: its workers,
	// sweeping and scavenging, and what it makes allocating functions do.
	GCPercent float64 `json:"gc_percent" expr:"gc_percent"`
	// Top are the functions in which most samples were, the most first; at most 20.
	Top []Function `json:"top" expr:"top"`
	// Own are the functions of the program that had most samples in them or in what
	// they called: those outside the standard library. At most 20.
	Own []Function `json:"own" expr:"own"`
}

// Function is how much of the processor's time a function took.
type Function struct {
	// Function is its name, with its package.
	Function string `json:"function" expr:"function"`
	// File is the file that it is in.
	File string `json:"file" expr:"file"`
	// FlatPercent is the share of the samples in the function itself.
	FlatPercent float64 `json:"flat_percent" expr:"flat_percent"`
	// CumulativePercent is the share in it and in what it called.
	CumulativePercent float64 `json:"cumulative_percent" expr:"cumulative_percent"`
	// FlatSeconds is the time in the function itself.
	FlatSeconds float64 `json:"flat_seconds" expr:"flat_seconds"`
}

// Goroutines are the goroutines of a program.
type Goroutines struct {
	// Count is their number.
	Count int64 `json:"count" expr:"count"`
	// Growth is how many more there are than at the start of the window.
	Growth int64 `json:"growth" expr:"growth"`
	// GrowthPerSecond is growth a second.
	GrowthPerSecond float64 `json:"growth_per_second" expr:"growth_per_second"`
	// Top are the places at which most of them are, the most first; at most 20.
	Top []Stack `json:"top" expr:"top"`
}

// Stack is a place at which goroutines are.
type Stack struct {
	// Function is the function of the program that they are in, or of a library when
	// none of the program's is.
	Function string `json:"function" expr:"function"`
	// File is the file that it is in.
	File string `json:"file" expr:"file"`
	// State is what they do there, by the functions of the runtime that they are in.
	State string `json:"state" expr:"state" enum:"running,chan_receive,chan_send,select,mutex,condition,wait_group,io,sleep,syscall,waiting"`
	// Count is how many there are.
	Count int64 `json:"count" expr:"count"`
	// SharePercent is the share of all goroutines.
	SharePercent float64 `json:"share_percent" expr:"share_percent"`
	// Growth is how many more there are than at the start of the window.
	Growth int64 `json:"growth" expr:"growth"`
}

// Heap is the memory that a program has allocated, estimated from samples.
type Heap struct {
	// InUseBytes is what was in use at the last garbage collection.
	InUseBytes int64 `json:"in_use_bytes" expr:"in_use_bytes"`
	// InUseObjects is the number of objects in use then.
	InUseObjects int64 `json:"in_use_objects" expr:"in_use_objects"`
	// GrowthBytes is how much more is in use than at the start of the window; 0 when no
	// garbage was collected between.
	GrowthBytes int64 `json:"growth_bytes" expr:"growth_bytes"`
	// GrowthBytesPerSecond is growth_bytes a second.
	GrowthBytesPerSecond float64 `json:"growth_bytes_per_second" expr:"growth_bytes_per_second"`
	// AllocatedBytesPerSecond is how much was allocated, kept or not.
	AllocatedBytesPerSecond float64 `json:"allocated_bytes_per_second" expr:"allocated_bytes_per_second"`
	// Top are the functions of the program that allocated most of what is in use, the
	// most first; at most 20.
	Top []Allocation `json:"top" expr:"top"`
}

// Allocation is the memory that a function has allocated.
type Allocation struct {
	// Function is its name, with its package.
	Function string `json:"function" expr:"function"`
	// File is the file that it is in.
	File string `json:"file" expr:"file"`
	// InUseBytes is what of it is in use.
	InUseBytes int64 `json:"in_use_bytes" expr:"in_use_bytes"`
	// SharePercent is the share of all that is in use.
	SharePercent float64 `json:"share_percent" expr:"share_percent"`
	// GrowthBytes is how much more is in use than at the start of the window.
	GrowthBytes int64 `json:"growth_bytes" expr:"growth_bytes"`
}

// Waits are how goroutines waited for each other, estimated from samples.
type Waits struct {
	// WaitSecondsPerSecond is how many goroutines were waiting, on average.
	WaitSecondsPerSecond float64 `json:"wait_seconds_per_second" expr:"wait_seconds_per_second"`
	// ContentionsPerSecond is how often one had to wait.
	ContentionsPerSecond float64 `json:"contentions_per_second" expr:"contentions_per_second"`
	// Top are the functions of the program at which the time was spent: of locks those
	// that held them, else those that waited. The most first; at most 20.
	Top []Wait `json:"top" expr:"top"`
}

// Wait is the waiting at a function.
type Wait struct {
	// Function is its name, with its package.
	Function string `json:"function" expr:"function"`
	// File is the file that it is in.
	File string `json:"file" expr:"file"`
	// WaitSecondsPerSecond is how many goroutines were waiting, on average.
	WaitSecondsPerSecond float64 `json:"wait_seconds_per_second" expr:"wait_seconds_per_second"`
	// SharePercent is the share of all waiting.
	SharePercent float64 `json:"share_percent" expr:"share_percent"`
}
