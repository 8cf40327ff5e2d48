/* SPDX-License-Identifier: MIT */
/*
 * load_set.h: many state files.
 *
 * Failures are sentences as in load.h.
 */
#ifndef SOCKLEAK_CLI_STATE_LOAD_SET_H
#define SOCKLEAK_CLI_STATE_LOAD_SET_H

#include "load.h"

/* A zeroed set is empty. */
struct load_set {
    struct loaded_file *items;
    size_t n, cap;
};

/* Called for each file that cannot be read, with the reason. */
typedef void load_set_bad(void *arg, const char *path, const char *why);
/* One of these: prints an error (cli_fail) and sets the int that STATUS points to to CLI_FAILED. */
void load_set_print_error(void *status, const char *path, const char *why);

/* Appends what load_file or load_process gives; the same file twice counts once. */
const char *load_set_file(struct load_set *set, const char *path);
const char *load_set_process(struct load_set *set, pid_t pid, bool *nothing);
/*
 * Every *.sockleak file of a directory, in the order of pids. Returns a sentence when DIR itself
 * cannot be read.
 */
const char *load_set_dir(struct load_set *set, const char *dir, load_set_bad *bad, void *arg);
/*
 * The same, and the files in its run-PID.XXXXXX directories that DIR's owner owns, nobody else may
 * write to, and are no links.
 */
const char *load_set_tree(struct load_set *set, const char *dir, load_set_bad *bad, void *arg);
/*
 * Appends the file that process PID, which has ended, has left in a state directory of this user
 * (for root: of any user), where SOCKLEAK_OPTIONS and XDG_RUNTIME_DIR say or in a usual place: the
 * newest, if the number was given to several. False: there is none.
 */
bool load_set_gone(struct load_set *set, pid_t pid);
void load_set_free(struct load_set *set);

/*
 * Asks every live agent of the set for a fresh look and waits until all have answered or TIMEOUT_MS
 * is over; sets `answered`. Does not wait for a process that is stopped, dormant or without a
 * watcher.
 */
void load_set_refresh(struct load_set *set, int timeout_ms);

#endif
