/* SPDX-License-Identifier: MIT */
/*
 * inject_lib.h: the source of the libraries that test_inject loads: the same call made directly,
 * through a saved pointer, and never before.
 */
#include <sched.h>
#include <unistd.h>

pid_t (*saved_getppid)(void) = getppid;
pid_t direct(void);
pid_t saved(void);
int never_called_before(void);
int left_alone(void);

pid_t direct(void) { return getppid() + 0; }

pid_t saved(void) { return saved_getppid() + 0; }

int never_called_before(void) { return getpagesize() + 0; }

int left_alone(void) { return sched_yield() + 0; }
