/* SPDX-License-Identifier: MIT */
/*
 * option_fields.h: what SOCKLEAK_OPTIONS say, as data.
 */
#ifndef SOCKLEAK_CORE_OPTION_FIELDS_H
#define SOCKLEAK_CORE_OPTION_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime_name.h"
#include "state.h"

#define NATIVE_FRAMES_MAX 64u
#define NATIVE_FRAMES_DEFAULT 32u

enum color { COLOR_AUTO = 0, COLOR_ALWAYS, COLOR_NEVER };

struct options {
    bool enabled, leak_check_at_exit, abort_on_error, log_json, symbolize, print_suppressions, print_summary, follow_children, help, closes;
    bool exit_check_all; /* leak_check_at_exit=all: also what ended in the last second */
    bool interval_set;   /* interval was given; else it follows grace */
    uint32_t kinds;      /* mask of KIND_BIT */
    uint64_t grace_ns, interval_ns;
    uint32_t exitcode, max_frames, max_leaks, max_sockets, signal, verbosity;
    bool max_frames_set;    /* max_frames was given */
    uint32_t native_frames; /* of a stack without frames of a runtime: options_finish derives it */
    uint32_t runtimes;      /* mask of RUNTIME_BIT */
    uint64_t max_allowed;   /* so many leaked sockets at exit do not change the exit status */
    bool on_exhaustion;
    bool threshold_is_share; /* in percent of the limit */
    uint64_t threshold;      /* descriptors in use; 0: none */
    bool threshold_set;      /* threshold was given: a dormant agent arms itself by it */
    uint64_t log_max;        /* bytes of a log file; 0: no limit */
    uint8_t color;
    bool source;        /* the source line below the first frame of the program */
    char log_path[512]; /* "stderr", "stdout", "none" or a pattern, as given */
    char suppressions[512];
    bool suppressions_told; /* an ancestor has logged what is wrong with that file: options_hush */
    char state_dir[512];    /* empty: the default place */
};

#endif
