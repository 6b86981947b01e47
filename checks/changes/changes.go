// Package changes looks for what was done to this host before the trouble began:
// packages, files, kernels and boots, users, timers, containers, checkouts. It
// reads logs, the times of files, and what a container engine tells; it starts no
// program, and changes nothing. It knows what is kept: a log that was removed, a
// file that was deleted, or a setting that was made in a running program only
// leaves no trace that it would see.
package changes

import (
	"path/filepath"
	"time"

	"gumshoe/engine"
)

// Source is where a host's files are. Its methods make the checks. The zero value
// is the machine we run on.
type Source struct {
	// Root is the folder in which the host's / is seen; "" means /.
	Root string
}

// path gives the path at which we see one of the host's files.
func (s Source) path(elem ...string) string {
	return filepath.Join(append([]string{"/", s.Root}, elem...)...)
}

// RecentInput are the inputs of changes.recent.
type RecentInput struct {
	// Since is how far before the onset of the incident to look. From there to now
	// is the window.
	Since time.Duration `json:"since" default:"24h" min:"1h" max:"720h"`
	// Repositories are the folders of Git work trees, or of bare repositories, to
	// read the reflog of. At most 50.
	Repositories []string `json:"repositories"`
	// Paths are further files or folders to watch, as /etc is. A link is not
	// followed: its own time is when it was set. At most 50.
	Paths []string `json:"paths"`
	// ContainerSocket is the socket of a Docker or Podman engine; "" means
	// /run/docker.sock and /run/podman/podman.sock, where they exist.
	ContainerSocket string `json:"container_socket" format:"path"`
}

// Recent is what changes.recent observes. A change is an event: the packages of
// one run of a package manager are one change, and so are four or more files
// that changed within seconds of each other.
type Recent struct {
	// ChangesBeforeOnset is the number of changes in the window up to the onset.
	// What another change brought about is not counted, here or in what follows:
	// see because. Unread when a kind of change is.
	ChangesBeforeOnset int `json:"changes_before_onset" expr:"changes_before_onset"`
	// InLastHour is how many of them were in the hour before the onset. Unread when
	// a kind of change is.
	InLastHour int `json:"in_last_hour" expr:"in_last_hour"`
	// SeenInLastHour is how many of those in the last hour we saw: equal to
	// in_last_hour, and the least that it can be when that is unread.
	SeenInLastHour int `json:"seen_in_last_hour" expr:"seen_in_last_hour"`
	// ChangesAfterOnset is the number of changes between the onset and now: what
	// was tried against the trouble is among them. Unread when a kind of change is.
	ChangesAfterOnset int `json:"changes_after_onset" expr:"changes_after_onset"`
	// LastChange says in one line what changed last before the onset. Unread, as is
	// the next, when nothing changed in the window, or when a kind of change is.
	LastChange string `json:"last_change" expr:"last_change"`
	// LastChangeBeforeOnsetSeconds is the time from that change to the onset.
	LastChangeBeforeOnsetSeconds float64 `json:"last_change_before_onset_seconds" expr:"last_change_before_onset_seconds"`

	// Counts are the changes in the window up to the onset, by kind.
	Counts Counts `json:"counts" expr:"counts"`
	// PackagesChanged is the number of different packages that were installed,
	// upgraded or removed in the window up to the onset. Unread when
	// counts.packages is.
	PackagesChanged int `json:"packages_changed" expr:"packages_changed"`
	// Rates compare the window with what was usual before it, for the kinds of
	// which a history of at least a day is kept: packages, boots and git. File
	// times keep only the last change of each file, and container engines what
	// there is now, so that the other kinds have no rate.
	Rates []Rate `json:"rates" expr:"rates"`
	// Unusual are those of rates that stand out: at least three changes, more than
	// in any earlier span of that length, and a probability below 0.01.
	Unusual []Rate `json:"unusual" expr:"unusual"`

	// Changes are the changes: those up to the onset, the newest first, and then
	// those after it, the oldest first. At most 100, of which up to 20 are after
	// the onset; those nearest to it are kept. Unread when a kind of change is, or
	// when there were more; then it has those that it has.
	Changes []Change `json:"changes" expr:"changes"`
	// Packages are the single packages of these changes, in the same order. At most
	// 200, with up to 40 after the onset. Unread when counts.packages is, or when
	// there were more.
	Packages []Package `json:"packages" expr:"packages"`
	// Logins are the logins in the window, as wtmp has them: not changes, but who
	// could have made them. In the order of changes, at most 50, of which up to 10
	// are after the onset.
	Logins []Login `json:"logins" expr:"logins"`

	// LastBoot is when the host last started, to about a second.
	LastBoot time.Time `json:"last_boot" expr:"last_boot"`
	// LastBootClean tells whether the host was shut down in order before it last
	// started; false is a crash, a loss of power, or a reset.
	LastBootClean bool `json:"last_boot_clean" expr:"last_boot_clean"`
	// RunningKernel is the release of the kernel that runs.
	RunningKernel string `json:"running_kernel" expr:"running_kernel"`
	// NewestKernel is the newest release that is installed, of the same flavour as
	// the one that runs where there is one. Unread where no kernel is installed:
	// in a container, or when the machine boots a kernel from elsewhere.
	NewestKernel string `json:"newest_kernel" expr:"newest_kernel"`
	// RebootPending tells whether a newer kernel than the running one is installed,
	// or the distribution asks for a reboot with /run/reboot-required.
	RebootPending bool `json:"reboot_pending" expr:"reboot_pending"`
	// RebootPendingBecause says why; "" when no reboot is pending.
	RebootPendingBecause string `json:"reboot_pending_because" expr:"reboot_pending_because"`

	// Repositories are those that the input names, in its order.
	Repositories []Repository `json:"repositories" expr:"repositories"`
	// PathsMissing are those of the input's paths that do not exist.
	PathsMissing []string `json:"paths_missing" expr:"paths_missing"`
}

// Counts are numbers of changes by kind, in the window up to the onset. Each is
// unread when something that it is made of could not be looked at.
type Counts struct {
	// Packages counts runs of a package manager that changed a package.
	Packages int `json:"packages" expr:"packages"`
	// ConfigurationFiles counts files and folders in /etc, /usr/local/etc and
	// /opt/*/etc that are of no other kind.
	ConfigurationFiles int `json:"configuration_files" expr:"configuration_files"`
	// Units counts unit files of systemd but for timers, and start scripts.
	Units int `json:"units" expr:"units"`
	// Boots counts starts of the host.
	Boots int `json:"boots" expr:"boots"`
	// Users counts changes to users, groups, passwords, sudo, and to the keys that
	// let root in. Logins are not among them.
	Users int `json:"users" expr:"users"`
	// Cron counts files of cron and at, and timers of systemd.
	Cron int `json:"cron" expr:"cron"`
	// Containers counts containers that were created, started or stopped and still
	// exist; 0 where no container engine is.
	Containers int `json:"containers" expr:"containers"`
	// Git counts checkouts, pulls, commits and the like in the input's
	// repositories; 0 when it names none.
	Git int `json:"git" expr:"git"`
	// Kernel counts kernels and modules that came or went, and settings of the boot
	// loader, of modules and of sysctl. Settings that were made in the running
	// kernel only are not seen.
	Kernel int `json:"kernel" expr:"kernel"`
	// Watched counts changes in the input's paths; 0 when it names none.
	Watched int `json:"watched" expr:"watched"`
}

// Change is one change.
type Change struct {
	// Kind is the kind of change, as in counts.
	Kind string `json:"kind" expr:"kind" enum:"packages,configuration_files,units,boots,users,cron,containers,git,kernel,watched"`
	// Action is what was done. Of files: written (the contents), attributes (owner,
	// mode or name, or it was put in place with an older date, as package managers
	// do), entries (of a folder: something in it was added, renamed or removed).
	// Of a boot: booted after a shutdown or when that is not known, crashed without
	// one. changed is several of them, or something else.
	Action string `json:"action" expr:"action" enum:"installed,upgraded,downgraded,reinstalled,removed,changed,written,attributes,entries,booted,crashed,created,started,stopped,clone,commit,checkout,merge,pull,reset,rebase,cherry-pick,revert"`
	// What changed: a package, a path, a container's name, or a few of them and how
	// many there are.
	What string `json:"what" expr:"what"`
	// From is what it was: a version, a commit (its first 12 digits), the kernel
	// before a boot. "" where that is not known, or for several packages.
	From string `json:"from" expr:"from"`
	// To is what it is since; of a container its image.
	To string `json:"to" expr:"to"`
	// By is who did it, where the log says so: who asked for a run of apt or zypper,
	// whose name is in a reflog. "" otherwise.
	By string `json:"by" expr:"by"`
	// Detail is the command line of a package manager, what the reflog says, or how
	// a container ended. Passwords in URLs are left out.
	Detail string `json:"detail" expr:"detail"`
	// Because is the other change that brought this one about: a run of a package
	// manager at that time, or a boot. Such a change is listed and not counted. It is
	// told by the time alone: who edits a file while packages are being installed
	// is not told apart. "" for all others.
	Because string `json:"because" expr:"because"`
	// Items are the packages or paths in it, at most 20: packages that were asked
	// for and files that were written come first. Empty when it is what says.
	Items []string `json:"items" expr:"items"`
	// Count is the number of packages, files or reflog entries in it.
	Count int `json:"count" expr:"count"`
	// Failed tells whether the package manager reported an error.
	Failed bool `json:"failed" expr:"failed"`
	// Time is when it was, or when it began.
	Time time.Time `json:"time" expr:"time"`
	// BeforeOnsetSeconds is the time from it to the onset; 0 when it was after.
	BeforeOnsetSeconds float64 `json:"before_onset_seconds" expr:"before_onset_seconds"`
	// AfterOnsetSeconds is the time from the onset to it; 0 when it was before.
	AfterOnsetSeconds float64 `json:"after_onset_seconds" expr:"after_onset_seconds"`
	// Source is the file or socket that told it.
	Source string `json:"source" expr:"source"`
}

// Package is what became of one package.
type Package struct {
	// Name is the package's name, without the architecture.
	Name string `json:"name" expr:"name"`
	// Action is what was done. changed means that no more is known.
	Action string `json:"action" expr:"action" enum:"installed,upgraded,downgraded,reinstalled,removed,changed"`
	// From is the version before; "" when there was none, or it is not known.
	From string `json:"from" expr:"from"`
	// To is the version since; "" when it was removed, or it is not known.
	To string `json:"to" expr:"to"`
	// Time is when the package manager came to it.
	Time time.Time `json:"time" expr:"time"`
	// BeforeOnsetSeconds is the time from it to the onset; 0 when it was after.
	BeforeOnsetSeconds float64 `json:"before_onset_seconds" expr:"before_onset_seconds"`
	// AfterOnsetSeconds is the time from the onset to it; 0 when it was before.
	AfterOnsetSeconds float64 `json:"after_onset_seconds" expr:"after_onset_seconds"`
}

// Login is one login.
type Login struct {
	// User is who logged in.
	User string `json:"user" expr:"user"`
	// From is the address or host, "" for a local one.
	From string `json:"from" expr:"from"`
	// Terminal is where, such as pts/0.
	Terminal string `json:"terminal" expr:"terminal"`
	// Time is when.
	Time time.Time `json:"time" expr:"time"`
	// BeforeOnsetSeconds is the time from it to the onset; 0 when it was after.
	BeforeOnsetSeconds float64 `json:"before_onset_seconds" expr:"before_onset_seconds"`
	// AfterOnsetSeconds is the time from the onset to it; 0 when it was before.
	AfterOnsetSeconds float64 `json:"after_onset_seconds" expr:"after_onset_seconds"`
}

// Repository is a Git repository as it is now.
type Repository struct {
	// Path is as in the input.
	Path string `json:"path" expr:"path"`
	// Branch is what is checked out; "" when that is a commit and no branch.
	Branch string `json:"branch" expr:"branch"`
	// Commit is the full name of the commit that is checked out; "" when there is
	// none yet.
	Commit string `json:"commit" expr:"commit"`
}

// Rate compares one kind of change with what was usual.
type Rate struct {
	// Kind is the kind of change, as in counts.
	Kind string `json:"kind" expr:"kind" enum:"packages,boots,git"`
	// Count is the number of changes in the window up to the onset.
	Count int `json:"count" expr:"count"`
	// Expected is how many there would be at the usual rate.
	Expected float64 `json:"expected" expr:"expected"`
	// UsualPerDay is the usual rate: changes a day over up to 30 days before the
	// window.
	UsualPerDay float64 `json:"usual_per_day" expr:"usual_per_day"`
	// MostBefore is the greatest number in an earlier span as long as the window.
	MostBefore int `json:"most_before" expr:"most_before"`
	// HistorySeconds is how far back the usual rate goes from the window's start.
	HistorySeconds float64 `json:"history_seconds" expr:"history_seconds"`
	// Probability is that of at least so many changes if the rate had not changed,
	// from 0 to 1.
	Probability float64 `json:"probability" expr:"probability"`
}

// Recent is the check changes.recent.
//
// Packages are read from the logs of apt and dpkg, dnf, yum, zypper and pacman;
// of apk and snap, and where there is no log, only the time of the last change is
// known. Files are found by
// the time that the file system keeps (ctime), which nobody can set back: it is
// that of the last change only. A file that was deleted shows as a change of its
// folder, unless something else in it changed within the same minute. In a container, and after a restore, all files have the time at
// which they were put there. At most 20,000 files are looked at, for at most a
// second; none is opened but the logs. Dates in logs without a time zone are
// taken to be in the zone of /etc/localtime.
//
// The comparison with the usual rate is the exact conditional test of two Poisson
// rates: of all changes in history and window, how likely is it that so many fall
// into the window by chance? It takes into account how few there may be to tell
// the usual rate from. (J. Przyborowski and H. Wilenski, Homogeneity of results in
// testing samples from Poisson series, Biometrika 31, 1940, pages 313 to 323.)
//
// Example:
//
//	changes: { check: changes.recent, with: { since: 24h, repositories: [/srv/app] } }
//
// By hand:
//
//	cat /var/log/apt/history.log
//	grep -E ' (install|upgrade|remove) ' /var/log/dpkg.log
//	dnf history
//	find /etc /usr/lib/systemd/system -xdev -ctime -1 -ls
//	last -x
//	ls -t /boot /lib/modules; uname -r
//	docker ps -a; docker events --since 24h --until 0s
//	git -C /srv/app reflog --date=iso
func (s Source) Recent() engine.Check[RecentInput, Recent] {
	return engine.Check[RecentInput, Recent]{
		Name:      "changes.recent",
		Doc:       "What changed on this host before the trouble began: packages, configuration, units, users, kernels and boots, timers, containers and Git checkouts; and whether that is more than usual.",
		Cost:      100 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      s.plan,
		Run:       s.lookRecent,
		Summarize: summarize,
	}
}
