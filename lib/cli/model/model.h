/* SPDX-License-Identifier: MIT */
/*
 * model.h: from a state file to a struct report of lib/core/report.h: which of its sockets are findings, with their stacks explained.
 *
 * A live process: what has lasted for its grace (or min_age) and the kernel confirms at this moment. A dead one: what the last look saw stuck, of any
 * age, and what the program was told of since. A model owns all strings and arrays of its report. On the command's one thread.
 */
#ifndef SOCKLEAK_CLI_MODEL_MODEL_H
#define SOCKLEAK_CLI_MODEL_MODEL_H

#include "../../core/report.h"
#include "../../core/suppress.h"
#include "../base/arena.h"
#include "../state/load.h"
#include "../symbolize/symbolize.h"

enum model_sort { SORT_STUCK = 0, SORT_RATE, SORT_AGE };

struct model_options {
    uint32_t kinds; /* mask; 0: what the process itself reports */
    uint64_t min_age_ns;
    bool min_age_set; /* else: a live process' own grace, 0 for a dead one */
    enum model_sort sort;
    struct suppression *rules; /* their counters are raised */
    size_t n_rules;
    struct suppression *own; /* the program's own; asked last */
    size_t n_own;
    unsigned max_sockets, max_leaks; /* 0: no limit for max_leaks */
    bool color, print_summary;
    int reason; /* enum reason; -1: by what became of the process */
};

struct model {
    struct report report;
    const struct loaded_file *from; /* NULL for a merged one */
    struct finding *findings;
    size_t n_findings;
    uint64_t tracked;     /* live sockets in the table, findings or not */
    uint64_t unconfirmed; /* findings of the last look that the kernel no longer confirms */
    uint64_t looked_ns;   /* when the findings were seen; 0: no look yet */
    bool checked;         /* against the kernel's word, now */
    int signal;           /* that ended it, where the caller knows; model_build sets 0 */
    struct arena arena;
};

/* Fills M from the file; SYM explains its stacks and must outlive M. */
void model_build(struct model *m, const struct loaded_file *l, struct symbolizer *sym, const struct model_options *o);
/* For model.c and merge.c: suppressions, sums, order and limits, once the groups have their frames. */
void model_finish(struct model *m, const struct model_options *o);
/* Leaves no more than MAX groups in the report (0: all), and counts what it leaves out. model_finish has done that for the options' max_leaks. */
void model_limit(struct model *m, unsigned max);
void model_free(struct model *m);

#endif
