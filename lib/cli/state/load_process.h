/* SPDX-License-Identifier: MIT */
/*
 * load_process.h: the state file of a live process, wherever it lies.
 */
#ifndef SOCKLEAK_CLI_STATE_LOAD_PROCESS_H
#define SOCKLEAK_CLI_STATE_LOAD_PROCESS_H

#include "load.h"

/*
 * Loads the state file of the live process PID: found by the process' own mapping of it, else in
 * the usual directories, through /proc/PID/root for another mount namespace. NULL, and L filled, or
 * a sentence as load_file's. If the agent is loaded there but has no table, L is what the kernel
 * knows of it (load_kernel.h); if it has no socket either, NULL too, *NOTHING set and L untouched.
 */
const char *load_process(struct loaded_file *l, pid_t pid, bool *nothing);

#endif
