/* SPDX-License-Identifier: MIT */
/*
 * ledger.h: counters that only rise: sockets opened and closed at each site of each program, over
 * all its processes, those that have ended too.
 *
 * A process' own counts go with its state file, so what they have risen by since the last look is
 * added to the program's. The ledger knows how far each process was counted.
 */
#ifndef SOCKLEAK_CLI_EXPORT_LEDGER_H
#define SOCKLEAK_CLI_EXPORT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger_count {
    uint64_t opened, closed;
};

/* One counter: what is counted of one site of one program in one container. Strings malloc'ed. */
struct ledger_series {
    char *exe, *container, *site, *function, *file;
    struct ledger_count count;
};

/* How far one process was counted. */
struct ledger_process {
    uint64_t start, opened_real_ns; /* with the pid that it has itself: which process */
    uint32_t pid;
    uint32_t n, cap; /* sites with series of their own */
    uint64_t seen_s; /* CLOCK_REALTIME seconds of the last look */
    struct ledger_site {
        uint64_t siteid;
        uint32_t series; /* index */
        struct ledger_count last;
    } * sites;
    struct ledger_count other; /* of all other sites together */
};

struct ledger {
    struct ledger_series *series;
    size_t n, cap;
    uint32_t *index; /* of the series, a hash table; 0: empty, else a series' number and 1 */
    size_t n_index;
    struct ledger_process *processes; /* sorted */
    size_t n_processes, cap_processes;
    uint64_t started_real_ns; /* since when it counts */
    bool changed;             /* since it was read or written */
};

/* One site of a process as it is now. */
struct ledger_entry {
    uint64_t siteid; /* 0: sockets without a stack */
    struct ledger_count count;
    uint64_t rank; /* of those that are new and too many, the higher ones get series of their own */
    /* filled by `name`, which is called only for a site that is new */
    const char *function, *file;
};

struct ledger_look {
    uint32_t pid;
    uint64_t start, opened_real_ns;
    const char *exe, *container;
    struct ledger_entry *entries; /* each siteid once; sorted anew */
    size_t n;
    unsigned max_sites;
    void (*name)(void *arg, struct ledger_entry *e);
    void *arg;
};

/* The process of LOOK was counted before. */
bool ledger_knows(const struct ledger *l, const struct ledger_look *look);
/* Sorts the entries of LOOK, the highest rank first. */
void ledger_rank(struct ledger_look *look);
/* A zeroed ledger is empty. */
void ledger_add(struct ledger *l, struct ledger_look *look, uint64_t now_s);
/* Forgets how far processes were counted that nobody has seen for an hour. */
void ledger_forget(struct ledger *l, uint64_t now_s);
void ledger_free(struct ledger *l);

/* For ledger_file.c: the series with these strings, made where it is not there yet. */
uint32_t ledger_series_of(struct ledger *l, const struct ledger_series *key);
/* The process, made where it is not there yet. */
struct ledger_process *ledger_process_of(struct ledger *l, uint32_t pid, uint64_t start, uint64_t opened_real_ns);
struct ledger_site *ledger_site_add(struct ledger_process *p, uint64_t siteid, uint32_t series);

#endif
