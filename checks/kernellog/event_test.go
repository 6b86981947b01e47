package kernellog

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestClassify has lines of many kernels; the name of a row says of which.
func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Event
	}{
		{"3.10 disk", "end_request: I/O error, dev sda, sector 1953525160", Event{Kind: IOError, Device: "sda"}},
		{"3.10 medium", "end_request: critical medium error, dev sdb, sector 8", Event{Kind: IOError, Device: "sdb"}},
		{"4.4 disk", "blk_update_request: I/O error, dev fd0, sector 0", Event{Kind: IOError, Device: "fd0"}},
		{"4.15 disk", "print_req_error: I/O error, dev loop0, sector 2048", Event{Kind: IOError, Device: "loop0"}},
		{"5.4 disk", "blk_update_request: critical target error, dev nvme0n1, sector 0 op 0x9:(WRITE_ZEROES) flags 0x0 phys_seg 0 prio class 0", Event{Kind: IOError, Device: "nvme0n1"}},
		{"6.1 disk", "I/O error, dev sr0, sector 524160 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2", Event{Kind: IOError, Device: "sr0"}},
		{"6.1 timeout", "timeout error, dev sdc, sector 81 op 0x1:(WRITE) flags 0x0 phys_seg 1 prio class 2", Event{Kind: IOError, Device: "sdc"}},
		{"discard", "blk_update_request: operation not supported error, dev dm-1, sector 8 op 0x3:(DISCARD) flags 0x800", Event{}},
		{"3.10 buffer", "Buffer I/O error on device sda1, logical block 23", Event{Kind: IOError, Device: "sda1"}},
		{"3.10 page", "lost page write due to I/O error on sda1", Event{Kind: IOError, Device: "sda1"}},
		{"4.9 buffer", "Buffer I/O error on dev dm-3, logical block 0, lost async page write", Event{Kind: IOError, Device: "dm-3"}},
		{"raid", "md/raid1:md0: Disk failure on sdb1, disabling device.", Event{Kind: IOError, Device: "sdb1"}},
		{"raid start", "md/raid1:md0: active with 2 out of 2 mirrors", Event{}},
		{"4.19 nvme", "nvme nvme0: I/O 12 QID 3 timeout, aborting", Event{Kind: StorageReset, Device: "nvme0"}},
		{"6.8 nvme", "nvme nvme1: I/O tag 192 (40c0) opcode 0x2 (I/O Cmd) QID 1 timeout, aborting req_op:READ(0) size:4096", Event{Kind: StorageReset, Device: "nvme1"}},
		{"5.4 nvme", "nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10", Event{Kind: StorageReset, Device: "nvme0"}},
		{"nvme start", "nvme nvme0: 8/0/0 default/read/poll queues", Event{}},
		{"ata", "ata1.00: exception Emask 0x10 SAct 0x7fffffff SErr 0x280100 action 0x6 frozen", Event{Kind: StorageReset, Device: "ata1.00"}},
		{"ata link", "ata3: hard resetting link", Event{Kind: StorageReset, Device: "ata3"}},
		{"ata start", "ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)", Event{}},
		{"scsi", "sd 2:0:0:0: rejecting I/O to offline device", Event{Kind: StorageReset, Device: "2:0:0:0"}},
		{"scsi tag", "sd 0:0:0:0: [sda] tag#3 timing out command, waited 180s", Event{Kind: StorageReset, Device: "sda"}},
		{"scsi start", "sd 0:0:0:0: [sda] Attached SCSI disk", Event{}},
		{"multipath", "device-mapper: multipath: 253:3: Failing path 8:16.", Event{Kind: StorageReset, Device: "8:16"}},
		{"nfs", "nfs: server filer.example.org not responding, still trying", Event{Kind: NFSTimeout, Device: "filer.example.org"}},
		{"nfs again", "nfs: server filer.example.org OK", Event{}},

		{"ext4", "EXT4-fs error (device sda1): ext4_lookup:1602: inode #2: comm ls: deleted inode referenced: 12", Event{Kind: FilesystemError, Device: "sda1"}},
		{"ext4 old", "EXT4-fs error (device dm-0) in ext4_reserve_inode_write:5159: Journal has aborted", Event{Kind: FilesystemError, Device: "dm-0"}},
		{"ext4 read-only", "EXT4-fs (sda1): Remounting filesystem read-only", Event{Kind: FilesystemError, Device: "sda1", ReadOnly: true}},
		{"ext4 superblock", "EXT4-fs (vdb): I/O error while writing superblock", Event{Kind: FilesystemError, Device: "vdb"}},
		{"ext4 mount", "EXT4-fs (vda): mounted filesystem 00000000-0000-0000-0000-000000000000 r/w without journal. Quota mode: none.", Event{}},
		{"ext4 warning", "EXT4-fs warning (device sda1): ext4_dx_add_entry:2514: Directory (ino: 5) index full", Event{}},
		{"journal", "Aborting journal on device sda1-8.", Event{Kind: FilesystemError, Device: "sda1"}},
		{"jbd2", "JBD2: Error -5 detected when flushing journal for vdc-8", Event{Kind: FilesystemError, Device: "vdc"}},
		{"xfs 3.10", "XFS (dm-2): Internal error XFS_WANT_CORRUPTED_GOTO at line 1590 of file fs/xfs/xfs_alloc.c", Event{Kind: FilesystemError, Device: "dm-2"}},
		{"xfs", "XFS (sda1): Metadata corruption detected at xfs_agf_read_verify+0x5e/0xb0 [xfs], xfs_agf block 0x1", Event{Kind: FilesystemError, Device: "sda1"}},
		{"xfs down", "XFS (sdb1): Corruption of in-memory data (0x8) detected at xfs_defer_finish_noroll.  Shutting down filesystem.", Event{Kind: FilesystemError, Device: "sdb1", ReadOnly: true}},
		{"xfs log", "XFS (dm-0): xfs_log_force: error -5 returned.", Event{Kind: FilesystemError, Device: "dm-0"}},
		{"xfs mount", "XFS (nvme0n1p1): Ending clean mount", Event{}},
		{"btrfs", "BTRFS error (device sdb): bdev /dev/sdb errs: wr 0, rd 1, flush 0, corrupt 0, gen 0", Event{Kind: FilesystemError, Device: "sdb"}},
		{"btrfs 5.18", "BTRFS: error (device sdc state EA) in btrfs_commit_transaction:2494: errno=-5 IO failure", Event{Kind: FilesystemError, Device: "sdc"}},
		{"btrfs read-only", "BTRFS info (device sdc: state EA): forced readonly", Event{Kind: FilesystemError, Device: "sdc", ReadOnly: true}},
		{"btrfs csum", "BTRFS warning (device sda2): csum failed root 5 ino 257 off 0 csum 0x1 expected csum 0x2 mirror 1", Event{Kind: FilesystemError, Device: "sda2"}},
		{"btrfs info", "BTRFS info (device sda2): disk space caching is enabled", Event{}},
		{"fat", "FAT-fs (sdb1): error, fat_get_cluster: invalid cluster chain (i_pos 0)", Event{Kind: FilesystemError, Device: "sdb1"}},
		{"fat unclean", "FAT-fs (sdb1): Volume was not properly unmounted. Some data may be corrupt. Please run fsck.", Event{}},

		{"hung", "INFO: task jbd2/sda1-8:287 blocked for more than 120 seconds.", Event{Kind: HungTask, Name: "jbd2/sda1-8", PID: 287, Seconds: 120}},
		{"hung worker", "INFO: task kworker/u8:2:12 blocked for more than 122 seconds.", Event{Kind: HungTask, Name: "kworker/u8:2", PID: 12, Seconds: 122}},
		{"hung io", "INFO: task dd:9 blocked in I/O wait for more than 241 seconds.", Event{Kind: HungTask, Name: "dd", PID: 9, Seconds: 241}},
		{"hung owner", "INFO: task a:1 is blocked on a mutex likely owned by task b:2.", Event{}},
		{"3.10 soft lockup", "BUG: soft lockup - CPU#1 stuck for 22s! [stress:2310]", Event{Kind: Lockup}},
		{"4.4 soft lockup", "NMI watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [kswapd0:36]", Event{Kind: Lockup}},
		{"5.4 soft lockup", "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [swapper/3:0]", Event{Kind: Lockup}},
		{"hard lockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 4", Event{Kind: Lockup}},
		{"6.6 hard lockup", "watchdog: CPU4: Watchdog detected hard LOCKUP on cpu 4", Event{Kind: Lockup}},
		{"3.10 rcu", "INFO: rcu_sched self-detected stall on CPU { 2}  (t=60001 jiffies g=1 c=1 q=8)", Event{Kind: Lockup}},
		{"5.4 rcu", "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", Event{Kind: Lockup}},
		{"rcu start", "rcu: Hierarchical RCU implementation.", Event{}},
		{"workqueue", "BUG: workqueue lockup - pool cpus=3 node=0 flags=0x0 nice=0 stuck for 32s!", Event{Kind: Lockup}},

		{"segfault", "nginx[1234]: segfault at 0 ip 000055d0c0ffee sp 00007ffd12345678 error 4 in nginx[55d0c0000000+1000]", Event{Kind: Segfault, Name: "nginx", PID: 1234}},
		{"6.1 segfault", "a.out[8]: segfault at 10 ip 0000 sp 0000 error 6 in a.out[1+2] likely on CPU 1 (core 1, socket 0)", Event{Kind: Segfault, Name: "a.out", PID: 8}},
		{"segfault without a file", "x[9]: segfault at ffffffff ip 0 sp 0 error 15", Event{Kind: Segfault, Name: "x", PID: 9}},
		{"general protection 4.4", "traps: chrome[77] general protection ip:7f sp:7f error:0 in chrome[1+2]", Event{Kind: Segfault, Name: "chrome", PID: 77}},
		{"general protection 5.4", "traps: java[5] general protection fault ip:7f sp:7f error:0", Event{Kind: Segfault, Name: "java", PID: 5}},
		{"invalid opcode", "traps: qemu [x86][12] trap invalid opcode ip:1 sp:2 error:0 in q[1+2]", Event{Kind: Trap, Name: "qemu [x86]", PID: 12}},
		{"divide error", "traps: calc[3] trap divide error ip:1 sp:2 error:0", Event{Kind: Trap, Name: "calc", PID: 3}},
		{"arm64", "app[412]: unhandled exception: DABT (lower EL), ESR 0x0000000092000006, level 2 translation fault in app[aa+1000]", Event{Kind: Segfault, Name: "app", PID: 412}},
		{"powerpc", "app[41]: segfault (11) at 0 nip 1000 lr 1000 code 1 in app[1+1]", Event{Kind: Segfault, Name: "app", PID: 41}},

		{"mce", "mce: [Hardware Error]: Machine check events logged", Event{Kind: HardwareError}},
		{"apei", "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 0", Event{Kind: HardwareError}},
		{"edac", "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x1 offset:0x0)", Event{Kind: HardwareError}},
		{"edac old", "EDAC MC1: UE page 0x0, offset 0x0, grain 8, row 0, labels \"\": e752x UE", Event{Kind: HardwareError}},
		{"edac start", "EDAC MC0: Giving out device to module skx_edac controller Skylake", Event{}},
		{"edac version", "EDAC MC: Ver: 3.0.0", Event{}},
		{"mce start", "mce: CPU0: Thermal monitoring enabled (TM1)", Event{}},
		{"poison", "Memory failure: 0x123: recovery action for dirty LRU page: Recovered", Event{Kind: HardwareError}},
		{"pcie", "pcieport 0000:00:1c.0: AER: Uncorrected (Fatal) error received: 0000:00:1c.0", Event{Kind: HardwareError}},
		{"pcie corrected", "pcieport 0000:00:1c.0: AER: Corrected error received: 0000:00:1c.0", Event{}},
		{"hot 4.4", "CPU0: Core temperature above threshold, cpu clock throttled (total events = 1)", Event{Kind: Throttled}},
		{"hot 5.4", "mce: CPU3: Package temperature above threshold, cpu clock throttled (total events = 9)", Event{Kind: Throttled}},
		{"cool", "mce: CPU3: Package temperature/speed normal", Event{}},

		{"oops 3.10", "Oops: 0002 [#1] SMP ", Event{Kind: Oops}},
		{"oops 6.10", "Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI", Event{Kind: Oops}},
		{"oops bug", "invalid opcode: 0000 [#1] SMP NOPTI", Event{Kind: Oops}},
		{"oops gpf", "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP", Event{Kind: Oops}},
		{"oops arm64", "Internal error: Oops: 0000000096000004 [#1] SMP", Event{Kind: Oops}},
		{"oops riscv", "Oops [#1]", Event{Kind: Oops}},
		{"oops head", "BUG: kernel NULL pointer dereference, address: 0000000000000008", Event{}},
		{"panic", "Kernel panic - not syncing: Fatal exception in interrupt", Event{Kind: Oops}},
		{"bug", "BUG: Bad page state in process kswapd0  pfn:1c2a4", Event{Kind: KernelBug}},
		{"ubsan", "UBSAN: array-index-out-of-bounds in drivers/x.c:12:3", Event{Kind: KernelBug}},
		{"warning", "WARNING: CPU: 0 PID: 5227 at net/mptcp/protocol.c:695 __mptcp_move_skbs_from_subflow+0x20a9/0x21f0", Event{Kind: KernelWarning}},
		{"warning 3.10", "WARNING: at net/sched/sch_generic.c:297 dev_watchdog+0x276/0x280()", Event{Kind: KernelWarning}},
		{"warning 6.18", "WARNING: mm/page_alloc.c:5124 at __alloc_frozen_pages_noprof+0x2f2/0x390, CPU#1: repro/1204", Event{Kind: KernelWarning}},
		{"warning to a user", "WARNING: unprivileged eBPF is enabled, data leaks possible via Spectre v2 BHB attacks!", Event{}},

		{"link e1000e", "e1000e 0000:00:19.0 eno1: NIC Link is Down", Event{Kind: LinkDown, Device: "eno1"}},
		{"link e1000e 3.10", "e1000e: eth0 NIC Link is Down", Event{Kind: LinkDown, Device: "eth0"}},
		{"link igb", "igb 0000:01:00.0 eth0: igb: eth0 NIC Link is Down", Event{Kind: LinkDown, Device: "eth0"}},
		{"link tg3", "tg3 0000:02:00.0 eth1: Link is down", Event{Kind: LinkDown, Device: "eth1"}},
		{"link r8169", "r8169 0000:02:00.0 enp2s0: Link is Down", Event{Kind: LinkDown, Device: "enp2s0"}},
		{"link mlx5", "mlx5_core 0000:3b:00.0 ens1f0: Link down", Event{Kind: LinkDown, Device: "ens1f0"}},
		{"bond", "bond0: (slave eth1): link status definitely down, disabling slave", Event{Kind: LinkDown, Device: "eth1"}},
		{"bond 3.10", "bonding: bond0: link status definitely down for interface eth1, disabling it", Event{Kind: LinkDown, Device: "eth1"}},
		{"link up", "e1000e 0000:00:19.0 eno1: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx", Event{}},
		{"not ready", "IPv6: ADDRCONF(NETDEV_UP): veth1: link is not ready", Event{}},
		{"transmit", "NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out", Event{Kind: TransmitTimeout, Device: "eth0"}},
		{"transmit 6.6", "e1000e 0000:00:19.0 eth0: NETDEV WATCHDOG: CPU: 2: transmit queue 0 timed out 5472 ms", Event{Kind: TransmitTimeout, Device: "eth0"}},
		{"conntrack", "nf_conntrack: nf_conntrack: table full, dropping packet", Event{Kind: ConntrackFull}},
		{"conntrack 3.10", "nf_conntrack: table full, dropping packet.", Event{Kind: ConntrackFull}},
		{"conntrack 6.13", "nf_conntrack: nf_conntrack: table full in netns 4026531840, dropping packet", Event{Kind: ConntrackFull}},
		{"syn 3.10", "TCP: Possible SYN flooding on port 443. Sending cookies.  Check SNMP counters.", Event{Kind: SynFlood, Port: 443}},
		{"syn 5.4", "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.", Event{Kind: SynFlood, Port: 80}},
		{"syn 6.2", "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:7070. Sending cookies.", Event{Kind: SynFlood, Port: 7070}},
		{"syn 6.2 v6", "TCP: request_sock_subflow_v4: Possible SYN flooding on port [::]:20002. Dropping request.", Event{Kind: SynFlood, Port: 20002}},
		{"neighbours", "neighbour: arp_cache: neighbor table overflow!", Event{Kind: NeighbourOverflow}},
		{"neighbours 3.10", "Neighbour table overflow.", Event{Kind: NeighbourOverflow}},
		{"tcp memory", "TCP: out of memory -- consider tuning tcp_mem", Event{Kind: TCPMemory}},
		{"tcp start", "TCP: Hash tables configured (established 65536 bind 65536)", Event{}},

		{"files", "VFS: file-max limit 1000 reached", Event{Kind: FileMax}},
		{"fork", "cgroup: fork rejected by pids controller in /user.slice/user-1000.slice/session-7.scope", Event{Kind: ForkRejected, Device: "/user.slice/user-1000.slice/session-7.scope"}},
		{"clock", "clocksource: timekeeping watchdog on CPU3: Marking clocksource 'tsc' as unstable because the skew is too large:", Event{Kind: ClockUnstable}},
		{"clock 3.10", "Clocksource tsc unstable (delta = -95170507414 ns)", Event{Kind: ClockUnstable}},
		{"clock start", "clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x1", Event{}},
		{"pages", "swapper/0: page allocation failure: order:4, mode:0x40d20(GFP_ATOMIC), nodemask=(null)", Event{Kind: PageAllocation, Name: "swapper/0"}},
		{"suppressed", "blk_update_request: 37 callbacks suppressed", Event{Kind: Suppressed, Count: 37}},

		{"empty", "", Event{}},
		{"a user's text", "gumshoe: nothing of the kernel's", Event{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Classify(tt.text)
			if diff := cmp.Diff(got, tt.want, cmpopts.IgnoreUnexported(Victim{})); diff != "" || ok != (tt.want.Kind != "") {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}

// TestHostileNames: a process chooses its name, of 15 bytes, and that of its file.
func TestHostileNames(t *testing.T) {
	for _, tt := range []struct{ text, name string }{
		{"a]: segfault [1[22]: segfault at 0 ip 0 sp 0 error 4 in x[1+1]", "a]: segfault [1"},
		{"x[1]: segfault[22]: segfault at 0 ip 0 sp 0 error 4", "x[1]: segfault"},
		{"evil[22]: segfault at 0 ip 0 sp 0 error 4 in root[1]: segfault at 0 ip[1+1]", "evil"},
		{"a\nb[22]: segfault at 0 ip 0 sp 0 error 4", "a\nb"},
		{"[1] trap [22]: segfault at 0 ip 0 sp 0 error 4", "[1] trap "},
		{"traps: [1] x[22] trap int3 ip:1 sp:2 error:0", "[1] x"},
	} {
		if got, ok := Classify(tt.text); !ok || got.Name != tt.name || got.PID != 22 {
			t.Errorf("%q: got %q, %d; want %q, 22", tt.text, got.Name, got.PID, tt.name)
		}
	}
	for _, text := range []string{
		"Out of memory: (12): drop_caches: 3",                      // a name at the beginning of a message
		"usb 1-1: Product: a[22]: segfault at 0 ip 0 sp 0 error 4", // a device chooses that text
		"oom-kill:constraint=",
		"Killed process 12 (x)",
		"INFO: task : blocked for more than 5 seconds.",
	} {
		if got, ok := Classify(text); ok {
			t.Errorf("%q: got %+v, want nothing", text, got)
		}
	}
}

// kills gives the victims of a log.
func kills(log string) (victims []Victim) {
	var oom OOM
	for line := range strings.Lines(log) {
		if e, ok := Classify(strings.TrimSuffix(line, "\n")); ok {
			if e, ok = oom.Next(e); ok && e.Kind == OOMKill {
				victims = append(victims, e.Victim)
			}
		}
	}
	return victims
}

func TestOOM(t *testing.T) {
	for _, tt := range []struct {
		name, log string
		want      []Victim
	}{
		{"6.1, a cgroup", `stress invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Tasks state (memory values in pages):
[   4242]    33  4242    14336     5120    94208        0             0 stress
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/kubepods/pod1,task_memcg=/kubepods/pod1/app,task=stress,pid=4242,uid=33
Memory cgroup out of memory: Killed process 4242 (stress) total-vm:57344kB, anon-rss:20480kB, file-rss:1024kB, shmem-rss:0kB, UID:33 pgtables:92kB oom_score_adj:0
oom_reaper: reaped process 4242 (stress), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
`, []Victim{{PID: 4242, Name: "stress", Scope: Cgroup, Cgroup: "/kubepods/pod1/app", Limit: "/kubepods/pod1", AnonRSS: 20 << 20, UID: 33}}},
		{"5.4, the host", `java invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=user.slice,mems_allowed=0,global_oom,task_memcg=/user.slice/user-0.slice,task=java,pid=1,uid=1000
Out of memory: Killed process 1 (java) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:52kB oom_score_adj:0
`, []Victim{{PID: 1, Name: "java", Scope: Global, Cgroup: "/user.slice/user-0.slice", AnonRSS: 8 << 10, UID: 1000}}},
		{"5.0, a cpuset, without the user", `oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=(null),cpuset=a,mems_allowed=0,global_oom,task_memcg=/,task=x,pid=    7,uid=    9
Out of memory: Killed process 7 (x) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB
`, []Victim{{PID: 7, Name: "x", Scope: Cpuset, Cgroup: "/", AnonRSS: 8 << 10, UID: 9}}},
		{"4.15, a cgroup, a child", `Task in /docker/a killed as a result of limit of /docker
Memory cgroup out of memory: Kill process 4142 (python3) score 68 or sacrifice child
Killed process 4254 (python3) total-vm:11968kB, anon-rss:4288kB, file-rss:3972kB, shmem-rss:0kB
Memory cgroup out of memory: Kill process 4142 (python3) score 68 or sacrifice child
Killed process 4255 (python3) total-vm:11968kB, anon-rss:4288kB, file-rss:3972kB, shmem-rss:0kB
`, []Victim{
			{PID: 4254, Name: "python3", Scope: Cgroup, Cgroup: "/docker/a", Limit: "/docker", AnonRSS: 4288 << 10, UID: -1},
			{PID: 4255, Name: "python3", Scope: Cgroup, AnonRSS: 4288 << 10, UID: -1},
		}},
		{"3.10 of Red Hat", `Memory cgroup out of memory: Kill process 24984 (palo_be) score 968 or sacrifice child
Killed process 18177 (palo_be), UID 0, total-vm:70347780kB, anon-rss:45563572kB, file-rss:0kB, shmem-rss:0kB
`, []Victim{{PID: 18177, Name: "palo_be", Scope: Cgroup, AnonRSS: 45563572 << 10, UID: 0}}},
		{"3.10, the host", `Out of memory: Kill process 22522 (docker) score 8 or sacrifice child
Killed process 22522 (docker) total-vm:452020kB, anon-rss:0kB, file-rss:0kB
`, []Victim{{PID: 22522, Name: "docker", Scope: Global, AnonRSS: 0, UID: -1}}},
		{"only the kill", "Killed process 5 (a b) total-vm:4kB, anon-rss:4kB, file-rss:0kB\n", []Victim{{PID: 5, Name: "a b", AnonRSS: 4 << 10, UID: -1}}},
		{"all of a cgroup", `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=x,pid=7,uid=9
Memory cgroup out of memory: Killed process 7 (x) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:9 pgtables:52kB oom_score_adj:0
Tasks in /a are going to be killed due to memory.oom.group set
Memory cgroup out of memory: Killed process 8 (y) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:9 pgtables:52kB oom_score_adj:0
Memory cgroup out of memory: Killed process 9 (z) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:9 pgtables:52kB oom_score_adj:0
`, []Victim{
			{PID: 7, Name: "x", Scope: Cgroup, Cgroup: "/a/b", Limit: "/a", AnonRSS: 8 << 10, UID: 9},
			{PID: 8, Name: "y", Scope: Cgroup, Cgroup: "/a", AnonRSS: 8 << 10, UID: 9},
			{PID: 9, Name: "z", Scope: Cgroup, Cgroup: "/a", AnonRSS: 8 << 10, UID: 9},
		}},
		{"another's context", `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a,task=x,pid=7,uid=9
Memory cgroup out of memory: Killed process 8 (y) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:3 pgtables:52kB oom_score_adj:0
`, []Victim{{PID: 8, Name: "y", Scope: Cgroup, AnonRSS: 8 << 10, UID: 3}}},
		{"hostile names", `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=x,pid=1,uid=0,task=,pid=7,uid=9
Memory cgroup out of memory: Killed process 7 (x,pid=1,uid=0,task=) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:9 pgtables:52kB oom_score_adj:0
`, []Victim{{PID: 7, Name: "x,pid=1,uid=0,task=", Scope: Cgroup, Cgroup: "/a/b", Limit: "/a", AnonRSS: 8 << 10, UID: 9}}},
		{"a name like the rest", "Killed process 5 () total-vm:1kB,) total-vm:4kB, anon-rss:4kB, file-rss:0kB\n", []Victim{{PID: 5, Name: ") total-vm:1kB,", AnonRSS: 4 << 10, UID: -1}}},
		{"not killed", "Out of memory: OOM victim 12 (x) is already exiting. Skip killing the task\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(kills(tt.log), tt.want, cmpopts.IgnoreUnexported(Victim{})); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}

// TestNoFalsePositives reads the log of a real host on which nothing of this
// happened (LogHub, Linux 2.6), most of which no kernel wrote.
func TestNoFalsePositives(t *testing.T) {
	fixtures := os.Getenv("GUMSHOE_FIXTURES")
	if fixtures == "" {
		t.Skip("GUMSHOE_FIXTURES names no folder")
	}
	files, _ := filepath.Glob(filepath.Join(fixtures, "logs", "*_2k.log"))
	if len(files) == 0 {
		t.Skip("no logs in GUMSHOE_FIXTURES")
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for scan := bufio.NewScanner(file); scan.Scan(); lines++ {
			text := scan.Text()
			if _, after, ok := strings.Cut(text, " kernel: "); ok {
				text = after
			}
			if e, ok := Classify(text); ok {
				t.Errorf("%q: %+v", text, e)
			}
		}
		file.Close()
		t.Logf("%s: %d lines", filepath.Base(name), lines)
	}
}

func FuzzClassify(f *testing.F) {
	for _, seed := range []string{
		"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a,task_memcg=/a/b,task=x,pid=7,uid=9",
		"Memory cgroup out of memory: Killed process 7 (x) total-vm:9kB, anon-rss:8kB, UID:9",
		"Killed process 7 (x), UID 9, total-vm:9kB", "Task in /a killed as a result of limit of /b", "Tasks in /a are going to be killed due to memory.oom.group set",
		"x[1]: segfault at 0", "traps: x[1] trap int3", "INFO: task a:1 blocked for more than 9 seconds.", "I/O error, dev sda, sector 1",
		"EXT4-fs (", "XFS (", "BTRFS error (device ", "ata1: hard resetting link", "sd 0: [", "{1}[Hardware Error]", "EDAC MC0: 1 CE ",
		"bond0: link status definitely down", "TCP: Possible SYN flooding on port ", "x: 1 callbacks suppressed", "lost page write due to I/O error on ",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		var oom OOM
		for _, text := range []string{first, second, first} {
			e, ok := Classify(text)
			if !ok {
				continue
			}
			if e.Kind == "" {
				t.Errorf("%q: an event of no kind", text)
			}
			for _, part := range []string{e.Name, e.Device} {
				if !strings.Contains(text, part) {
					t.Errorf("%q: %q is not in it", text, part)
				}
			}
			if e, ok = oom.Next(e); ok && e.Kind == OOMKill && (e.Victim.UID < -1 || e.Victim.AnonRSS < -1 || e.PID < 0) {
				t.Errorf("%q: %+v", text, e)
			}
		}
	})
}
