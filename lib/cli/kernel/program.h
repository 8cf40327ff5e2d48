/* SPDX-License-Identifier: MIT */
/*
 * program.h: can the program that a process runs carry the agent, and does it?
 */
#ifndef SOCKLEAK_CLI_KERNEL_PROGRAM_H
#define SOCKLEAK_CLI_KERNEL_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

enum program {
    PROGRAM_UNKNOWN = 0, /* it may not be looked into */
    PROGRAM_WITH_AGENT,  /* has the library loaded, recording or not */
    PROGRAM_LOADABLE,    /* on glibc, dynamically linked */
    PROGRAM_STATIC,
    PROGRAM_GO,         /* makes its system calls itself, so no library sees them */
    PROGRAM_OTHER_LIBC, /* dynamically linked, but not on glibc */
    PROGRAM_OTHER_CPU,  /* a 32-bit one, or for another processor */
};

enum program program_of(pid_t pid);
/*
 * Why the agent cannot be loaded there: "it is statically linked". NULL where it can, is, or that is
 * not known.
 */
const char *program_refusal(enum program program);

/* A path of /proc/PID/maps, or the name of a memfd there, that is the agent's library. */
bool program_is_agent(const char *path);

#endif
