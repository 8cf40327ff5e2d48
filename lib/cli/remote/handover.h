/* SPDX-License-Identifier: MIT */
/*
 * handover.h: the agent's library for a process whose file system does not show it.
 *
 * A process in another mount namespace or root, one that has another file of that name, or one that
 * sees it on a mount without execution cannot open it by its path. Two ways are left, each for as
 * long as the loader needs: memory with a descriptor in the process (memfd_create(2)), which it
 * opens through its /proc; and a file in a directory of its own root.
 */
#ifndef SOCKLEAK_CLI_REMOTE_HANDOVER_H
#define SOCKLEAK_CLI_REMOTE_HANDOVER_H

#include <limits.h>
#include <stdint.h>

#include "process.h"
#include "ptrace.h"
#include "refusal.h"

struct handover {
    int number;          /* the descriptor in the process; -1: none */
    uint64_t dev, ino;   /* of what it leads to */
    int dir;             /* the directory that the file lies in, opened here; -1: none */
    char name[64];       /* of the file in it */
    char path[PATH_MAX]; /* what the process is to open */
};

/*
 * Copies LIBRARY into memory of the process of T, a held and prepared thread, for handover_end to
 * take back. NULL, or WHY's sentence; then nothing is left there.
 */
const char *handover_in_memory(struct tracee *t, const char *library, struct handover *h, struct refusal *why);
/*
 * Copies LIBRARY to a file of its own in a directory of the root of process P that P's user may
 * read and that nobody else can change. NULL, or WHY's sentence.
 */
const char *handover_in_root(const struct tracee *t, const struct process_facts *p, const char *library, struct handover *h,
                             struct refusal *why);
/* Takes back what was handed over; the process keeps what it has mapped. */
void handover_end(struct tracee *t, struct handover *h);

#endif
