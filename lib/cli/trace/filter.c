// SPDX-License-Identifier: MIT
/*
 * filter.c: builds and installs the seccomp filter.
 *
 * Called in the child that becomes the program, between fork and exec (start.c). Plain instructions:
 * each call is compared in turn, which the kernel remembers for the calls that always pass (Linux
 * 5.11), so these cost next to nothing.
 */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../arch/numbers.h"
#include "../../arch/ptrace.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS _IOW('!', 4, uint64_t) /* Linux 6.6 */
#endif
#define SYNC_WAKE_UP 1ul

/* A call that stops: always (ARG < 0), where argument ARG has one of two values, or where it is not 0. */
struct stop {
    int nr, arg;
    uint32_t value, other;
    bool not_zero;
};
static const struct stop stops[] = {
    {SYS_socket, -1, 0, 0, false},
    {SYS_socketpair, -1, 0, 0, false},
    {SYS_connect, -1, 0, 0, false},
    {SYS_bind, -1, 0, 0, false},
    {SYS_listen, -1, 0, 0, false},
    {SYS_accept4, -1, 0, 0, false},
    {SYS_accept, -1, 0, 0, false},
    {SYS_dup, -1, 0, 0, false},
#ifdef SYS_dup2
    {SYS_dup2, -1, 0, 0, false},
#endif
    {SYS_dup3, -1, 0, 0, false},
    {SYS_fcntl, 1, F_DUPFD, F_DUPFD_CLOEXEC, false},
    {SYS_execve, -1, 0, 0, false},
    {SYS_execveat, -1, 0, 0, false},
    {SYS_clone, -1, 0, 0, false},
    {SYS_clone3, -1, 0, 0, false},
#ifdef SYS_fork
    {SYS_fork, -1, 0, 0, false},
    {SYS_vfork, -1, 0, 0, false},
#endif
#ifdef SYS_arch_prctl
    {SYS_arch_prctl, 0, 0x1002 /* ARCH_SET_FS */, 0x1002, false},
#endif
    {SYS_rt_sigaction, 1, 0, 0, true},
    {SYS_exit_group, -1, 0, 0, false},
};

#define STATEMENT(code, k) ((struct sock_filter)BPF_STMT(code, k))
#define IF_EQUAL(k, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no))
#define LOAD(offset) STATEMENT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(action) STATEMENT(BPF_RET | BPF_K, action)
/* The low half of an argument: both processors store it first. */
#define ARGUMENT(i) (uint32_t)(offsetof(struct seccomp_data, args) + (size_t)(i) * sizeof(uint64_t))

static size_t put_stop(struct sock_filter *f, const struct stop *s)
{
    size_t n = 0;
    if (s->arg < 0) {
        f[n++] = IF_EQUAL((uint32_t)s->nr, 0, 1);
        f[n++] = RETURN(SECCOMP_RET_USER_NOTIF);
        return n;
    }
    f[n++] = IF_EQUAL((uint32_t)s->nr, 0, s->not_zero ? 4 : 5);
    f[n++] = LOAD(ARGUMENT(s->arg));
    if (!s->not_zero)
        f[n++] = IF_EQUAL(s->value, 1, 0);
    f[n++] = s->not_zero ? IF_EQUAL(0, 1, 0) : IF_EQUAL(s->other, 0, 1);
    f[n++] = RETURN(SECCOMP_RET_USER_NOTIF);
    f[n++] = RETURN(SECCOMP_RET_ALLOW);
    return n;
}

size_t filter_program(struct sock_filter *f, size_t cap)
{
    size_t n = 0;
    const size_t most = 6;
    if (cap < 5 + most * (sizeof stops / sizeof *stops))
        return 0;
    f[n++] = LOAD(offsetof(struct seccomp_data, arch));
    f[n++] = IF_EQUAL(ARCH_AUDIT, 1, 0);
    f[n++] = RETURN(SECCOMP_RET_ALLOW);
    f[n++] = LOAD(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        n += put_stop(f + n, &stops[i]);
    f[n++] = RETURN(SECCOMP_RET_ALLOW);
    return n;
}

/* What the kernel does not know of the flags is left out, the newest first. */
static int install_with(const struct sock_fprog *program)
{
    static const unsigned long less[] = {SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                                         SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0};
    long fd = -1;
    for (size_t i = 0; i < sizeof less / sizeof *less; i++) {
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | less[i], program);
        if (fd >= 0 || errno != EINVAL)
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

int filter_install(void)
{
    struct sock_filter f[256];
    struct sock_fprog program = {.len = (unsigned short)filter_program(f, sizeof f / sizeof *f), .filter = f};
    int fd = install_with(&program);
    if (fd == -EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        fd = install_with(&program);
    return fd;
}

const char *filter_refusal(int error)
{
    switch (error) {
    case EBUSY:
        return "another program already watches system calls here through a seccomp listener (a container's supervisor, or another "
               "sockleak run --trace), and the kernel allows one; run it outside of that";
    case EINVAL:
        return "the kernel has no seccomp user notification (Linux 5.6 and later have what is needed)";
    case ENOSYS:
        return "the kernel lacks seccomp user notification, or a sandbox hides it (Linux 5.6 and later have what is needed)";
    case EPERM:
    case EACCES:
        return "a sandbox or a security module forbids to install a seccomp filter, or to look into the program";
    default:
        return NULL;
    }
}

void filter_wake_here(int listener)
{
    int ignored = ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
    (void)ignored;
}
