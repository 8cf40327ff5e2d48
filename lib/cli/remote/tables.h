/* SPDX-License-Identifier: MIT */
/*
 * tables.h: libunwind's view of a held thread, with unwind tables from the memory of the process.
 *
 * libunwind-ptrace by itself opens the files that /proc/PID/maps names. In a chroot these names do
 * not lead to the files, and after an upgrade they lead to others.
 */
#ifndef SOCKLEAK_CLI_REMOTE_TABLES_H
#define SOCKLEAK_CLI_REMOTE_TABLES_H

#include <libunwind-ptrace.h>

#include "remote.h"

/*
 * An address space for unw_init_remote with an argument of _UPT_create; NULL: no memory. R must
 * outlive it; one process at a time. Destroyed by unw_destroy_addr_space.
 */
unw_addr_space_t tables_space(const struct remote *r);

#endif
