/* SPDX-License-Identifier: MIT */
/*
 * kernel.h: the sockets that each process of the machine holds, counted by their state in the
 * kernel's tables. No agent needed.
 */
#ifndef SOCKLEAK_CLI_EXPORT_KERNEL_H
#define SOCKLEAK_CLI_EXPORT_KERNEL_H

#include <stdint.h>
#include <sys/types.h>

#include "../base/arena.h"

/* Behind TCP's own states, by their numbers. */
enum kernel_state { KERNEL_DEAD = 16, KERNEL_NEVER, KERNEL_HANGUP, KERNEL_STATES };
/* "CLOSE_WAIT", "DEAD" ... */
const char *kernel_state_name(unsigned state);

struct kernel_process {
    pid_t pid;
    const char *exe; /* its path, or its name where that may not be read */
    char container[65];
    uint64_t descriptors, limit; /* 0: not known */
    uint64_t sockets;            /* counted below */
    uint32_t by_state[KERNEL_STATES];
};

struct kernel_tables {
    struct kernel_process *processes; /* that may be seen */
    size_t n, cap;
    struct arena arena; /* of the strings */
};

/*
 * TCP sockets in each state, those that the kernel has taken out of its tables as dead or never
 * connected, and Unix connections whose peer is gone. Reads the tables of other network namespaces
 * through /proc, enters none.
 */
void kernel_take(struct kernel_tables *k);
void kernel_free(struct kernel_tables *k);

#endif
