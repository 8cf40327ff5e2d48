/* SPDX-License-Identifier: MIT */
/*
 * sym_live.h: the ways by which the kernel leads to a file that a live process has mapped.
 */
#ifndef SOCKLEAK_CLI_SYMBOLIZE_SYM_LIVE_H
#define SOCKLEAK_CLI_SYMBOLIZE_SYM_LIVE_H

#include <stdbool.h>
#include <stdint.h>

/* The file of a module. */
struct sym_live {
    int pid;
    uint64_t start;   /* where it is mapped in the process; 0: not known */
    const char *path; /* as recorded */
    const char *root; /* of the process; NULL: ours */
    bool has_id;      /* TRY compares build-ids */
};
/*
 * PATH below ROOT; ROOT NULL: PATH leads there by itself. RUNNING: it is the file of the program
 * that runs, which nobody can write to meanwhile. True: it is the file; the search ends.
 */
typedef bool sym_live_try(void *arg, const char *root, const char *path, bool running);
/*
 * Calls TRY for each of them until it returns true, and returns that. The file need not be the
 * right one: the caller proves it, by its build-id or because it is RUNNING.
 */
bool sym_live_paths(const struct sym_live *from, sym_live_try *try, void *arg);

#endif
