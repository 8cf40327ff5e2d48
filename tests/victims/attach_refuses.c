/* SPDX-License-Identifier: MIT */
/*
 * attach_refuses.c: a process of a kind that attach has to leave alone.
 *
 * usage: attach_refuses KIND. "seccomp": a filter kills it for openat. "allocator": its only thread never leaves its own valloc. "traced
 * PID": traces PID. Prints "ready", then sleeps until its input ends, then prints "fine".
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_for_input(void)
{
    char c;
    puts("ready");
    fflush(stdout);
    while (read(0, &c, 1) > 0)
        ;
}

/* Libraries bind to this one: it is the process' allocator. */
void *valloc(size_t n)
{
    wait_for_input();
    return calloc(1, n);
}

static int forbid_openat(void)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof f / sizeof *f, f};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    if (!strcmp(kind, "seccomp") && forbid_openat())
        return 1;
    if (!strcmp(kind, "traced") && (argc < 3 || ptrace(PTRACE_SEIZE, atoi(argv[2]), NULL, NULL)))
        return 1;
    if (!strcmp(kind, "allocator"))
        free(valloc(1));
    else
        wait_for_input();
    puts("fine");
    return 0;
}
