/* SPDX-License-Identifier: MIT */
/*
 * load.h: one state file, opened and checked, and the process behind it, live or gone.
 *
 * A file is mapped, not copied, so a live table is read as it is now. The mapping is read-only but
 * for the header page of our own files, which takes the request for a fresh look. If the file is
 * cut while it is mapped, what lay behind the cut reads as zeros (never SIGBUS). Failures are
 * sentences for the user, without the file's name and without a newline.
 */
#ifndef SOCKLEAK_CLI_STATE_LOAD_H
#define SOCKLEAK_CLI_STATE_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../core/state.h"

enum life {
    LIFE_RUNNING = 0,
    LIFE_STOPPED, /* by a signal or a debugger: it cannot answer */
    LIFE_EXITED,  /* went through its exit */
    LIFE_EXECED,  /* goes on as another program */
    LIFE_ABORTED,
    LIFE_KILLED,    /* ended, and wrote nothing of it: a signal, the machine */
    LIFE_ELSEWHERE, /* recorded on another machine or before the last boot, no end seen */
};

struct loaded_file {
    char *path; /* as opened; malloc'ed */
    struct state_view view;
    /* the shared header page, NULL when the file is not ours or may not be written */
    struct state_header *writable;
    /* of another user's live process: where it has that page mapped; 0: unknown */
    uint64_t header_there;
    uint64_t map_size;
    uint64_t dev, ino; /* of the file: the same file is loaded once */
    uint32_t owner;    /* of the file */
    pid_t pid;         /* while the process lives its pid as seen from here, else header.pid */
    enum life life;
    bool same_boot; /* this boot of this machine: times compare with our clocks, paths are ours */
    bool by_kernel; /* no file of the agent's: what the kernel alone knows (load_kernel.h) */
    bool answered;  /* load_set_refresh got a fresh look */
    uint32_t asked; /* the number of the request that load_set_refresh waits for; 0: none */
    /* "/proc/PID/root" when the process sees another file system than we do, else "" */
    char root[32];
};

static inline bool load_is_live(const struct loaded_file *l) { return l->life == LIFE_RUNNING || l->life == LIFE_STOPPED; }

/*
 * Maps and checks the file at PATH. NULL, and L filled, or a sentence ("no such file", "not a state
 * file", ...; in a static buffer until the next call) and L untouched. PATH "-" does not mean
 * standard input. Never blocks and follows no link, whatever PATH names; only a regular file is
 * opened, and for writing only one of our own.
 */
const char *load_file(struct loaded_file *l, const char *path);
/* The same where PATH is one of /proc/PID/map_files, which are links. */
const char *load_mapping(struct loaded_file *l, const char *path);
void load_free(struct loaded_file *l);
/*
 * Write a field of L's header, which FIELD points to in the view; false: neither the file nor its
 * process may be written to.
 */
bool load_can_write(const struct loaded_file *l);
bool load_put32(const struct loaded_file *l, const _Atomic uint32_t *field, uint32_t value);
bool load_put64(const struct loaded_file *l, const _Atomic uint64_t *field, uint64_t value);
/*
 * Finds out anew what became of the process and its table: sets pid, life, root, and does what
 * load_grown does.
 */
void load_recheck(struct loaded_file *l);
/* If the table has grown since it was mapped, makes the view cover the new part. */
void load_grown(struct loaded_file *l);

/*
 * A file that has not changed since is the one that the process of L has loaded (CLOCK_REALTIME
 * ns); 0: no file can be proven so. A forked process may have files that its parent loaded long
 * before.
 */
uint64_t load_unchanged_since(const struct loaded_file *l);
/*
 * Field 22 of /proc/PID/stat and field 3 (of a thread that still runs, if any does); false when
 * there is no such process.
 */
bool load_stat(pid_t pid, uint64_t *start_ticks, char *state);
/* CLOCK_REALTIME of a moment of the file's CLOCK_MONOTONIC. */
uint64_t load_to_real(const struct loaded_file *l, uint64_t mono_ns);

/* A field of a mapped table, which its process may be changing. */
static inline uint64_t load_relaxed64(const _Atomic uint64_t *p) { return atomic_load_explicit(p, memory_order_relaxed); }

static inline uint32_t load_relaxed32(const _Atomic uint32_t *p) { return atomic_load_explicit(p, memory_order_relaxed); }

#endif
