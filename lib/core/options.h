/* SPDX-License-Identifier: MIT */
/*
 * options.h: SOCKLEAK_OPTIONS, one descriptor table for parsing, defaults and help.
 *
 * Pure: the caller fetches the text (environment, sockleak_default_options(), the command's flags)
 * and takes warnings through a callback.
 */
#ifndef SOCKLEAK_CORE_OPTIONS_H
#define SOCKLEAK_CORE_OPTIONS_H

#include "out.h"
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
    uint64_t log_max;       /* bytes of a log file; 0: no limit */
    uint8_t color;
    char log_path[512]; /* "stderr", "stdout" or a pattern, as given */
    char suppressions[512];
    bool suppressions_told; /* an ancestor has logged what is wrong with that file: options_hush */
    char state_dir[512];    /* empty: the default place */
};

void options_default(struct options *o);
/*
 * Applies TEXT ("key=value:key="a:b"") over O. For each unknown key, bad value or overlong string
 * WARN gets one complete sentence without a newline ("grace=abc: not a time; write 30s, 5m or 250ms
 * (kept 30s)"); the old value stays. Later keys win. Async-signal-safe if WARN is.
 */
void options_parse(struct options *o, const char *text, void (*warn)(void *arg, const char *line), void *arg);
/*
 * Overwrites with ':' what options_parse would warn of in TEXT, and a request for help. Whoever
 * inherits the text then does not warn, nor print the help, again. NULL is empty.
 */
void options_blank(char *text);
/*
 * Marks the suppressions in TEXT as a file whose faults were logged: "suppressions" becomes
 * "suppressionS". Whoever inherits the text takes its rules and does not warn again. NULL is empty.
 */
void options_hush(char *text);
/*
 * interval from grace where it was not given: grace/4 within 250 ms .. 10 s; native_frames from
 * max_frames, or 32 where that was not given.
 */
void options_finish(struct options *o);
/* help=1: every key, its default, its meaning. */
void options_help(struct out *o);

#endif
