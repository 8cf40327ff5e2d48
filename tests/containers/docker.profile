# What Docker's default seccomp profile refuses a container without added capabilities, on x86-64 and
# aarch64; containerd's does nearly the same. From docs.docker.com/engine/security/seccomp and the
# published profile, which lists what is allowed: this is what is left. One a line, for in_profile:
# CALL ERRNO [is NUMBER | has BITS, of its first argument]

# one process at another's descriptors and memory: without CAP_SYS_PTRACE
kcmp 1
pidfd_getfd 1
process_madvise 1
# new namespaces, and what only CAP_SYS_ADMIN may
clone 1 has 0x7e020000
clone3 38
unshare 1
setns 1
mount 1
umount2 1
mount_setattr 1
move_mount 1
open_tree 1
fsconfig 1
fsmount 1
fsopen 1
fspick 1
pivot_root 1
sethostname 1
setdomainname 1
fanotify_init 1
quotactl 1
quotactl_fd 1
lookup_dcookie 1
swapon 1
swapoff 1
syslog 1
bpf 1
perf_event_open 1
# vsock
socket 1 is 40
# the kernel's own matters
acct 1
add_key 1
keyctl 1
request_key 1
clock_settime 1
settimeofday 1
create_module 1
delete_module 1
finit_module 1
init_module 1
query_module 1
kexec_file_load 1
kexec_load 1
ioperm 1
iopl 1
reboot 1
vhangup 1
open_by_handle_at 1
userfaultfd 1
vserver 1
nfsservctl 1
sysfs 1
_sysctl 1
ustat 1
uselib 1
# memory on nodes: without CAP_SYS_NICE
get_mempolicy 1
mbind 1
set_mempolicy 1
set_mempolicy_home_node 1
move_pages 1
migrate_pages 1
# since Docker 25
io_uring_setup 1
io_uring_enter 1
io_uring_register 1
