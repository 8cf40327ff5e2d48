/* SPDX-License-Identifier: MIT */
/*
 * log.h: writes the agent's lines and reports to where log_path says.
 *
 * Not from a wrapper, nor from a signal handler that the program installed: a line for later is kept by notes.h. errno is
 * kept. Nothing here knows a table: what could not be written is counted, and the reporter asks for the count.
 */
#ifndef SOCKLEAK_AGENT_LOG_H
#define SOCKLEAK_AGENT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

/* Remembers what standard output and error are now; again when the options are known. */
void log_init(void);
/* The time that log_path's %t stands for, in ns since 1970; 0: the time of writing. */
void log_set_start(uint64_t real_ns);
/* Writes N bytes as one piece where log_path says; a log file is opened and closed at each call. False: not written (counted). */
bool log_write(const char *p, size_t n);
/* The same to an open descriptor of the caller's; not counted. */
bool log_write_to(int fd, const char *p, size_t n);
/* How many pieces log_write has lost since the last call. */
uint64_t log_take_lost(void);
bool log_has_color(void);
/* One line: "==PID==sockleak: ..."; log_warn: "==PID==sockleak: warning: ...". */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The list of options (help=1). In the constructor only. */
void log_help(void);

/* With verbosity=1: what the agent does. */
#define log_verbose(...)             \
    do {                             \
        if (agent_options.verbosity) \
            log_info(__VA_ARGS__);   \
    } while (0)

#endif
