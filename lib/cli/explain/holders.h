/* SPDX-License-Identifier: MIT */
/*
 * holders.h: who holds the numbers of a site's sockets, by the memory of the live process.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_HOLDERS_H
#define SOCKLEAK_CLI_EXPLAIN_HOLDERS_H

#include "../base/arena.h"
#include "../state/load.h"
#include "../symbolize/symbolize.h"
#include "search.h"

enum holders_verdict {
    HOLDERS_UNKNOWN = 0, /* WHY says why */
    HOLDERS_FOUND,
    HOLDERS_OTHERS,  /* the site's other sockets are held by the objects, these are not */
    HOLDERS_NOWHERE, /* as OTHERS or without any object, and nothing else in its memory may have them */
    HOLDERS_LOST,    /* as NOWHERE, and it has fewer threads, whose registers may have one each */
};
#define HOLDERS_NAMES 6u
struct holders_object {
    struct search_object is;
    unsigned n_names;
    const char *names[HOLDERS_NAMES]; /* "&proto_tcpv4", "conn_session_free", "(app+0x4060)" */
};
struct holders {
    enum holders_verdict verdict;
    const char *why;
    unsigned n, n_stuck; /* the numbers that were looked for, the explained ones first */
    int numbers[SEARCH_NUMBERS];
    uint64_t read; /* bytes of its memory */
    size_t n_threads;
    unsigned n_objects;
    struct holders_object objects[SEARCH_OBJECTS];
};

/* Sockets of one site: those that are explained, and its others. */
struct holders_asked {
    size_t n, n_stuck; /* the explained ones first */
    const int *fds;
};

/* Fills OUT for the process of L; its strings are in ARENA or live as long as SYM. */
void holders_find(struct holders *out, struct arena *arena, const struct loaded_file *l, struct symbolizer *sym,
                  const struct holders_asked *asked);
/*
 * Numbers that are none of the ASKED sockets and no sockets in TAKEN (ascending), near those that
 * were asked for, at most SEARCH_CONTROLS, into CONTROLS. Pure.
 */
unsigned holders_controls(int controls[SEARCH_CONTROLS], const int *asked, unsigned n, const int *taken, size_t n_taken);

#endif
