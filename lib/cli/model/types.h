/* SPDX-License-Identifier: MIT */
/*
 * types.h: a model: the report of one or many processes, with all that it is made of.
 *
 * Made by model.c or merge.c, shown by render/. A model owns all strings and arrays of its report.
 */
#ifndef SOCKLEAK_CLI_MODEL_TYPES_H
#define SOCKLEAK_CLI_MODEL_TYPES_H

#include "../../core/report.h"
#include "../../core/suppress.h"
#include "../base/arena.h"
#include "../state/load.h"
#include "young.h"

enum model_sort { SORT_STUCK = 0, SORT_RATE, SORT_AGE };

struct model_options {
    uint32_t kinds; /* mask; 0: what the process itself reports */
    uint64_t min_age_ns;
    bool min_age_set; /* else: a live process' own grace, 0 for a dead one */
    enum model_sort sort;
    struct suppression *rules; /* their counters are raised */
    size_t n_rules;
    struct suppression *own; /* the program's own; applied last */
    size_t n_own;
    unsigned max_sockets, max_leaks; /* 0: no limit for max_leaks */
    bool color, print_summary;
    bool redacted;                    /* the report is for others: without what would only fit this machine's */
    bool brief;                       /* as of struct report */
    bool unread;                      /* not all that was asked for could be read: for formats that nobody reads with the messages */
    const struct handlers_kept *kept; /* of processes that have ended; NULL: nothing */
    bool no_watched;                  /* who watches the sockets, and what they transferred, is not asked */
    bool no_threads;                  /* what /proc shows of the threads that opened and used the sockets is not read */
    bool no_handlers;                 /* what handles the descriptors of a node process is not asked */
    int reason;                       /* enum reason; -1: by what became of the process */
    const int *only_fd;               /* the sockets of this descriptor alone; NULL: all */
};

struct model {
    struct report report;
    const struct loaded_file *from; /* NULL for a merged one */
    struct finding *findings;
    size_t n_findings;
    uint64_t tracked;     /* live sockets in the table, findings or not */
    uint64_t descriptors; /* that the live process has open, of all sorts; 0: not known */
    uint64_t of_others;   /* stuck sockets that it inherited, and that another process reports */
    uint64_t keeps;       /* connections that it holds and does not use, and that KEEPS_OF has closed */
    uint32_t keeps_of;    /* the pid of that process */
    struct young young;   /* in a state that is asked for, but not for min_age_ns yet */
    uint64_t min_age_ns;  /* as used */
    uint64_t unrecorded;  /* that a live process holds, and that are not in its table */
    /* what the kernel shows of those; KIND_OPEN: none that is stuck, or (UNTOLD of them) it does not tell */
    uint64_t unrecorded_by_kind[KIND_COUNT], unrecorded_untold;
    const struct told *handled; /* lists of functions that would be called, which a finding has the number of */
    size_t n_handled;
    const struct frame *youngest; /* where the youngest of `young` was opened; NULL: not known */
    uint64_t unjudged;            /* sockets of a live process of which nobody has told the state */
    uint64_t unconfirmed;         /* findings of the last look that the kernel no longer confirms */
    uint32_t kinds;               /* mask, as reported */
    uint64_t looked_ns;           /* when the findings were seen; 0: no look yet */
    bool checked;                 /* the kernel has just confirmed the findings */
    int signal;                   /* that ended the process, if the caller knows; model_build sets 0 */
    struct arena arena;
};

#endif
