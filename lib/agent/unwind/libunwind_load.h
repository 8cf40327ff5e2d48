/* SPDX-License-Identifier: MIT */
/*
 * libunwind_load.h: libunwind's functions, loaded when first needed.
 *
 * For libunwind_walk.c only. Not in signal handlers.
 */
#ifndef SOCKLEAK_AGENT_UNWIND_LOAD_H
#define SOCKLEAK_AGENT_UNWIND_LOAD_H

#include <libunwind.h>
#include <stdbool.h>

struct unwind_lib {
    unw_addr_space_t (*create_addr_space)(unw_accessors_t *, int);
    int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
    int (*init_remote)(unw_cursor_t *, unw_addr_space_t, void *);
    int (*step)(unw_cursor_t *);
    int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
    int (*search)(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);
};
/* Complete after unwind_lib_load has returned true. */
extern struct unwind_lib unwind_lib;

/*
 * Loads the library once. False: it is not installed, or another thread is just loading it. Calls
 * dlopen; so it needs what unwind_load needs.
 */
bool unwind_lib_load(void);
/*
 * ON: waits, with a limit, until no thread is loading, and lets no thread begin. Not ON: lets
 * threads load again.
 */
void unwind_lib_quiet(bool on);
/* It was tried, and is not there. */
bool unwind_lib_failed(void);

#endif
