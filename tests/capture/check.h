/* SPDX-License-Identifier: MIT */
/*
 * check.h: takes the caller's stack by capture_stack and by libunwind, and compares.
 *
 * Lives in a shared object together with the agent's capture, as the agent does. All functions may
 * be called in any thread; check_here in signal handlers too, where libunwind is stepped and not
 * asked for unw_backtrace.
 */
#ifndef SOCKLEAK_TESTS_CHECK_H
#define SOCKLEAK_TESTS_CHECK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What may differ from libunwind without being wrong, by program. */
enum check_allow {
    CHECK_MAY_BREAK = 1,     /* ended early and said so */
    CHECK_MAY_BE_LONGER = 2, /* libunwind stopped earlier */
    CHECK_NO_REFERENCE = 4,  /* libunwind itself is known to be wrong or unsafe here: only that it ends, without a fault */
};
void check_allow(unsigned allow);

void check_here(void);
void check_in_handler(void);
/* Like check_here, against frames known beforehand: PCS[0] lies in FUNCTIONS[0], and so on. */
void check_functions(void *const *functions, unsigned n);
/* Addresses of the caller's stack; for drivers that judge themselves. */
unsigned check_take(uint64_t *pcs, unsigned max, unsigned *flags);
void check_fail(const char *why);
uint64_t check_count(void);

/*
 * One SIGALRM in some hundred microseconds; the handler asks for the next, so that the program
 * always gets on, however slow the comparison.
 */
void check_arm(void);

/* Around dlclose, as the agent's wrapper does it. */
int check_dlclose(void *lib);
void check_fork_prepare(void);
void check_fork_parent(void);
void check_fork_child(void);

/* Prints the program's line; the exit status. */
int check_done(const char *name);

#ifdef __cplusplus
}
#endif
#endif
