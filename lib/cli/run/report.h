/* SPDX-License-Identifier: MIT */
/*
 * report.h: the report at the end of `sockleak run`, over the state files of one directory. For
 * run.c alone.
 */
#ifndef SOCKLEAK_CLI_RUN_REPORT_H
#define SOCKLEAK_CLI_RUN_REPORT_H

#include <stdio.h>
#include <sys/types.h>

#include "../../core/options.h"
#include "../base/arena.h"
#include "../model/handlers.h"
#include "../state/suppression_files.h"

struct run_report {
    const char *dir;
    bool keep;        /* the directory is the user's: it stays */
    const char *json; /* file to write JSON Lines to, "-" standard output, NULL none */
    const struct suppression_files *suppressions;
    const char *exe; /* the program, as resolved */
    pid_t pid;
    int status;          /* of the program, as a shell has it */
    int signal;          /* that ended the program; 0: it exited */
    uint64_t started_ns; /* CLOCK_MONOTONIC: older files in the directory are another run's */
    uint32_t kinds;      /* 0: each process' own */
    uint64_t grace_ns;
    bool grace_set;
    bool no_source;
    bool traced; /* from outside, by this command: what still runs is not recorded any more */
    /*
     * Set by run_report_print: the options of all programs, over them those of the program that was
     * started, over them those of the environment.
     */
    struct options chosen;
    struct handlers_kept kept; /* what was asked before a signal ended the program; the caller's */
    /* Set by run_report_ready: */
    struct arena arena;
    struct suppression *rules;
    size_t n_rules;
    FILE *json_file;
};

/*
 * Reads suppressions and opens the JSON file, so that errors are reported before the program runs.
 * False: it printed an error, and nothing is left to release.
 */
bool run_report_ready(struct run_report *r);
/*
 * Prints the report to standard error and the JSON file, passes on the agents' notes, and removes
 * the files of processes that are gone, and the directory if it is empty then. *LEAKS: sockets
 * after suppressions. Releases what run_report_ready took. CLI_FAILED when something could not be
 * written or read.
 */
int run_report_print(struct run_report *r, uint64_t *leaks);

#endif
