/* SPDX-License-Identifier: MIT */
/*
 * load.h: state files found, opened and checked; the process behind each, live or gone.
 *
 * A file is mapped, not copied, so a live table is read as it is now. The mapping is read-only but for the header page, which takes the
 * request for a fresh look. A file that is cut while it is mapped reads as zeros behind the cut (never SIGBUS). Every function here runs
 * on the command's one thread. Failures are sentences for the user, without the file's name and without a newline.
 */
#ifndef SOCKLEAK_CLI_STATE_LOAD_H
#define SOCKLEAK_CLI_STATE_LOAD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../core/state.h"

enum life {
    LIFE_RUNNING = 0,
    LIFE_STOPPED, /* by a signal or a debugger: cannot be asked */
    LIFE_EXITED,  /* went through its exit */
    LIFE_EXECED,  /* goes on as another program */
    LIFE_ABORTED,
    LIFE_KILLED,    /* gone with no word: a signal, the machine */
    LIFE_ELSEWHERE, /* recorded on another machine or before the last boot, no end seen */
};

struct loaded {
    char *path; /* as opened; malloc'ed */
    struct state_view view;
    struct state_header *writable; /* the shared header page, NULL when the file may not be written */
    uint64_t map_size;
    uint64_t dev, ino; /* of the file: the same file is loaded once */
    pid_t pid;         /* of the process as seen from here when it lives, else header.pid */
    enum life life;
    bool same_boot; /* this boot of this machine: times compare with our clocks, paths are ours */
    bool answered;  /* load_refresh got a fresh look */
    uint32_t asked; /* the request to wait for; 0: none */
    char root[32];  /* "/proc/PID/root" when the process sees another file system than we do, else "" */
};

static inline bool load_is_live(const struct loaded *l) { return l->life == LIFE_RUNNING || l->life == LIFE_STOPPED; }

/* Many of them. A zeroed set is empty. */
struct load_set {
    struct loaded *items;
    size_t n, cap;
};

/*
 * load_file: maps and checks the file at PATH. NULL, and L filled, or a sentence ("no such file", "not a state file", ...; in a static
 * buffer until the next call) and L untouched. PATH "-" is no standard input. Never blocks, whatever PATH names.
 */
const char *load_file(struct loaded *l, const char *path);
/*
 * load_process: the state file of the live process PID, wherever it lies: found by the process' own mapping of it, else in the usual
 * directories, through /proc/PID/root for another mount namespace. *NOTHING is set when the agent is loaded there but has no table yet (no socket was opened):
 * then NULL comes back with L untouched.
 */
const char *load_process(struct loaded *l, pid_t pid, bool *nothing);
void load_free(struct loaded *l);
/* Looks again what became of the process and its table: sets pid, life, root, and what load_grown does. */
void load_recheck(struct loaded *l);
/* Takes into the view what the table has grown by since it was mapped. */
void load_grown(struct loaded *l);

/* Appends what load_file gives; the same file twice counts once. */
const char *load_set_file(struct load_set *set, const char *path);
const char *load_set_process(struct load_set *set, pid_t pid, bool *nothing);
/* Every *.sockleak file of a directory, in the order of pids. BAD gets each file that cannot be read. Returns a sentence when DIR itself cannot be. */
const char *load_set_dir(struct load_set *set, const char *dir, void (*bad)(void *arg, const char *path, const char *why), void *arg);
/* The same, and those below its run-PID.XXXXXX directories: of DIR's owner, that nobody else may write to, no links. */
const char *load_set_tree(struct load_set *set, const char *dir, void (*bad)(void *arg, const char *path, const char *why), void *arg);
void load_set_free(struct load_set *set);

/*
 * Asks every live agent of the set for a fresh look and waits until all have answered or TIMEOUT_MS is over; sets `answered`. A stopped,
 * dormant or watcherless process is not waited for.
 */
void load_refresh(struct load_set *set, int timeout_ms);

/* Field 22 of /proc/PID/stat and field 3 (of a thread that still runs, if any does); false when there is no such process. */
bool load_stat(pid_t pid, uint64_t *start_ticks, char *state);
uint64_t load_mono_ns(void);
uint64_t load_real_ns(void);
/* CLOCK_REALTIME of a moment of the file's CLOCK_MONOTONIC. */
uint64_t load_to_real(const struct loaded *l, uint64_t mono_ns);

#endif
