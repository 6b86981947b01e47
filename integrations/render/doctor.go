package render

import "time"

// DoctorForm is the form of a Doctor in JSON. Later versions of it only add.
const DoctorForm = "gumshoe.doctor/v1"

// Doctor is what gumshoe doctor found: what this host lets us see, and what to
// install or to grant.
type Doctor struct {
	Schema string `json:"schema"`
	// Status is broken when there are Faults. Blind spots are none.
	Status  DoctorStatus `json:"status"`
	Version string       `json:"version"`
	Target  string       `json:"target"`
	Started time.Time    `json:"started"`
	// ElapsedSeconds is how long the look took.
	ElapsedSeconds float64             `json:"elapsed_seconds"`
	Host           DoctorHost          `json:"host"`
	Configuration  DoctorConfiguration `json:"configuration"`
	State          DoctorState         `json:"state"`
	Runbooks       DoctorRunbooks      `json:"runbooks"`
	// Faults keep gumshoe itself from working, Warnings some of what it is set up for.
	Faults   []DoctorFault `json:"faults"`
	Warnings []DoctorFault `json:"warnings"`
	Checks   []DoctorCheck `json:"checks"`
	// Fixes are what to do to see more, what opens most first.
	Fixes []DoctorFix `json:"fixes"`
}

// DoctorStatus says whether gumshoe itself can work.
type DoctorStatus string

// The two of them.
const (
	DoctorReady  DoctorStatus = "ready"
	DoctorBroken DoctorStatus = "broken"
)

// DoctorHost is where gumshoe runs. A text is "" when it could not be found out.
type DoctorHost struct {
	Kernel       string `json:"kernel"`
	Distribution string `json:"distribution"`
	User         string `json:"user"`
	UserID       int    `json:"user_id"`
	// Capabilities are those in effect of the few that let checks see more, and
	// MissingCapabilities the rest of these few.
	Capabilities        []string     `json:"capabilities"`
	MissingCapabilities []string     `json:"missing_capabilities"`
	Container           DoctorInside `json:"container"`
	VirtualMachine      DoctorInside `json:"virtual_machine"`
	// Cgroup is v1, v2, "v1 and v2" or none.
	Cgroup string `json:"cgroup"`
}

// DoctorInside says whether this is inside of something. That nothing was found
// does not prove that it is not.
type DoctorInside struct {
	Found bool `json:"found"`
	// What is its kind, when that is known, and Because what gave it away.
	What    string `json:"what,omitempty"`
	Because string `json:"because,omitempty"`
}

// DoctorConfiguration is what gumshoe.yaml allows.
type DoctorConfiguration struct {
	// File is "" when there is none and the defaults hold.
	File string `json:"file"`
	// Usable is false when the file has faults; the rest is then the defaults.
	Usable bool `json:"usable"`
	// Commands is how many commands may be run without approval.
	Commands int `json:"commands"`
	// Targets is how many entries the list of probe targets has; without a list,
	// AnyTarget holds.
	Targets   int            `json:"targets"`
	AnyTarget bool           `json:"any_target"`
	Secrets   []DoctorSecret `json:"secrets"`
}

// DoctorSecret is a secret that gumshoe.yaml names, without its value.
type DoctorSecret struct {
	Name     string `json:"name"`
	Ref      string `json:"ref"`
	Readable bool   `json:"readable"`
}

// DoctorState is the folder that runs are kept in.
type DoctorState struct {
	Folder   string `json:"folder"`
	Writable bool   `json:"writable"`
	Runs     int    `json:"runs"`
	// Keep is how many runs are kept at most.
	Keep int `json:"keep"`
}

// DoctorRunbooks says how many runbooks can be used.
type DoctorRunbooks struct {
	Stock   int            `json:"stock"`
	Folders []DoctorFolder `json:"folders"`
	// Broken are the names of those that do not load.
	Broken []string `json:"broken"`
}

// DoctorFolder is a folder in which runbooks are found by name.
type DoctorFolder struct {
	Folder string `json:"folder"`
	Found  bool   `json:"found"`
	// Loaded is how many runbooks of it can be used.
	Loaded int `json:"loaded"`
}

// DoctorFault is something that is wrong with the set-up.
type DoctorFault struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
}

// DoctorCheck is how much a check can see here.
type DoctorCheck struct {
	Name string `json:"name"`
	Sees Sight  `json:"sees"`
	// Reason says why it sees nothing, or was not run; of several, what is in the
	// way of most fields.
	Reason string `json:"reason,omitempty"`
	// Needs are the inputs without which it cannot be run.
	Needs []string `json:"needs,omitempty"`
	// Unread are the fields that were not read, by reason.
	Unread         []DoctorUnread `json:"unread"`
	ElapsedSeconds float64        `json:"elapsed_seconds"`

	fix string // of a check that has no output
	all int    // how many fields it has
}

// Sight is how much a check can see.
type Sight string

// The ways a check can see.
const (
	SeesAll     Sight = "all"
	SeesPart    Sight = "part"
	SeesNothing Sight = "nothing"
	NeedsInput  Sight = "needs_input"
	// NotRun is a check that could cost its target something.
	NotRun Sight = "not_run"
)

// DoctorUnread are fields that were not read for one reason. Without a Fix there
// was only nothing to measure at that moment.
type DoctorUnread struct {
	// Fields are paths, with [] for any element of a list: mounts[].used_percent.
	Fields []string `json:"fields"`
	Reason string   `json:"reason"`
	Fix    string   `json:"fix,omitempty"`
}

// DoctorFix is something to install or to grant.
type DoctorFix struct {
	Fix string `json:"fix"`
	// Or are other ways, that which opens most first. One may open only some of it.
	Or []string `json:"or"`
	// Opens is what could be seen then.
	Opens []DoctorOpened `json:"opens"`
	// Note says why it may not help here.
	Note string `json:"note,omitempty"`
}

// DoctorOpened is what a fix opens of a check: all of it, or some fields.
type DoctorOpened struct {
	Check  string `json:"check"`
	All    bool   `json:"all"`
	Fields int    `json:"fields"`
}
