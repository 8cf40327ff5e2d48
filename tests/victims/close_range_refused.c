/* SPDX-License-Identifier: MIT */
/*
 * close_range_refused.c: runs a program under a filter that refuses close_range, as kernels before 5.9 (38, ENOSYS) and the profiles of some
 * containers (1, EPERM) do. The filter is there before the program starts, so the library does not see it put on.
 *
 * usage: close_range_refused ERRNO|kill COMMAND [ARG...]       kill: it ends the process instead
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../newer.h"

int main(int argc, char **argv)
{
    if (argc < 3)
        return 98;
    unsigned answer = strcmp(argv[1], "kill") == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | (unsigned)atoi(argv[1]);
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof f / sizeof *f, f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
        return 97;
    execvp(argv[2], argv + 2);
    return 96;
}
