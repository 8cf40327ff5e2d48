/* SPDX-License-Identifier: MIT */
/*
 * log.h: writes the agent's lines and reports to the place that log_path names.
 *
 * Must not be called from a wrapper or in a signal handler of the program: log_later (notes.h)
 * keeps a line from there. errno is kept. The log knows nothing of the live table: it counts what
 * it could not write, and the reporter takes the count from here.
 */
#ifndef SOCKLEAK_AGENT_LOG_H
#define SOCKLEAK_AGENT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

/*
 * Remembers which files standard output and error are now. Called again when the options are known.
 */
void log_init(void);
/*
 * From now on PLACE holds (as log_path, at most 511 bytes; copied), whatever the option says; what
 * cannot be written there is lost, and counted. One thread at a time.
 */
void log_use(const char *place);
/* The time that log_path's %t stands for, in ns since 1970; 0: the time of writing. */
void log_set_start(uint64_t real_ns);
/*
 * Writes N bytes as one piece; a log file is opened and closed at each call, and is no link and of
 * no other user. False: not written (counted), also because the file has reached log_max.
 */
bool log_write(const char *p, size_t n);
/* The same to an open descriptor that the caller has; a loss is not counted. */
bool log_write_to(int fd, const char *p, size_t n);
/* How many pieces log_write has lost since the last call. */
uint64_t log_take_lost(void);
/* Whether the log takes colours: by the option, else on a terminal without NO_COLOR. */
bool log_has_color(void);
/* Logs one line: "==PID==sockleak: ..."; log_warn: "==PID==sockleak: warning: ...". */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Logs the list of options (help=1). In the constructor only: its buffers are static. */
void log_help(void);

/* Logs what the agent does, with verbosity=1 only. */
#define log_verbose(...)             \
    do {                             \
        if (agent_options.verbosity) \
            log_info(__VA_ARGS__);   \
    } while (0)

#endif
