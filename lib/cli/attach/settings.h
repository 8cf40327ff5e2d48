/* SPDX-License-Identifier: MIT */
/*
 * settings.h: what `sockleak attach` asks of an agent, and how it is told: by its state file, or in
 * the syntax of SOCKLEAK_OPTIONS.
 */
#ifndef SOCKLEAK_CLI_ATTACH_SETTINGS_H
#define SOCKLEAK_CLI_ATTACH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../remote/process.h"
#include "../state/load.h"

struct attach_settings {
    uint64_t grace_ns, for_ns;
    uint32_t kinds;
    bool grace_set, kinds_set, for_set, log_set;
    char log[400]; /* "stderr", or an absolute path */
};

/* Takes the argument of --log. False: a line says why. */
bool settings_take_log(struct attach_settings *s, const char *word);
/* The process sees the directory that --log's file is to lie in. False: a line says that it does not. */
bool settings_check_log(const struct attach_settings *s, const struct process_facts *process);
/* S as an options string: at most SIZE bytes with its NUL. */
void settings_as_options(const struct attach_settings *s, char *text, size_t size);
/*
 * Writes what S sets to the header of a state file that can be written to (load_can_write). Without
 * --log a process that is WOKEN writes no reports, and one that records already keeps its log.
 */
bool settings_put(struct loaded_file *l, const struct attach_settings *s, bool woken);

#endif
