/* SPDX-License-Identifier: MIT */
/*
 * old_kernel.c: runs a program on a kernel that lacks calls, by a filter that answers as such a kernel does.
 *
 * usage: old_kernel CALL[,CALL...] COMMAND [ARG...]       CALL: a name of the list below; `4.12`: all that came after that kernel
 *        old_kernel list
 *
 * The filter is there before the program starts, and its children have it too. The library does not see it put on.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

enum { AFTER_4_12 = 1 };

/* NR, with ARGUMENT (none: -1) equal to VALUE, gives ANSWER. */
static const struct missing {
    const char *name;
    int flags, nr, argument;
    unsigned value, answer;
} all[] = {
    {"close_range", AFTER_4_12, SYS_close_range, -1, 0, ENOSYS},
    {"pidfd_open", AFTER_4_12, SYS_pidfd_open, -1, 0, ENOSYS},
    {"pidfd_getfd", AFTER_4_12, SYS_pidfd_getfd, -1, 0, ENOSYS},
    {"pidfd_send_signal", AFTER_4_12, SYS_pidfd_send_signal, -1, 0, ENOSYS},
    {"clone3", AFTER_4_12, SYS_clone3, -1, 0, ENOSYS},
    {"openat2", AFTER_4_12, SYS_openat2, -1, 0, ENOSYS},
    {"faccessat2", AFTER_4_12, SYS_faccessat2, -1, 0, ENOSYS},
    {"io_uring", AFTER_4_12, SYS_io_uring_setup, -1, 0, ENOSYS},
    {"rseq", AFTER_4_12, SYS_rseq, -1, 0, ENOSYS},
    {"wipe_on_fork", AFTER_4_12, SYS_madvise, 2, 18 /* MADV_WIPEONFORK */, EINVAL},
    {"rseq_configuration", AFTER_4_12, SYS_ptrace, 0, 0x420f /* PTRACE_GET_RSEQ_CONFIGURATION */, EIO},
    {"membarrier", 0, SYS_membarrier, -1, 0, ENOSYS},
    {"statx", 0, SYS_statx, -1, 0, ENOSYS},
    {"memfd_create", 0, SYS_memfd_create, -1, 0, ENOSYS},
    {"process_vm_readv", 0, SYS_process_vm_readv, -1, 0, ENOSYS},
    {"process_vm_writev", 0, SYS_process_vm_writev, -1, 0, ENOSYS},
    {"getrandom", 0, SYS_getrandom, -1, 0, ENOSYS},
    {"cookie", 0, SYS_getsockopt, 2, 57 /* SO_COOKIE */, ENOPROTOOPT},
};
enum { N = sizeof all / sizeof *all };

static unsigned put(struct sock_filter *f, unsigned n, const struct missing *m)
{
    const struct sock_filter number = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    f[n++] = number;
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)m->nr, 0, m->argument < 0 ? 1 : 3);
    if (m->argument >= 0) {
        unsigned at = (unsigned)offsetof(struct seccomp_data, args) + 8 * (unsigned)m->argument;
        f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, m->value, 0, 1);
    }
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | m->answer);
    return n;
}

static int is_wanted(const struct missing *m, const char *list)
{
    size_t n = strlen(m->name);
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if ((strcspn(p, ",") == n && strncmp(p, m->name, n) == 0) || ((m->flags & AFTER_4_12) && strncmp(p, "4.12", 4) == 0))
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    struct sock_filter f[N * 5 + 1];
    unsigned n = 0;
    for (unsigned i = 0; argc == 2 && i < N; i++)
        puts(all[i].name);
    if (argc < 3)
        return argc == 2 ? 0 : 98;
    for (unsigned i = 0; i < N; i++)
        if (is_wanted(&all[i], argv[1]))
            n = put(f, n, &all[i]);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog prog = {(unsigned short)n, f};
    if (n < 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
        return 97;
    execvp(argv[2], argv + 2);
    return 96;
}
