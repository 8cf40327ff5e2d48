/* SPDX-License-Identifier: MIT */
/*
 * state_dir.h: the directory of the state file, and the file's name in it.
 */
#ifndef SOCKLEAK_AGENT_STATE_DIR_H
#define SOCKLEAK_AGENT_STATE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/state.h"

/*
 * Creates and checks the state directory and opens it; NAME gets "PID.START.sockleak" (START: the
 * process' start in clock ticks, also in *START_TICKS). Returns a descriptor that the caller
 * closes, or -errno with a reason in *WHY. With a descriptor *WHY is empty, or says why a place
 * that would have come first is not used: somebody else was there before.
 */
int state_dir_open(char *name, size_t cap, uint64_t *start_ticks, const char **why);
/*
 * The directory is that of a `sockleak run`, which has the logs there too, and reads and removes
 * all of it at its end.
 */
bool state_dir_is_a_runs(void);
/*
 * The file that state_dir_open found under that name, which an earlier program of this same process
 * had left, and which is removed by now; the caller unmaps it. False: there was none.
 */
bool state_dir_take_old(struct state_view *old);
/* There is no file after all: the table is in memory only. */
void state_dir_no_file(void);
/* Removes this process' state file. */
void state_dir_remove_file(void);
/* Its full path; false when the table is in memory only. */
bool state_dir_file_path(char *path, size_t cap);
/* Process PID, which began at START_TICKS, has a state file in the same directory: it carries the agent. */
bool state_dir_has_file_of(uint32_t pid, uint64_t start_ticks);
/* In a forked child: forgets the file, which is the parent's. */
void state_dir_forget(void);
/*
 * Around an exec that keeps no socket worth a report open: the file is renamed to "PID.exec"
 * meanwhile. If the exec fails, state_dir_step_back gives it its name again, and nothing is lost.
 * If it succeeds, the new program's agent removes it as soon as it is loaded
 * (state_dir_clear_aside). Async-signal-safe.
 */
void state_dir_step_aside(void);
void state_dir_step_back(void);
void state_dir_clear_aside(void);

#endif
